"""Figures, each from plain arrays. Drawn without pyplot: no global state, no window system, no leaks in a sweep."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from convsweep.layers import Labels
from convsweep.patches import Floats, Pixels

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
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes, curves in ((left, loss), (right, accuracy)):
        for curve, (colour, marker) in zip(curves, ((GREY, ""), (BLUE, "o")), strict=True):
            epochs = np.asarray(curve.steps) / images_per_epoch
            axes.plot(epochs, curve.values, color=colour, marker=marker, markersize=4, label=curve.label)
        axes.set_xlabel(f"epoch ({images_per_epoch:,} images)")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    left.set(ylabel="cross-entropy (nats)", title="loss")
    right.set(title="accuracy")
    right.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    if test_accuracy is not None:
        right.axhline(test_accuracy, color=ORANGE, linewidth=1, linestyle="--", label=f"test, at the end: {test_accuracy:.2%}")
    left.legend(frameon=False)
    right.legend(frameon=False)
    figure.suptitle(title)
    return figure


def filters_before_and_after(before: Floats, after: Floats) -> Figure:
    """Draw filters ``[F, 3, 3]``, as drawn and as trained, on one scale."""
    num_filters = len(before)
    columns = min(num_filters, 16)
    bands = -(-num_filters // columns)
    limit = float(max(np.abs(before).max(), np.abs(after).max()))
    figure = Figure(figsize=(0.75 * columns + 2.2, 1.75 * bands + 0.7), layout="constrained")
    grid = figure.subplots(2 * bands, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for index in range(num_filters):
        band, column = divmod(index, columns)
        for row, kernels in ((2 * band, before), (2 * band + 1, after)):
            axes = grid[row, column]
            image = axes.imshow(kernels[index], cmap="RdBu_r", vmin=-limit, vmax=limit)
            if row % 2 == 0:
                axes.set_title(str(index), fontsize=8)
            if column == 0:
                axes.text(-0.25, 0.5, ("before", "after")[row % 2], transform=axes.transAxes, ha="right", va="center")
    figure.colorbar(image, ax=grid, label="weight", shrink=0.9)
    figure.suptitle("filters before and after training")
    return figure


def feature_maps(image: Pixels, maps: Floats, label: str) -> Figure:
    """Draw an image ``[H, W]`` beside what each filter makes of it, ``[F, H', W']``."""
    columns = min(len(maps) + 1, 9)
    rows = -(-(len(maps) + 1) // columns)
    limit = float(np.abs(maps).max())
    figure = Figure(figsize=(1.25 * columns + 0.9, 1.45 * rows + 0.6), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    _draw_digit(grid.flat[0], image, f"image ({label})")
    for index, (axes, feature_map) in enumerate(zip(grid.flat[1:], maps, strict=False)):
        drawn = axes.imshow(feature_map, cmap="RdBu_r", vmin=-limit, vmax=limit)
        axes.set_title(f"filter {index}", fontsize=8)
    figure.colorbar(drawn, ax=grid, label="output", shrink=0.9)
    figure.suptitle("feature maps of one test image, after training")
    return figure


def confusion_matrix(labels: Labels, predicted: Labels, class_names: Sequence[str]) -> Figure:
    """Draw how often images of each class were taken for which; the diagonal is what was right."""
    classes = len(class_names)
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (labels, predicted), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    axes = figure.subplots()
    drawn = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for true, taken_for in np.argwhere(counts):
        colour = "white" if shares[true, taken_for] > 0.5 else "black"
        axes.text(taken_for, true, str(counts[true, taken_for]), ha="center", va="center", color=colour, fontsize=8)
    rotation = 0 if max(map(len, class_names)) == 1 else 45
    axes.set_xticks(range(classes), class_names, rotation=rotation)
    axes.set_yticks(range(classes), class_names)
    right, total = int(np.trace(counts)), len(labels)
    axes.set(xlabel="predicted", ylabel="true class", title=f"test images: {right} of {total} right ({right / total:.2%})")
    figure.colorbar(drawn, label="share of the true class").ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return figure


def most_confidently_wrong(
    images: Pixels, labels: Labels, probabilities: Floats, class_names: Sequence[str], most: int = 16
) -> Figure:
    """Draw the misclassified images that the network was surest of, surest first."""
    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    surest = wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:most]
    columns = min(max(len(surest), 1), 8)
    rows = max(-(-len(surest) // columns), 1)
    figure = Figure(figsize=(max(1.35 * columns, 5.5), 1.75 * rows + 0.5), layout="constrained")
    for axes in figure.subplots(rows, columns, squeeze=False).flat:
        axes.set_axis_off()
    for axes, index in zip(figure.axes, surest, strict=False):
        sure, guess, truth = probabilities[index].max(), class_names[predicted[index]], class_names[labels[index]]
        _draw_digit(axes, images[index], f"{guess}, sure {sure:.0%}\nis {truth}")
    figure.suptitle(f"most confidently wrong: {len(surest)} of {len(wrong)} errors on {len(labels)} test images")
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
        axes.plot(finished.groupby(places)["valid/accuracy"].mean(), color=ORANGE, marker="_", markersize=16, label="mean")
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


def digit_samples(images: Pixels, labels: Labels, class_names: Sequence[str], title: str, each: int = 10) -> Figure:
    """Draw the first images of every class, a row a class."""
    figure = Figure(figsize=(0.6 * each + 1.2, 0.62 * len(class_names) + 0.5), layout="constrained")
    grid = figure.subplots(len(class_names), each, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for number, name in enumerate(class_names):
        for axes, index in zip(grid[number], np.flatnonzero(labels == number)[:each], strict=False):
            _draw_digit(axes, images[index])
        grid[number, 0].text(-0.3, 0.5, name, transform=grid[number, 0].transAxes, ha="right", va="center")
    figure.suptitle(title)
    return figure


def _draw_digit(axes: Axes, image: npt.NDArray[Any], title: str = "") -> None:
    axes.set_axis_off()
    axes.imshow(image, cmap="gray_r", vmin=0, vmax=255)
    if title:
        axes.set_title(title, fontsize=8)
