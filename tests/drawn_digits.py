"""Digits drawn as people's pictures have them: large, dark on light paper, and then with one thing amiss each.

``draw`` writes a file; the same digit and kind give the same file every time.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from convsweep.nn.patches import Pixels

SIZE = 280  # pixels: ten times MNIST's
PAPER, INK = 245, 30  # grey values
ORIENTATION = 0x0112  # EXIF's number for it

Greys = npt.NDArray[np.float64]  # [H, W], 0 to 255


class Drawing(NamedTuple):
    """An MNIST digit, and where it is to be drawn."""

    digit: Pixels  # [28, 28]
    path: Path  # without suffix
    rng: np.random.Generator

    def on_paper(self, size: int = SIZE) -> Greys:
        """Draw the digit in dark ink on light paper, ``[size, size]``."""
        large = Image.fromarray(self.digit).resize((size, size), Image.Resampling.BICUBIC)
        return PAPER - np.asarray(large, float) / 255 * (PAPER - INK)

    def save(self, picture: Greys | Image.Image, suffix: str, **options: Any) -> Path:
        """Write a picture; grey values of any type but 8 bits are given as an image."""
        if not isinstance(picture, Image.Image):
            picture = Image.fromarray(np.round(np.clip(picture, 0, 255)).astype(np.uint8))
        path = self.path.with_suffix(suffix)
        picture.save(path, **options)
        return path


Kind = Callable[[Drawing], Path]


def clean(drawing: Drawing) -> Path:
    return drawing.save(drawing.on_paper(), ".png")


def shaded(drawing: Drawing) -> Path:
    """30% darker from one side to the other."""
    return drawing.save(drawing.on_paper() * np.linspace(1, 0.7, SIZE), ".png")


def hard_shadow(drawing: Drawing) -> Path:
    """One half of the sheet lies in shadow, 40% darker."""
    light = np.where(np.add.outer(np.arange(SIZE), np.arange(SIZE)) > SIZE, 0.6, 1.0)
    return drawing.save(drawing.on_paper() * light, ".png")


def noisy(drawing: Drawing) -> Path:
    return drawing.save(drawing.on_paper() + drawing.rng.normal(0, 10, (SIZE, SIZE)), ".png")


def speck(drawing: Drawing) -> Path:
    picture = drawing.on_paper()
    picture[5:9, 5:9] = INK
    return drawing.save(picture, ".png")


def framed(drawing: Drawing) -> Path:
    picture = drawing.on_paper()
    for side in (picture, picture.T, picture[::-1], picture.T[::-1]):
        side[:6] = INK
    return drawing.save(picture, ".png")


def ruled(drawing: Drawing) -> Path:
    """Lines of 2 pixels, every 28."""
    lines = np.full((SIZE, SIZE), 255.0)
    for top in range(20, SIZE, 28):
        lines[top : top + 2] = 120
    return drawing.save(np.minimum(drawing.on_paper(), lines), ".png")


def ruled_askew(drawing: Drawing) -> Path:
    """The same sheet, turned by 2 degrees and cut."""
    lines = Image.new("L", (SIZE, SIZE), 255)
    draw = ImageDraw.Draw(lines)
    for top in range(-20, SIZE + 20, 28):
        draw.line((0, top, SIZE, top + SIZE * np.tan(np.radians(2))), 120, 2)
    return drawing.save(np.minimum(drawing.on_paper(), np.asarray(lines, float)), ".png")


def squared(drawing: Drawing) -> Path:
    """Squared paper: lines of 1 pixel, every 20, both ways."""
    picture = drawing.on_paper()
    for side in (picture, picture.T):
        side[10::20] = np.minimum(side[10::20], 170)
    return drawing.save(picture, ".png")


def jpeg(drawing: Drawing) -> Path:
    return drawing.save(drawing.on_paper(), ".jpg", quality=20)


def turned(orientation: int, turn: Callable[[Greys], Greys]) -> Kind:
    """A phone's file: the sensor's rows as they are, and how to hold them."""

    def drawn(drawing: Drawing) -> Path:
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        return drawing.save(turn(drawing.on_paper()), ".jpg", quality=90, exif=exif)

    return drawn


def sixteen_bits(drawing: Drawing) -> Path:
    """A scanner's 16 bits."""
    return drawing.save(Image.fromarray(np.round(drawing.on_paper() * 257).astype(np.uint16)), ".png")


