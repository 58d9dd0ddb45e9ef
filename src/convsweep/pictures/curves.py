"""Learning curves: loss and accuracy against epochs, side by side.

matplotlib spends nearly all the time for such a chart on its text. All text but two lines is the same for most runs
of a sweep, so the chart is drawn once without curves and kept, and each run's curves are drawn over a copy: about
10 ms instead of 90. For this the axes must not follow the data: see ``loss_axis``.
"""

import functools
import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, cast

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from PIL import Image

from convsweep.pictures.style import BLUE, GREY, ORANGE

LOSSES_SHOWN = (1e-4, 1e9)  # nats; what lies outside leaves the picture


class Curve(NamedTuple):
    """How loss and accuracy went on one split; three columns of equal length."""

    steps: Sequence[int]  # training images seen so far
    losses: Sequence[float]  # nats
    accuracies: Sequence[float]  # 0..1


class Schedule(NamedTuple):
    """What the chart's axes and legend say of a run's training."""

    epochs: int
    images_per_epoch: int
    window: int  # images that a point of the training curve averages over


class LossAxis(NamedTuple):
    """Scale and limits of the axis of losses."""

    scale: Literal["linear", "log"]
    low: float  # nats
    high: float


def learning_curves(
    train: Curve, valid: Curve, schedule: Schedule, *, title: str, ending: str, test_accuracy: float | None
) -> Image.Image:
    """Draw loss (left) and accuracy (right) against epochs.

    Args:
        train: The training curve.
        valid: The validation curve.
        schedule: The run's epochs, of which a diverged run sees only the first.
        title: One line over the chart.
        ending: How the run ended, in a few words over the right panel.
        test_accuracy: Where to draw a dashed line; None draws none.

    Returns:
        The picture, RGB, 900 x 400 pixels.
    """
    chart = _chart(schedule, loss_axis([*train.losses, *valid.losses]))
    return chart.draw(train, valid, title=title, ending=ending, test_accuracy=test_accuracy)


def loss_axis(losses: Sequence[float]) -> LossAxis:
    """Return the axis that holds all losses: linear up to 2.5 or 5 nats, else logarithmic between powers of ten.

    An untrained network's loss is about ln 10 = 2.30 nats, so most runs share the first of these axes.

    >>> loss_axis([2.31, 0.4, 0.07])
    LossAxis(scale='linear', low=0.0, high=2.5)
    >>> loss_axis([31.0, 2.9, 0.07])
    LossAxis(scale='log', low=0.01, high=100.0)
    """
    highest = max(losses, default=0.0)
    for limit in (2.5, 5.0):
        if highest <= limit:
            return LossAxis("linear", 0.0, limit)
    low, high = np.log10(np.clip([min(losses), highest], *LOSSES_SHOWN))
    top = math.ceil(high)
    return LossAxis("log", 10.0 ** min(math.floor(low), top - 1), 10.0**top)


class _Chart:
    """A chart that is drawn without curves and kept; a run's curves and texts are drawn over a copy of it."""

    def __init__(self, schedule: Schedule, axis: LossAxis) -> None:
        self.images_per_epoch = schedule.images_per_epoch
        self.figure = Figure(figsize=(9, 4), dpi=100)
        self.canvas = cast("Any", FigureCanvasAgg(self.figure))  # Any: its methods have no types
        self.figure.subplots_adjust(left=0.075, right=0.98, bottom=0.21, top=0.83)  # fixed: fitting measures every text
        left, right = panels = self.figure.subplots(1, 2)
        # what is drawn for each run: empty as yet
        train_label = f"train, mean of {schedule.window:,} images"
        self.train_lines = [axes.plot([], [], color=GREY, markersize=4, label=train_label)[0] for axes in panels]
        every = math.ceil(schedule.epochs / 25)  # more dots would grow together
        self.valid_lines = [
            axes.plot([], [], color=BLUE, marker="o", markersize=4, markevery=every, label="valid")[0]
            for axes in panels
        ]
        self.test_line = right.axhline(math.nan, color=ORANGE, linewidth=1, linestyle="--")
        self.title = self.figure.suptitle("", y=0.975)
        self.ending = right.set_title("", loc="right", y=1.02, color=ORANGE, fontsize="medium")
        for axes in panels:
            axes.set_xlim(-0.03 * schedule.epochs, 1.03 * schedule.epochs)
            axes.set_xlabel(f"epoch ({schedule.images_per_epoch:,} images)")
            axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
            axes.grid(alpha=0.3)
            axes.spines[["top", "right"]].set_visible(False)
        left.set_title("loss: cross-entropy (nats)", loc="left", y=1.02)
        left.set_yscale(axis.scale)
        left.set_ylim(axis.low - 0.02 * axis.high if axis.scale == "linear" else axis.low, axis.high)
        left.yaxis.set_major_formatter("{x:g}")
        left.yaxis.set_minor_formatter("")
        right.set_title("accuracy", loc="left", y=1.02)
        right.set_ylim(-0.02, 1.02)
        right.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        self.figure.legend(
            handles=[self.train_lines[0], self.valid_lines[0]], loc="lower center", ncols=2, frameon=False
        )
        self.canvas.draw()
        self.without_curves = self.canvas.copy_from_bbox(self.figure.bbox)

    def draw(self, train: Curve, valid: Curve, *, title: str, ending: str, test_accuracy: float | None) -> Image.Image:
        for curve, lines in ((train, self.train_lines), (valid, self.valid_lines)):
            epochs = np.asarray(curve.steps) / self.images_per_epoch
            for line, values in zip(lines, (curve.losses, curve.accuracies), strict=True):
                line.set_data(epochs, values)
        for line in self.train_lines:
            line.set_marker("o" if len(train.steps) == 1 else "")  # a line of one point would not be seen
        self.test_line.set_ydata([math.nan if test_accuracy is None else test_accuracy] * 2)
        self.title.set_text(title)
        self.ending.set_text(ending)
        self.canvas.restore_region(self.without_curves)
        for artist in (*self.train_lines, *self.valid_lines, self.test_line, self.title, self.ending):
            self.figure.draw_artist(artist)
        return Image.fromarray(np.asarray(self.canvas.buffer_rgba())).convert("RGB")


@functools.lru_cache(maxsize=8)  # a few MB each
def _chart(schedule: Schedule, axis: LossAxis) -> _Chart:
    return _Chart(schedule, axis)
