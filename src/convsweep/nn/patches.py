"""From images to the columns a convolution multiplies: normalisation, padding, 3x3 patches, 2x2 blocks.

A 3x3 convolution is a matrix product once every 3x3 patch of the image is a column. The order of
those columns is free, so training uses *block order*, ``[4, 9, B]``: the patches at each of the four
positions in a 2x2 pooling block are a matrix of their own, and what pooling compares lies in four planes.

Left out: strides other than 1, kernels other than 3x3, more than one input channel.
"""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Pixels = npt.NDArray[np.uint8]
Padding = Literal["valid", "same"]
PixelRange = Literal["centred", "unit", "bytes"]

KERNEL = 3


def normalize(images: Pixels, dtype: npt.DTypeLike = np.float32, pixels: PixelRange = "centred") -> Floats:
    """Map pixels 0..255 to the range that the network sees.

    Args:
        images: Grey values, uint8, any shape.
        dtype: float32 or float64.
        pixels: ``centred`` (-0.5 to 0.5, as in the tutorial), ``unit`` (0 to 1) or ``bytes`` (0 to 255).

    Returns:
        ``images / 255 - 0.5``, ``images / 255`` or ``images``, same shape.

    >>> normalize(np.array([0, 255], np.uint8))
    array([-0.5,  0.5], dtype=float32)
    """
    if pixels == "bytes":
        return images.astype(dtype)
    scaled = np.divide(images, 255, dtype=dtype)
    if pixels == "centred":
        scaled -= scaled.dtype.type(0.5)
    return scaled


def feature_map_shape(height: int, width: int, padding: Padding) -> tuple[int, int]:
    """Return rows and columns of a 3x3 convolution's output.

    >>> feature_map_shape(28, 28, "valid"), feature_map_shape(28, 28, "same")
    ((26, 26), (28, 28))
    """
    lost = KERNEL - 1 if padding == "valid" else 0
    return height - lost, width - lost


def pad(images: Floats, padding: Padding) -> Floats:
    """Surround images ``[N, H, W]`` with one pixel of zeros for ``same``; return them as they are for ``valid``."""
    if padding == "valid":
        return images
    return np.pad(images, ((0, 0), (1, 1), (1, 1)))


def image_patches(images: Floats, padding: Padding) -> Floats:
    """Gather every 3x3 patch, in the order of the image's pixels.

    Args:
        images: ``[N, H, W]``.
        padding: ``valid`` (none) or ``same`` (one pixel of zeros).

    Returns:
        ``[N, 9, H', W']``: the nine taps of a patch, row by row, then the position of the patch.
    """
    height, width = feature_map_shape(images.shape[1], images.shape[2], padding)
    padded = pad(images, padding)
    taps = [padded[:, x : x + height, y : y + width] for x in range(KERNEL) for y in range(KERNEL)]
    return np.stack(taps, axis=1)  # [N, 9, H', W']


def block_patches(images: Floats, padding: Padding, out: Floats | None = None) -> Floats:
    """Gather every 3x3 patch, in block order: as 2x2 pooling reads the feature map.

    An odd last row or column of the feature map has no block and is left out.

    Args:
        images: ``[N, H, W]``.
        padding: ``valid`` (none) or ``same`` (one pixel of zeros).
        out: A buffer for the result.

    Returns:
        ``[N, 4, 9, B]``: position in the block (row by row), tap, block (row by row).
    """
    height, width = feature_map_shape(images.shape[1], images.shape[2], padding)
    rows, columns = height // 2, width // 2
    padded = pad(images, padding)
    if out is None:
        out = np.empty((len(images), 4, KERNEL**2, rows * columns), images.dtype)  # [N, 4, 9, B]
    # a block's four patches lie in one window of 4x4 pixels: 16 strided copies make the windows, 4 of long rows the
    # patches, in place of 36 strided ones
    windows = np.empty((len(images), KERNEL + 1, KERNEL + 1, rows * columns), images.dtype)
    grid = windows.reshape(*windows.shape[:3], rows, columns)  # views: no copies are made
    by_position = out.reshape(len(images), 2, 2, KERNEL, KERNEL, rows * columns)
    for x in range(KERNEL + 1):
        for y in range(KERNEL + 1):
            grid[:, x, y] = padded[:, x : x + 2 * rows : 2, y : y + 2 * columns : 2]
    for i in range(2):
        for j in range(2):
            by_position[:, i, j] = windows[:, i : i + KERNEL, j : j + KERNEL]
    return out


def to_blocks(maps: Floats) -> Floats:
    """Reorder feature maps ``[..., H, W]`` into 2x2 blocks ``[..., 4, B]``; an odd last row or column is left out.

    >>> to_blocks(np.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[1.0], [2.0], [3.0], [4.0]]
    """
    *leading, height, width = maps.shape
    rows, columns = height // 2, width // 2
    grid = maps[..., : 2 * rows, : 2 * columns].reshape(*leading, rows, 2, columns, 2)
    grid = np.moveaxis(grid, (-3, -1), (-4, -3))  # [..., 2, 2, rows, columns]
    return grid.reshape(*leading, 4, rows * columns)