def twelve_bits(drawing: Drawing) -> Path:
    """A camera's 12 bits in a file of 16."""
    return drawing.save(Image.fromarray(np.round(drawing.on_paper() * 16).astype(np.uint16)), ".tif")


def floats(drawing: Drawing) -> Path:
    """0 to 1."""
    return drawing.save(Image.fromarray((drawing.on_paper() / 255).astype(np.float32)), ".tif")


def _ink_alone(drawing: Drawing, colour: str) -> Path:
    picture = Image.new("RGBA", (SIZE, SIZE), colour)
    picture.putalpha(Image.fromarray(drawing.digit).resize((SIZE, SIZE), Image.Resampling.BICUBIC))
    return drawing.save(picture, ".png")


def white_on_nothing(drawing: Drawing) -> Path:
    return _ink_alone(drawing, "white")


def black_on_nothing(drawing: Drawing) -> Path:
    return _ink_alone(drawing, "black")


def chalk(drawing: Drawing) -> Path:
    """Light ink on a dark board that isn't clean."""
    return drawing.save(300 - drawing.on_paper() + drawing.rng.normal(0, 6, (SIZE, SIZE)), ".png")


def off_centre(drawing: Drawing) -> Path:
    """In the lower left corner of a sheet twice as wide."""
    picture = np.full((SIZE + 120, 2 * SIZE), float(PAPER))
    picture[110 : 110 + SIZE, 10 : 10 + SIZE] = drawing.on_paper()
    return drawing.save(picture, ".png")


def tiny(drawing: Drawing) -> Path:
    """A digit of some 40 pixels on a sheet of 800 x 600, with a little noise."""
    picture = np.full((600, 800), float(PAPER))
    picture[420:476, 130:186] = drawing.on_paper(56)
    return drawing.save(picture + drawing.rng.normal(0, 3, picture.shape), ".png")


def phone(drawing: Drawing) -> Path:
    """Much at once: a photograph of a megapixel, on its side, unevenly lit, noisy, compressed."""
    picture = np.full((900, 1200), float(PAPER))
    picture[250:590, 420:760] = drawing.on_paper(340)
    light = np.add.outer(np.linspace(1, 0.75, 900), np.linspace(0, -0.15, 1200))
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    grainy = np.rot90(picture * light + drawing.rng.normal(0, 8, picture.shape))
    return drawing.save(grainy, ".jpg", quality=75, exif=exif)


KINDS: dict[str, Kind] = {
    "clean": clean,
    "30% shade across": shaded,
    "hard shadow": hard_shadow,
    "noise of SD 10": noisy,
    "speck of 4x4 in a corner": speck,
    "dark frame of 6 pixels": framed,
    "ruled paper": ruled,
    "ruled paper askew": ruled_askew,
    "squared paper": squared,
    "JPEG of quality 20": jpeg,
    "EXIF orientation 3": turned(3, lambda picture: np.rot90(picture, 2)),
    "EXIF orientation 6": turned(6, np.rot90),
    "EXIF orientation 8": turned(8, lambda picture: np.rot90(picture, -1)),
    "16 bits": sixteen_bits,
    "12 bits in 16": twelve_bits,
    "floats": floats,
    "white ink on transparency": white_on_nothing,
    "black ink on transparency": black_on_nothing,
    "chalk on a board": chalk,
    "off centre": off_centre,
    "tiny in a big sheet": tiny,
    "photograph": phone,
}


def draw(kind: str, digit: Pixels, path: Path, number: int = 0) -> Path:
    """Write one digit as a picture of a kind; return the file, whose suffix depends on the kind."""
    return KINDS[kind](Drawing(digit, path, np.random.default_rng(number)))
