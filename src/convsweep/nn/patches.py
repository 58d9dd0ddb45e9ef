"""From images to the columns a convolution multiplies: normalisation, padding, 3x3 patches, 2x2 blocks.

A 3x3 convolution is a matrix product once every 3x3 patch of the image is a column. The order of those columns is
free. Training takes them from one 2x2 pooling block after the other: the patches at each of the four positions in a
block are a matrix of their own, and what pooling compares lies in four planes.

More than half of a digit's blocks are blank and have the same patches, so ``image_blocks`` keeps one of them.

Left out: strides other than 1, kernels other than 3x3, more than one input channel.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

Floats = npt.NDArray[np.floating[Any]]
Pixels = npt.NDArray[np.uint8]
Indices = npt.NDArray[np.intp]
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


class ImageBlocks(NamedTuple):
    """The patches of an image's B pooling blocks, of K of them: those that aren't blank, then one for all that are."""

    patches: Floats  # [3, 3, 2, 2, K], a view: tap, position in the block, block
    numbers: Indices  # [K], which of the B blocks each one is, row by row
    places: Indices  # [B], which of the K stands for each block
    blank: Floats  # [B], 1 for a blank block, 0 for any other


class BatchBlocks(NamedTuple):
    """The blocks of N images, side by side."""

    patches: Floats  # [3, 3, 2, 2, sum of K], a view of the 4x4 pixels that a block's patches lie in
    numbers: Indices  # [sum of K]
    starts: Indices  # [N + 1], where each image's patches begin; last, where all end
    places: Indices  # [N, B], counted from each image's start
    blank: Floats  # [N, B]

    def images(self) -> Iterator[ImageBlocks]:
        """Yield each image's blocks: views."""
        for (start, end), places, blank in zip(pairwise(self.starts.tolist()), self.places, self.blank, strict=True):
            yield ImageBlocks(self.patches[..., start:end], self.numbers[start:end], places, blank)

    def parts(self, size: int) -> Iterator["BatchBlocks"]:
        """Yield the blocks of ``size`` images at a time, the last time of those that are left: views."""
        for first in range(0, len(self.places), size):
            images = slice(first, first + size)
            starts = self.starts[first : first + size + 1]
            kept = slice(starts[0], starts[-1])
            yield BatchBlocks(
                self.patches[..., kept], self.numbers[kept], starts - starts[0], self.places[images], self.blank[images]
            )


def image_blocks(images: Floats, padding: Padding) -> BatchBlocks:
    """Gather the 3x3 patches of images, block by block: as 2x2 pooling reads the feature map.

    A block is blank if all pixels of its patches are like the image's first. An odd last row or column of the feature
    map has no block and is left out.

    Args:
        images: ``[N, H, W]``.
        padding: ``valid`` (none) or ``same`` (one pixel of zeros).
    """
    padded = pad(images, padding)
    number, height, width = padded.shape
    rows, columns = height // 2 - 1, width // 2 - 1
    blocks = rows * columns

    # a block's patches lie in a window of 4x4 pixels: two pairs of rows that follow each other, and of columns
    pixels = padded[:, : 2 * rows + 2, : 2 * columns + 2] != images[:, :1, :1]
    pairs = pixels.view(np.uint16)  # two columns as one number: 0 where both are blank
    pairs = pairs[:, 0::2] | pairs[:, 1::2]
    pairs = pairs[:, :-1] | pairs[:, 1:]
    inked = (pairs[:, :, :-1] | pairs[:, :, 1:]).reshape(number, blocks) != 0

    # of every image the inked blocks, then the first blank one (the first of all, which nobody asks for, if none is)
    kept = np.append(inked, np.ones((number, 1), bool), axis=1)  # [N, B + 1]
    counts = np.count_nonzero(kept, axis=1)
    starts = np.append(0, counts.cumsum())
    image = np.repeat(np.arange(number), counts)
    kept_places = np.flatnonzero(kept)
    numbers = kept_places - image * (blocks + 1)
    numbers[starts[1:] - 1] = inked.argmin(axis=1)
    places = np.repeat(counts - 1, blocks + 1)  # the last one, but for the inked blocks
    places[kept_places] = np.arange(len(image)) - starts[image]

    # a block's window of 4x4 pixels is picked pixel by pixel
    corners = np.add.outer(2 * width * np.arange(rows), 2 * np.arange(columns)).ravel()[numbers]
    corners += image * (height * width)
    windows = np.empty((KERNEL + 1, KERNEL + 1, len(corners)), images.dtype)
    flat = padded.ravel()
    for x in range(KERNEL + 1):
        for y in range(KERNEL + 1):
            flat[x * width + y :].take(corners, out=windows[x, y], mode="clip")
    # [3, 3, 2, 2, sum of K]: a tap further and a position further are both a pixel further
    x, y, block = windows.strides
    patches = as_strided(windows, (KERNEL, KERNEL, 2, 2, len(corners)), (x, y, x, y, block))
    places = places.reshape(number, blocks + 1)[:, :blocks]
    return BatchBlocks(patches, numbers, starts, places, (~inked).astype(images.dtype))


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
