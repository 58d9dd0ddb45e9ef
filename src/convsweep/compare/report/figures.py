"""Charts of effects, of tries, and of time against accuracy."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from convsweep.compare.effects import Step
from convsweep.compare.report.tradeoffs import Budget, TimeAgainstAccuracy
from convsweep.compare.sentences import step_name
from convsweep.pictures.style import BLUE, GREY, IN_A_PAGE, INK, LINE, ORANGE, PERCENT, POINTS


@mpl.rc_context(IN_A_PAGE)
def draw_effects(steps: Sequence[Step]) -> Figure:
    """Draw each step's mean change of accuracy and its interval, in percentage points; blue if it leaves out 0."""
    figure = Figure(figsize=(6, 0.9 + 0.42 * len(steps)), layout="constrained")
    axes = figure.subplots()
    axes.axvline(0, color=INK, linewidth=1)
    for row, step in enumerate(steps):
        mean, (low, high) = 100 * step.effect.mean, (100 * end for end in step.effect.interval)
        colour = BLUE if step.is_certain else GREY
        if np.isfinite([low, high]).all():
            axes.plot([low, high], [row, row], color=colour, linewidth=3, alpha=0.55, solid_capstyle="round")
        axes.plot(mean, row, "o", color=colour, markersize=7, fillstyle="full" if step.is_certain else "none")
        if row and step.key != steps[row - 1].key:
            axes.axhline(row - 0.5, color=LINE, linewidth=0.8)
    axes.set_yticks(range(len(steps)), [_short(step_name(step), 38) for step in steps])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(steps) - 0.5, -0.5)
    axes.set_xlabel("change of accuracy on valid, points")
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(POINTS)
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)
    return figure


@mpl.rc_context(IN_A_PAGE)
def draw_budget(budget: Budget) -> Figure:
    """Draw the expected best of k tries, and the test accuracy of the one that is chosen."""
    figure = Figure(figsize=(6, 3.7), layout="constrained")
    axes = figure.subplots()
    tries = np.arange(1, len(budget.valid) + 1)
    drawn = np.unique(np.geomspace(1, len(tries), 200).round().astype(int)) - 1  # of thousands some do
    mark = "o" if len(tries) <= 30 else ""
    axes.plot(
        tries[drawn],
        budget.valid[drawn],
        color=BLUE,
        marker=mark,
        markersize=4,
        linewidth=2,
        label="valid, of the best",
    )
    if budget.test is not None:
        axes.plot(
            tries[drawn],
            budget.test[drawn],
            color=ORANGE,
            marker=mark,
            markersize=4,
            linestyle="--",
            label="test, of that one",
        )
    axes.legend(loc="lower right", frameon=False)
    axes.set_xlabel("configurations tried")
    axes.set_ylabel("expected accuracy")
    if len(tries) > 40:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.xaxis.set_minor_formatter("")
    else:
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.yaxis.set_major_formatter(PERCENT)
    axes.grid()
    return figure


@mpl.rc_context(IN_A_PAGE)
def draw_time(found: TimeAgainstAccuracy) -> Figure:
    """Draw a dot a configuration, and the front of those that nothing faster beats."""
    figure = Figure(figsize=(6, 3.7), layout="constrained")
    axes = figure.subplots()
    others = ~found.on_front
    dots = np.flatnonzero(others)
    dots = dots[np.unique(np.linspace(0, len(dots) - 1, min(len(dots), 600)).round().astype(int))]  # of thousands some
    axes.plot(found.seconds[dots], found.accuracy[dots], "o", color=GREY, alpha=0.55, markersize=6)
    front = np.flatnonzero(found.on_front)
    front = front[np.argsort(found.seconds[front])]
    axes.step(found.seconds[front], found.accuracy[front], where="post", color=BLUE, linewidth=1.2, alpha=0.7)
    axes.plot(found.seconds[front], found.accuracy[front], "o", color=BLUE, markersize=8)
    spread = found.seconds.max() >= 10 * found.seconds.min() > 0
    if spread:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("")
    axes.margins(x=0.08, y=0.12)
    # numbers, as names would overlap: the list beside the chart says whose they are
    for number, place in enumerate(front[: found.most_named], start=1):
        axes.annotate(
            str(number),
            (found.seconds[place], found.accuracy[place]),
            (-7, 5),
            textcoords="offset points",
            ha="right",
            color=INK,
        )
    axes.set_xlabel("training time of a run, seconds")
    axes.set_ylabel("accuracy on valid")
    axes.yaxis.set_major_formatter(PERCENT)
    axes.grid()
    return figure


def _short(name: str, most: int) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
