"""Picture files of any kind -> grey values, upright and small enough to work on.

A picture is laid flat (transparency), turned as its EXIF orientation says, and reduced to ``LONGEST`` pixels while it
is read, so that a phone's photograph costs little time and memory. What has more than 8 bits a pixel is scaled by its
own smallest and largest value: cameras and scanners fill any part of 16 bits.

Left out: colour (ink that differs from its paper in hue alone), pages and frames after the first, HEIC.
"""

import struct
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from convsweep.errors import UserError

LONGEST = 1024  # pixels: the longer side of what is worked on
MOST_MEGAPIXELS = 64
HEIC = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")  # brands, in bytes 8 to 11
UNIFORM = 24  # grey values: an ink whose visible greys span no more is of one colour

Greys = npt.NDArray[np.float32]  # [H, W], 0 (black) to 255 (white)


def read_picture(path: Path) -> Greys:
    """Return a picture's grey values ``[H, W]``, neither side longer than ``LONGEST``.

    Raises:
        UserError: There is no such file, it is no picture, is damaged or has too many pixels.
    """
    if path.is_dir():
        raise UserError(f"'{path}' must be a picture (it is a folder): name the files in it.")
    try:
        with warnings.catch_warnings():
            # Pillow warns of what we refuse, and of harmless oddities in files, such as EXIF data cut short
            warnings.simplefilter("ignore")
            # by its name, Pillow 13 reads an uncompressed TIFF file that is to be turned as rows of the wrong length
            with path.open("rb") as file, Image.open(file) as image:
                _check_size(path, image)
                return _grey_values(image)
    except UnidentifiedImageError as error:
        raise UserError(_why_unidentified(path)) from error
    except Image.DecompressionBombError as error:
        raise UserError(_too_large(path, f"more than {MOST_MEGAPIXELS}")) from error
    except (OSError, SyntaxError, ValueError, struct.error, EOFError) as error:  # SyntaxError: a broken PNG
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"'{path}' cannot be read as a picture: {reason}.") from error


def _check_size(path: Path, image: Image.Image) -> None:
    megapixels = image.width * image.height / 1e6
    if megapixels > MOST_MEGAPIXELS:
        raise UserError(_too_large(path, f"{megapixels:.0f}"))


def _too_large(path: Path, megapixels: str) -> str:
    return (
        f"'{path}' must have at most {MOST_MEGAPIXELS} megapixels (got {megapixels}): "
        "cut the digit out, or save it smaller."
    )


def _why_unidentified(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(12)
    if not start:
        return f"'{path}' must be a picture (it is empty)."
    if start[4:8] == b"ftyp" and start[8:12] in HEIC:
        return f"'{path}' is a HEIC picture, which cannot be read: save it as JPEG or PNG."
    return f"'{path}' must be a picture of a usual kind, such as PNG, JPEG, TIFF, GIF or WebP."


def _grey_values(image: Image.Image) -> Greys:
    image.draft(None, (LONGEST, LONGEST))  # a JPEG file is decoded at half, a quarter or an eighth of its size
    image.load()
    orientation = image.getexif().get(ExifTags.Base.Orientation)  # once loaded: Pillow turns TIFF pictures itself
    if image.mode.startswith(("I", "F")):
        small = _reduced(_by_own_range(image))
    elif image.has_transparency_data:
        small = _lay_flat(_reduced(image.convert("RGBA")))
    else:
        direct = image.mode in ("L", "RGB", "CMYK")  # a palette's indices can't be averaged
        small = _reduced(image if direct else image.convert("RGB")).convert("RGB").convert("L")
    if orientation is not None:
        small.getexif()[ExifTags.Base.Orientation] = orientation
        small = ImageOps.exif_transpose(small)
    return np.asarray(small, np.float32)


def _reduced(image: Image.Image) -> Image.Image:
    image.thumbnail((LONGEST, LONGEST))
    return image


def _by_own_range(image: Image.Image) -> Image.Image:
    """Map a picture's smallest value to 0 and its largest to 255."""
    values = np.asarray(image).astype(np.float64)
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(high - low):
        raise ValueError("it holds values that are no finite numbers")
    return Image.fromarray(((values - low) * (255 / ((high - low) or 1))).astype(np.float32))


def _lay_flat(image: Image.Image) -> Image.Image:
    """Turn red, green, blue and opacity into grey values."""
    alpha = np.asarray(image.getchannel("A"), np.float32)
    grey = np.asarray(image.convert("RGB").convert("L"), np.float32)
    if alpha.min() == alpha.max():
        return Image.fromarray(grey)
    visible = grey[alpha >= alpha.max() / 2]
    if visible.max() - visible.min() <= UNIFORM:
        return Image.fromarray(alpha)  # ink of one colour: its opacity is the drawing
    opacity = alpha / 255
    contrasting = 0.0 if visible.mean() > 127.5 else 255.0
    # what covers most of the picture is paper with holes or round corners: they are filled with paper
    ground = float(np.median(visible)) if opacity.mean() > 0.5 else contrasting
    return Image.fromarray(grey * opacity + np.float32(ground) * (1 - opacity))
