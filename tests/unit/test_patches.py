"""Patches, padding and blocks, against slicing by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convsweep.nn.patches import block_patches, feature_map_shape, image_patches, normalize, to_blocks


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


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("shape", [(28, 28), (6, 8), (7, 9)], ids=str)
def test_block_order_holds_the_same_patches_as_image_order(padding, shape):
    images = np.random.default_rng(1).normal(size=(2, *shape))
    in_image_order = image_patches(images, padding)  # [N, 9, H', W']
    np.testing.assert_array_equal(block_patches(images, padding).swapaxes(1, 2), to_blocks(in_image_order))


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


def test_patches_can_be_made_in_a_buffer():
    images = np.random.default_rng(2).normal(size=(2, 28, 28))
    buffer = np.full((2, 4, 9, 169), np.nan)
    assert block_patches(images, "valid", out=buffer) is buffer
    np.testing.assert_array_equal(buffer, block_patches(images, "valid"))


@given(
    number=st.integers(0, 3),
    height=st.integers(3, 12),
    width=st.integers(3, 12),
    padding=st.sampled_from(["valid", "same"]),
)
def test_block_order_of_any_shape_is_what_plain_loops_gather(number, height, width, padding):
    images = np.random.default_rng(number).normal(size=(number, height, width))
    padded = images if padding == "valid" else np.pad(images, ((0, 0), (1, 1), (1, 1)))
    rows, columns = (side // 2 for side in feature_map_shape(height, width, padding))
    gathered = block_patches(images, padding)
    assert gathered.shape == (number, 4, 9, rows * columns)
    for n in range(number):
        for row in range(rows):
            for column in range(columns):
                for i in range(2):
                    for j in range(2):
                        x, y = 2 * row + i, 2 * column + j
                        patch = padded[n, x : x + 3, y : y + 3]
                        found = gathered[n, 2 * i + j, :, row * columns + column]
                        np.testing.assert_array_equal(found.reshape(3, 3), patch)
