"""Colours and fonts that the pictures share."""

import functools
from pathlib import Path

import matplotlib as mpl
from PIL import ImageFont

BLUE, ORANGE, GREY = "#0068a8", "#d1495b", "#8a8f98"


@functools.cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Return matplotlib's own font, ``size`` pixels high, for pictures that Pillow draws."""
    # the basic layout does for Latin letters and digits, in three quarters of the time
    return ImageFont.truetype(
        Path(mpl.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), size, layout_engine=ImageFont.Layout.BASIC
    )
