"""Learning curves: a configuration's accuracy on ``valid`` over epochs, its seeds' mean and their span."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from convsweep.compare.comparison import Comparison, Standing
from convsweep.nn.training import Evaluation
from convsweep.pictures.style import GREY, IN_A_PAGE, PERCENT, SERIES
from convsweep.records.events import read_entries
from convsweep.records.files import DamagedError, read_file
from convsweep.records.journal import EVENTS

MOST_DRAWN = 60  # configurations: more would be a grey cloud
# a second way to tell the named ones apart: matplotlib's pattern, and SVG's
DASHES: tuple[tuple[Any, str], ...] = (
    ("-", "none"),
    ("--", "7 3"),
    ("-.", "9 3 2 3"),
    (":", "2 3"),
    ((0, (5, 1, 1, 1, 1, 1)), "10 2 2 2 2 2"),
    ((0, (1, 1)), "2 2"),
)


class Curve(NamedTuple):
    """How a configuration learned, from its first epoch on: untrained networks would squeeze what follows."""

    standing: Standing
    epochs: npt.NDArray[np.int64]  # [E]
    mean: npt.NDArray[np.float64]  # [E], 0..1
    lowest: npt.NDArray[np.float64]  # [E], of all seeds
    highest: npt.NDArray[np.float64]


class Curves(NamedTuple):
    """The curves of the best configurations."""

    named: tuple[Curve, ...]  # the best one, and the first of those that can't be told from it
    others: tuple[Curve, ...]
    num_left_out: int  # configurations with finished runs that aren't drawn


def read_curves(comparison: Comparison) -> Curves:
    """Read the curves of finished runs from their events; damaged ones are left out."""
    with_runs = [standing for standing in comparison.standings if standing.valid is not None]
    chosen = [standing for standing in with_runs if standing.relation in ("best", "can't tell")][: len(SERIES)]
    # of many others, some from each part of the ranking
    rest = [standing for standing in with_runs if standing not in chosen]
    places = np.unique(np.linspace(0, len(rest) - 1, min(len(rest), MOST_DRAWN - len(chosen))).round().astype(int))
    named = [curve for standing in chosen if (curve := _curve(standing)) is not None]
    others = [curve for place in places if (curve := _curve(rest[place])) is not None]
    return Curves(tuple(named), tuple(others), len(with_runs) - len(named) - len(others))


def _curve(standing: Standing) -> Curve | None:
    of_epoch: dict[int, list[float]] = {}
    for run in standing.configuration.finished:
        try:
            entries = read_entries(read_file(run.directory / EVENTS) or b"")
        except DamagedError:
            continue
        for entry in entries:
            if isinstance(entry.event, Evaluation) and entry.event.split == "valid" and entry.event.epoch > 0:
                of_epoch.setdefault(entry.event.epoch, []).append(entry.event.accuracy)
    if not of_epoch:
        return None
    values = [of_epoch[epoch] for epoch in sorted(of_epoch)]
    return Curve(
        standing,
        np.array(sorted(of_epoch)),
        np.array([np.mean(of_one) for of_one in values]),
        np.array([min(of_one) for of_one in values]),
        np.array([max(of_one) for of_one in values]),
    )


@mpl.rc_context(IN_A_PAGE)
def draw_curves(curves: Curves) -> Figure:
    """Draw them, those that are named in colour."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for curve in curves.others:
        axes.plot(curve.epochs, curve.mean, color=GREY, linewidth=0.8, alpha=0.5, zorder=1)
    for number, curve in reversed(list(enumerate(curves.named))):
        colour, mark = SERIES[number], "o" if len(curve.epochs) <= 2 else ""
        axes.fill_between(curve.epochs, curve.lowest, curve.highest, color=colour, alpha=0.13, linewidth=0, zorder=2)
        axes.plot(
            curve.epochs,
            curve.mean,
            color=colour,
            linestyle=DASHES[number][0],
            linewidth=2.6 if number == 0 else 1.7,
            marker=mark,
            zorder=4 if number == 0 else 3,
        )
    axes.set_ylim(*_limits([*curves.named, *curves.others], curves.named))
    axes.set_xlabel("epoch")
    axes.set_ylabel("accuracy on valid")
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.yaxis.set_major_formatter(PERCENT)
    axes.grid(axis="y")
    return figure


def _limits(curves: Sequence[Curve], named: Sequence[Curve]) -> tuple[float, float]:
    """Return limits that hold the named curves whole; others may leave the picture below."""
    low = min(float(curve.lowest.min()) for curve in named or curves)
    high = max(float(curve.highest.max()) for curve in curves)
    margin = 0.06 * max(high - low, 0.01)
    return max(low - margin, -0.02), min(high + margin, 1.02)
