"""Colours and fonts that the pictures share."""

import functools
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.ticker import FuncFormatter
from PIL import ImageFont

from convsweep.naming import MINUS

BLUE, ORANGE, GREY = "#0068a8", "#d1495b", "#8a8f98"
INK, LINE = "#1c2128", "#d5d9de"  # of text, of axes and grids
# after the first: Okabe and Ito's colours ("Color Universal Design", 2008), told apart by colour-blind readers, too
SERIES = (BLUE, "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")

# matplotlib's settings for charts that stand in a page among its text
IN_A_PAGE: dict[Any, Any] = {  # Any: matplotlib types each of its settings' names
    "axes.axisbelow": True,
    "axes.edgecolor": LINE,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "font.size": 12,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "svg.fonttype": "none",  # texts stay texts: a tenth of the size, and they can be read out and searched
    "svg.hashsalt": "convsweep",  # the same chart is the same text
    "text.color": INK,
    "text.parse_math": False,  # a name with dollar signs is no formula
    "xtick.color": LINE,
    "xtick.labelcolor": INK,
    "ytick.color": LINE,
    "ytick.labelcolor": INK,
}

POINTS = FuncFormatter(lambda points, _: f"{points:+.6g}".replace("-", MINUS) if points else "0")
PERCENT = FuncFormatter(lambda share, _: f"{100 * share:.6g}%")  # with as many digits as the axis needs


@functools.cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Return matplotlib's own font, ``size`` pixels high, for pictures that Pillow draws."""
    # the basic layout does for Latin letters and digits, in three quarters of the time
    return ImageFont.truetype(
        Path(mpl.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), size, layout_engine=ImageFont.Layout.BASIC
    )
