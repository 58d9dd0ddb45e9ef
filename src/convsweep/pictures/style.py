"""Colours and the font that the pictures share. Imports no matplotlib: a run's figures need none."""

import functools
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

BLUE, ORANGE, GREY = "#0068a8", "#d1495b", "#8a8f98"
INK, LINE = "#1c2128", "#d5d9de"  # of text, of axes and grids
# after the first: Okabe and Ito's colours ("Color Universal Design", 2008), told apart by colour-blind readers, too
SERIES = (BLUE, "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")


@functools.cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Return matplotlib's own font, ``size`` pixels high, for pictures that Pillow draws."""
    package = find_spec("matplotlib")
    assert package is not None
    assert package.origin is not None
    # the basic layout does for Latin letters and digits, in three quarters of the time
    return ImageFont.truetype(
        Path(package.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf",
        size,
        layout_engine=ImageFont.Layout.BASIC,
    )
