"""Charts, each from plain arrays. Drawn without pyplot: no global state, no window system, no leaks in a sweep."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

BLUE, ORANGE, GREY = "#0068a8", "#d1495b", "#8a8f98"


class Curve(NamedTuple):
    """One line of a chart."""

    label: str
    steps: Sequence[float]
    values: Sequence[float]


def learning_curves(
    loss: Sequence[Curve], accuracy: Sequence[Curve], images_per_epoch: int, test_accuracy: float | None, title: str
) -> Figure:
    """Draw loss and accuracy against epochs; the first curve of each is that of training."""
    figure = Figure(figsize=(9, 3.8))
    left, right = figure.subplots(1, 2)
    figure.subplots_adjust(left=0.08, right=0.98, bottom=0.14, top=0.84)
    for axes, curves in ((left, loss), (right, accuracy)):
        for curve, (colour, marker) in zip(curves, ((GREY, ""), (BLUE, "o")), strict=True):
            epochs = np.asarray(curve.steps) / images_per_epoch
            axes.plot(epochs, curve.values, color=colour, marker=marker, markersize=4, label=curve.label)
        axes.set_xlabel(f"epoch ({images_per_epoch:,} images)")
        axes.xaxis.set_label_coords(0.5, -0.12)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    left.set_title("loss: cross-entropy (nats)", y=1.02)  # where it is said where they belong, nothing is measured
    right.set_title("accuracy", y=1.02)
    right.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    if test_accuracy is not None:
        right.axhline(
            test_accuracy, color=ORANGE, linewidth=1, linestyle="--", label=f"test, at the end: {test_accuracy:.2%}"
        )
    right.legend(frameon=False)  # the same colours on the left
    figure.suptitle(title)
    return figure


def comparison(runs: pd.DataFrame, varied: Sequence[str]) -> Figure:
    """Draw accuracy on ``valid`` against every value that differs between runs, a panel a value.

    Args:
        runs: One row a run; columns ``valid/accuracy``, ``outcome`` and the varied ones.
        varied: The columns to draw against; a dot is a run, the line joins the means.
    """
    finished = runs[runs["outcome"] == "finished"]
    panels = list(varied) or ["seed"]
    figure = Figure(figsize=(max(3.4 * len(panels), 5), 3.8), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(panels), sharey=True, squeeze=False).flat, panels, strict=True):
        values = sorted(finished[name].unique())
        places = finished[name].map(values.index)
        axes.scatter(places, finished["valid/accuracy"], s=26, color=BLUE, alpha=0.6, label="run")
        axes.plot(
            finished.groupby(places)["valid/accuracy"].mean(), color=ORANGE, marker="_", markersize=16, label="mean"
        )
        axes.set_xticks(range(len(values)), [f"{v:g}" if isinstance(v, float | int) else str(v) for v in values])
        axes.set_xlabel(name)
        axes.margins(x=0.15)
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        axes.grid(axis="y", alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("accuracy on valid")
    figure.axes[-1].legend(frameon=False)
    lost = len(runs) - len(finished)
    figure.suptitle(f"{len(finished)} runs" + (f", and {lost} that diverged or did not finish" if lost else ""))
    return figure
