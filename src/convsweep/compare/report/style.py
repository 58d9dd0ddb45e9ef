"""matplotlib's settings for charts that stand in the page among its text, and how their axes write numbers."""

from typing import Any

from matplotlib.ticker import FuncFormatter

from convsweep.naming import MINUS
from convsweep.pictures.style import INK, LINE

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
