"""Learning curves: loss and accuracy against epochs, side by side.

Drawn with Pillow, as the mosaics are: every process that trains would import matplotlib for this one chart, in a
third of a second, and then spend most of its time on the chart's texts.
"""

import math
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from convsweep.pictures.style import BLUE, GREY, ORANGE, font

LOSSES_SHOWN = (1e-4, 1e9)  # nats; what lies outside leaves the picture

# Pixels
SIZE = (900, 400)
LEFTS, TOP = (68, 512), 68  # of the two panels
WIDTH, HEIGHT = 370, 248  # of each
TITLE, HEADING, TEXT = 16, 15, 14  # of a line of text
TICK = 5
FINER = 3  # curves are drawn so many times larger, then reduced: that smooths them

BLACK, GRID = "#000000", "#e7e7e7"

Floats = npt.NDArray[np.float64]


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


class Axis(NamedTuple):
    """Scale and limits of an axis."""

    scale: Literal["linear", "log"]
    low: float
    high: float

    def places(self, values: Sequence[float] | Floats) -> Floats:
        """Return where values lie, 0 at the low end and 1 at the high one; what is far outside is brought nearer."""
        if self.scale == "log":
            low, high = math.log10(self.low), math.log10(self.high)
            found = (np.log10(np.clip(values, *LOSSES_SHOWN)) - low) / (high - low)
        else:
            found = (np.clip(values, -LOSSES_SHOWN[1], LOSSES_SHOWN[1]) - self.low) / (self.high - self.low)
        places: Floats = np.clip(found, -1.0, 2.0)
        return places

    def ticks(self, least: float = 0.0) -> list[float]:
        """Return round values within the limits: 6 at most, or each power of ten.

        Args:
            least: The smallest distance between two.

        >>> Axis("linear", -0.3, 10.3).ticks(), Axis("log", 0.01, 100.0).ticks()
        ([0.0, 2.0, 4.0, 6.0, 8.0, 10.0], [0.01, 0.1, 1.0, 10.0, 100.0])
        """
        if self.scale == "log":
            return [10.0**power for power in range(round(math.log10(self.low)), round(math.log10(self.high)) + 1)]
        wanted = max((self.high - self.low) / 6, least)
        unit = 10.0 ** math.floor(math.log10(wanted))
        step = next(factor * unit for factor in (1, 2, 5, 10) if factor * unit >= wanted)
        return [
            round(number * step, 9) for number in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)
        ]


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
    picture = Image.new("RGB", SIZE, "white")
    draw = ImageDraw.Draw(picture)
    epochs = Axis("linear", -0.03 * schedule.epochs, 1.03 * schedule.epochs)
    losses = loss_axis([*train.losses, *valid.losses])
    if losses.scale == "linear":  # a loss of 0 is not hidden by the axis
        losses = losses._replace(low=-0.02 * losses.high)
    left, right = Panel(epochs, losses), Panel(epochs, Axis("linear", -0.02, 1.02))
    every = math.ceil(schedule.epochs / 25)  # more dots would grow together
    for curve, colour, dots in ((train, GREY, None if len(train.steps) > 1 else 1), (valid, BLUE, every)):
        at = np.asarray(curve.steps) / schedule.images_per_epoch
        for panel, values in ((left, curve.losses), (right, curve.accuracies)):
            panel.draw_curve(at, values, colour, dots)
    if test_accuracy is not None:
        right.draw_dashes(test_accuracy, ORANGE)
    for panel, x, as_text in ((left, LEFTS[0], "{:g}".format), (right, LEFTS[1], "{:.0%}".format)):
        panel.paste(picture, x, as_text)
        draw.text(
            (x + WIDTH / 2, TOP + HEIGHT + 36), f"epoch ({schedule.images_per_epoch:,} images)", BLACK, font(TEXT), "mm"
        )
    draw.text((SIZE[0] / 2, 18), title, BLACK, font(TITLE), "mm")
    draw.text((LEFTS[0], TOP - 8), "loss: cross-entropy (nats)", BLACK, font(HEADING), "ls")
    draw.text((LEFTS[1], TOP - 8), "accuracy", BLACK, font(HEADING), "ls")
    draw.text((LEFTS[1] + WIDTH, TOP - 8), ending, ORANGE, font(TEXT - 1), "rs")
    _draw_legend(draw, f"train, mean of {schedule.window:,} images", "valid")
    return picture


