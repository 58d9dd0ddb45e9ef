"""Pictures from files of every kind: read as they are meant, or refused in one clear line."""

import io
import re
from typing import Any

import numpy as np
import pytest
from drawn_digits import ORIENTATION
from PIL import Image

from convsweep.data.images import read_image
from convsweep.data.picture_files import LONGEST, read_picture
from convsweep.errors import UserError

TURNS = {  # what EXIF's orientation says has been done to the picture
    1: lambda picture: picture,
    2: np.fliplr,
    3: lambda picture: np.rot90(picture, 2),
    4: np.flipud,
    5: np.transpose,
    6: np.rot90,
    7: lambda picture: np.rot90(picture, 2).T,
    8: lambda picture: np.rot90(picture, -1),
}


@pytest.fixture(scope="module")
def digit(digits):
    """One real digit, light on dark."""
    return digits[0][0]


@pytest.fixture(scope="module")
def upright():
    """A picture that looks different however it is turned: grey values 0 to 255, [48, 64]."""
    return np.add.outer(np.arange(48) * 3, np.arange(64) * 110 // 63).astype(np.uint8)


def refusal(path):
    """Return what is said of a picture: one line that names it."""
    with pytest.raises(UserError) as refused:
        read_image(path)
    text = str(refused.value)
    assert "\n" not in text
    assert text.startswith(f"'{path}' ")
    return text


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", TURNS)
def test_a_picture_is_turned_as_its_exif_orientation_says(tmp_path, upright, orientation, suffix):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    options: dict[str, Any] = {} if suffix == "tif" else {"quality": 100}
    path = tmp_path / f"turned.{suffix}"
    Image.fromarray(np.ascontiguousarray(TURNS[orientation](upright))).save(path, exif=exif, **options)
    assert np.abs(read_picture(path) - upright).max() <= 4


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [
        ("L", "png"),
        ("RGB", "png"),
        ("RGBA", "png"),
        ("LA", "png"),
        ("P", "png"),
        ("P", "gif"),
        ("CMYK", "tif"),
        ("CMYK", "jpg"),
        ("YCbCr", "jpg"),
        ("LA", "tif"),
    ],
)
def test_every_way_to_store_greys_is_read_alike(tmp_path, upright, mode, suffix):
    path = tmp_path / f"picture.{suffix}"
    image = Image.fromarray(upright)
    options: dict[str, Any] = {"quality": 100} if suffix == "jpg" else {}
    (image if mode == "P" else image.convert("RGB")).convert(mode).save(path, **options)
    assert np.abs(read_picture(path) - upright).max() <= 4


def test_of_an_animation_the_first_frame_is_read(tmp_path, upright):
    path = tmp_path / "moving.gif"
    first, second = Image.fromarray(upright), Image.fromarray(255 - upright)
    first.save(path, save_all=True, append_images=[second])
    assert np.abs(read_picture(path) - upright).max() <= 4


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize(
    "stored",
    [
        Image.fromarray,
        lambda digit: Image.fromarray(digit).convert("RGB"),
        lambda digit: Image.fromarray(digit).convert("P"),
        lambda digit: Image.fromarray(digit).convert("LA"),
        lambda digit: Image.fromarray(digit.astype(np.uint16) * 257),
        lambda digit: Image.fromarray(digit.astype(np.uint16) * 16),
        lambda digit: Image.fromarray(digit.astype(np.float32) / 255),
    ],
    ids=["L", "RGB", "P", "LA", "16 bits", "12 bits in 16", "floats"],
)
def test_an_image_of_mnists_size_is_used_bit_for_bit(tmp_path, digit, stored, inverted):
    assert digit.max() == 255
    path = tmp_path / "digit.tif"
    stored(255 - digit if inverted else digit).save(path)
    np.testing.assert_array_equal(read_image(path).pixels, digit)


@pytest.mark.parametrize("colour", ["white", "black", "red"])
def test_opacity_is_the_drawing_where_the_ink_has_one_colour(tmp_path, digit, colour):
    ink = Image.new("RGBA", (28, 28), colour)
    ink.putalpha(Image.fromarray(digit))
    ink.save(tmp_path / "ink.png")
    np.testing.assert_array_equal(read_image(tmp_path / "ink.png").pixels, digit)


@pytest.mark.parametrize("light", [True, False])
def test_ink_of_several_colours_is_laid_on_a_contrasting_ground(tmp_path, digit, light):
    colours = np.linspace(150, 250, 28) if light else np.linspace(100, 0, 28)
    grey = np.broadcast_to(colours.astype(np.uint8), (28, 28))
    Image.merge("LA", [Image.fromarray(grey), Image.fromarray(digit)]).save(tmp_path / "ink.png")
    seen = read_image(tmp_path / "ink.png").pixels.astype(float)
    assert np.corrcoef(seen.ravel(), digit.ravel())[0, 1] > 0.9


def test_a_large_photograph_is_reduced(tmp_path):
    path = tmp_path / "photograph.jpg"
    Image.linear_gradient("L").resize((6000, 4000)).save(path)
    assert read_picture(path).shape == (round(LONGEST * 2 / 3), LONGEST)


@pytest.mark.parametrize(("size", "said"), [((12000, 9000), r"got 108\)"), ((20000, 10000), r"got more than 64\)")])
def test_a_picture_of_too_many_pixels_is_refused(tmp_path, size, said):
    Image.new("1", size).save(tmp_path / "huge.png")
    assert re.search(f"at most 64 megapixels .{said}: cut the digit out", refusal(tmp_path / "huge.png"))


@pytest.mark.parametrize("kept", range(8, 200, 16))
def test_a_cut_picture_is_refused(tmp_path, kept):
    path = tmp_path / "digit.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:kept])
    assert "digit.png" in refusal(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "must be a picture (it is empty)."),
        (
            b"Dear reader, this is no picture.",
            "must be a picture of a usual kind, such as PNG, JPEG, TIFF, GIF or WebP.",
        ),
        (b"\0\0\0\x24ftypheic\0\0\0\0mif1heic", "is a HEIC picture, which cannot be read: save it as JPEG or PNG."),
    ],
    ids=["empty", "text", "HEIC"],
)
def test_what_is_no_picture_is_refused_with_the_way_out(tmp_path, content, said):
    path = tmp_path / "picture.jpg"
    path.write_bytes(content)
    assert refusal(path) == f"'{path}' {said}"


def test_a_folder_is_refused(tmp_path):
    assert refusal(tmp_path).endswith("must be a picture (it is a folder): name the files in it.")


def test_a_missing_file_is_refused(tmp_path):
    assert refusal(tmp_path / "missing.png").endswith("cannot be read as a picture: No such file or directory.")


def test_floats_that_are_no_numbers_are_refused(tmp_path):
    Image.fromarray(np.full((30, 30), np.nan, np.float32)).save(tmp_path / "nan.tif")
    assert refusal(tmp_path / "nan.tif").endswith("it holds values that are no finite numbers.")


def test_exif_data_that_are_nonsense_do_not_keep_a_picture_from_being_read(tmp_path, upright):
    content = io.BytesIO()
    Image.fromarray(upright).save(content, "JPEG", quality=100, exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff nonsense")
    (tmp_path / "odd.jpg").write_bytes(content.getvalue())
    assert np.abs(read_picture(tmp_path / "odd.jpg") - upright).max() <= 4
