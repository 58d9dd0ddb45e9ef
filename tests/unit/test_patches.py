"""Patches, padding and blocks, against slicing by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convsweep.nn.patches import feature_map_shape, image_blocks, image_patches, normalize, to_blocks


def test_pixels_map_to_minus_a_half_and_a_half():
    assert normalize(np.array([0, 51, 255], np.uint8), np.float64).tolist() == [-0.5, 51 / 255 - 0.5, 0.5]


@pytest.mark.parametrize(("pixels", "seen"), [("unit", [0, 51 / 255, 1]), ("bytes", [0, 51, 255])])
def test_pixels_can_be_seen_as_people_forget_to_centre_or_divide_them(pixels, seen):
    assert normalize(np.array([0, 51, 255], np.uint8), np.float64, pixels).tolist() == seen


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normalized_pixels_have_the_dtype_asked_for(dtype):
    assert normalize(np.zeros((2, 2), np.uint8), dtype).dtype == dtype


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_image_patches_are_the_slices_they_stand_for(padding):
    images = np.random.default_rng(0).normal(size=(3, 6, 8))
    patches = image_patches(images, padding)
    padded = images if padding == "valid" else np.pad(images, ((0, 0), (1, 1), (1, 1)))
    height, width = feature_map_shape(6, 8, padding)
    assert patches.shape == (3, 9, height, width)
    for n in range(3):
        for i in range(height):
            for j in range(width):
                np.testing.assert_array_equal(patches[n, :, i, j].reshape(3, 3), padded[n, i : i + 3, j : j + 3])


def test_blocks_are_two_by_two_neighbourhoods_in_row_major_order():
    image = np.arange(24.0).reshape(4, 6)
    blocks = to_blocks(image)
    assert blocks.T.tolist() == [
        [0, 1, 6, 7],
        [2, 3, 8, 9],
        [4, 5, 10, 11],
        [12, 13, 18, 19],
        [14, 15, 20, 21],
        [16, 17, 22, 23],
    ]


@given(
    number=st.integers(1, 3),
    height=st.integers(4, 12),
    width=st.integers(4, 12),
    ink=st.sampled_from([0, 0.02, 0.2, 1]),
    padding=st.sampled_from(["valid", "same"]),
)
def test_every_block_stands_for_the_patches_that_plain_loops_gather(number, height, width, ink, padding):
    """Whatever the shape, and with blank blocks, few of them or none."""
    rng = np.random.default_rng(number)
    images = np.where(rng.random((number, height, width)) < ink, rng.normal(size=(number, height, width)), -0.5)
    padded = images if padding == "valid" else np.pad(images, ((0, 0), (1, 1), (1, 1)))
    rows, columns = (side // 2 for side in feature_map_shape(height, width, padding))
    for image, blocks in zip(padded, image_blocks(images, padding).images(), strict=True):
        assert blocks.places.shape == blocks.blank.shape == (rows * columns,)
        for row in range(rows):
            for column in range(columns):
                for i in range(2):
                    for j in range(2):
                        x, y = 2 * row + i, 2 * column + j
                        found = blocks.patches[:, :, i, j, blocks.places[row * columns + column]]
                        np.testing.assert_array_equal(found, image[x : x + 3, y : y + 3])


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_blank_blocks_are_kept_once_and_all_others_each(digits, padding):
    """Blank: all of its pixels are like the image's first. ``same`` pads with another grey than the background."""
    images = normalize(digits[0][:20], np.float64)
    batch = image_blocks(images, padding)
    for image, blocks in zip(images, batch.images(), strict=True):
        (patches,) = image_patches(image[None], padding)
        blank = (to_blocks(patches) == image[0, 0]).all(axis=(0, 1))  # [B]
        np.testing.assert_array_equal(blocks.blank, blank)
        assert 20 < blank.sum() < 140
        np.testing.assert_array_equal(blocks.numbers[:-1], np.flatnonzero(~blank))
        assert blank[blocks.numbers[-1]]
        assert (blocks.places[blank] == len(blocks.numbers) - 1).all()


def test_an_image_without_a_blank_block_has_a_last_one_that_no_block_asks_for():
    images = np.arange(64.0).reshape(1, 8, 8)
    (blocks,) = image_blocks(images, "valid").images()
    assert blocks.places.tolist() == list(range(9))
    assert len(blocks.numbers) == 10
    assert not blocks.blank.any()


def test_images_are_gathered_alike_whatever_their_neighbours(digits):
    images = normalize(digits[0][:5])
    for number, blocks in enumerate(image_blocks(images, "valid").images()):
        (alone,) = image_blocks(images[number : number + 1], "valid").images()
        for ours, theirs in zip(blocks, alone, strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(("size", "sizes"), [(1, [1] * 5), (2, [2, 2, 1]), (5, [5]), (9, [5])])
def test_parts_of_a_batch_are_gathered_as_if_alone(digits, size, sizes):
    images = normalize(digits[0][:5])
    parts = list(image_blocks(images, "valid").parts(size))
    assert [len(part.places) for part in parts] == sizes
    for number, part in enumerate(parts):
        alone = image_blocks(images[number * size : (number + 1) * size], "valid")
        for ours, theirs in zip(part, alone, strict=True):
            np.testing.assert_array_equal(ours, theirs)