def loss_axis(losses: Sequence[float]) -> Axis:
    """Return the axis that holds all losses: linear up to 2.5 or 5 nats, else logarithmic between powers of ten.

    An untrained network's loss is about ln 10 = 2.30 nats, so most runs share the first of these axes.

    >>> loss_axis([2.31, 0.4, 0.07])
    Axis(scale='linear', low=0.0, high=2.5)
    >>> loss_axis([31.0, 2.9, 0.07])
    Axis(scale='log', low=0.01, high=100.0)
    """
    highest = max(losses, default=0.0)
    for limit in (2.5, 5.0):
        if highest <= limit:
            return Axis("linear", 0.0, limit)
    low, high = np.log10(np.clip([min(losses), highest], *LOSSES_SHOWN))
    top = math.ceil(high)
    return Axis("log", 10.0 ** min(math.floor(low), top - 1), 10.0**top)


class Panel:
    """What lies between two axes, drawn larger than it will be; what reaches beyond them is cut off."""

    def __init__(self, x: Axis, y: Axis) -> None:
        self._x, self._y = x, y
        self._inside = Image.new("RGB", (FINER * WIDTH, FINER * HEIGHT), "white")
        self._pen = ImageDraw.Draw(self._inside)
        for across in self._across(x.ticks(least=1)):
            self._pen.line((across, 0, across, FINER * HEIGHT), GRID, FINER)
        for down in self._down(y.ticks()):
            self._pen.line((0, down, FINER * WIDTH, down), GRID, FINER)

    def draw_curve(self, at: Floats, values: Sequence[float], colour: str, dots_every: int | None) -> None:
        """Draw values as a line, with a dot on every so many."""
        points = list(zip(self._across(at), self._down(values), strict=True))
        if len(points) > 1:
            self._pen.line(points, colour, 2 * FINER, joint="curve")
        for across, down in points[::dots_every] if dots_every is not None else []:
            self._pen.circle((across, down), 2.8 * FINER, colour)

    def draw_dashes(self, value: float, colour: str) -> None:
        """Draw a dashed line at a height."""
        (down,) = self._down([value])
        for across in range(0, FINER * WIDTH, 8 * FINER):
            self._pen.line((across, down, across + 5 * FINER, down), colour, round(1.4 * FINER))

    def paste(self, picture: Image.Image, left: int, as_text: Callable[[float], str]) -> None:
        """Put the panel into a picture, and its axes with their ticks beside it."""
        picture.paste(self._inside.reduce(FINER), (left, TOP))
        draw, bottom = ImageDraw.Draw(picture), TOP + HEIGHT
        draw.line((left, TOP, left, bottom, left + WIDTH, bottom), BLACK)
        for tick, across in zip(self._x.ticks(least=1), self._across(self._x.ticks(least=1)), strict=True):
            place = left + across / FINER
            draw.line((place, bottom, place, bottom + TICK), BLACK)
            draw.text((place, bottom + TICK + 10), f"{tick:g}", BLACK, font(TEXT - 1), "mm")
        for tick, down in zip(self._y.ticks(), self._down(self._y.ticks()), strict=True):
            place = TOP + down / FINER
            draw.line((left - TICK, place, left, place), BLACK)
            draw.text((left - TICK - 4, place), as_text(tick), BLACK, font(TEXT - 1), "rm")

    def _across(self, values: Sequence[float] | Floats) -> list[float]:
        return [FINER * WIDTH * place for place in self._x.places(values).tolist()]

    def _down(self, values: Sequence[float]) -> list[float]:
        return [FINER * HEIGHT * (1 - place) for place in self._y.places(values).tolist()]


def _draw_legend(draw: ImageDraw.ImageDraw, train: str, valid: str) -> None:
    """Write in the middle below the panels which line is which."""
    line, gap = 28, 8  # pixels: of a sample, and beside it
    texts = (train, valid)
    widths = [line + gap + font(TEXT).getlength(text) + 3 * gap for text in texts]
    x, y = (SIZE[0] - sum(widths) + 3 * gap) / 2, SIZE[1] - 18
    for text, colour, width in zip(texts, (GREY, BLUE), widths, strict=True):
        draw.line((x, y, x + line, y), colour, 2)
        if colour == BLUE:
            draw.circle((x + line / 2, y), 3, colour)
        draw.text((x + line + gap, y), text, BLACK, font(TEXT), "lm")
        x += width
