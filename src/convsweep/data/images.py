"""Pictures of digits from files, brought into MNIST's form, whatever their size and polarity.

MNIST's digits (LeCun et al. 1998) are light on dark, scaled to fit 20 x 20 pixels with their aspect ratio kept, and
centred by their centre of mass in 28 x 28. A 28 x 28 picture is taken to have that form already, apart from its
polarity.
"""

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from convsweep.errors import UserError
from convsweep.nn.network import IMAGE_SHAPE
from convsweep.nn.patches import Pixels

DIGIT_SIZE = 20  # pixels: the longer side of an MNIST digit
INK = 64  # grey value from which a pixel belongs to the digit


def read_image(path: Path) -> Pixels:
    """Return a picture in MNIST's form: uint8 ``[28, 28]``, light on dark.

    Raises:
        UserError: The file can't be read as an image, or is of one colour.
    """
    try:
        with Image.open(path) as image:
            grey = np.asarray(_flatten(image).convert("L"))
    except UnidentifiedImageError as error:
        raise UserError(f"'{path}' must be an image file.") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:  # SyntaxError: a broken PNG
        raise UserError(f"'{path}' cannot be read as an image: {getattr(error, 'strerror', None) or error}.") from error
    if grey.min() == grey.max():
        raise UserError(f"'{path}' must show a digit (all its pixels are alike).")
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    if np.median(border) > (float(grey.min()) + float(grey.max())) / 2:
        grey = 255 - grey  # dark on light
    return grey if grey.shape == IMAGE_SHAPE else _centre(grey)


def _flatten(image: Image.Image) -> Image.Image:
    """Lay a picture with transparency on white."""
    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image)


def _centre(grey: Pixels) -> Pixels:
    """Scale the digit to MNIST's size and put its centre of mass into the middle."""
    low, high = float(grey.min()), float(grey.max())
    grey = np.round((grey - low) * (255 / (high - low))).astype(np.uint8)
    rows, columns = np.nonzero(grey >= INK)
    digit = Image.fromarray(grey[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1])
    scale = DIGIT_SIZE / max(digit.size)
    width, height = (max(round(side * scale), 1) for side in digit.size)
    small = np.asarray(digit.resize((width, height), Image.Resampling.LANCZOS), float)
    mass = small.sum()
    centre = [(small.sum(axis=1 - axis) @ np.arange(small.shape[axis])) / mass for axis in (0, 1)]
    canvas = np.zeros(IMAGE_SHAPE, np.uint8)
    top, left = (
        int(np.clip(round(middle - at), 0, side - length))
        for middle, at, side, length in zip((14, 14), centre, IMAGE_SHAPE, small.shape, strict=True)
    )
    canvas[top : top + height, left : left + width] = np.round(small)
    return canvas
