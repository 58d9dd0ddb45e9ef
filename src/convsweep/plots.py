"""Figures, each from plain arrays. Drawn without pyplot: no global state, no window system, no leaks in a sweep."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
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
    figure = Figure(figsize=(9, 3.8))
    left, right = figure.subplots(1, 2)
    figure.subplots_adjust(left=0.08, right=0.98, bottom=0.14, top=0.84)
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
        right.axhline(
            test_accuracy, color=ORANGE, linewidth=1, linestyle="--", label=f"test, at the end: {test_accuracy:.2%}"
        )
    left.legend(frameon=False)
    right.legend(frameon=False)
    figure.suptitle(title)
    return figure


def filters_before_and_after(before: Floats, after: Floats) -> Figure:
    """Draw filters ``[F, 3, 3]``, as drawn and as trained, on one scale."""
    columns = min(len(before), 16)
    rows = -(-len(before) // columns)
    limit = float(max(np.abs(before).max(), np.abs(after).max()))
    figure = Figure(figsize=(max(0.8 * columns, 4) + 1.4, 1.9 * rows + 0.9))
    numbers = [str(index) for index in range(len(before))]
    for axes, kernels, name in zip(figure.subplots(2, 1), (before, after), ("before", "after training"), strict=True):
        drawn = _tiles(axes, kernels, numbers, columns, cmap="RdBu_r", vmin=-limit, vmax=limit)
        axes.set_title(name, loc="left", fontsize=10)
    figure.subplots_adjust(left=0.02, right=0.84, bottom=0.02, top=0.82, hspace=0.3)
    figure.colorbar(drawn, cax=figure.add_axes((0.88, 0.08, 0.02, 0.7)), label="weight")
    figure.suptitle("filters")
    return figure


def feature_maps(image: Pixels, maps: Floats, label: str) -> Figure:
    """Draw an image ``[H, W]`` beside what each filter makes of it, ``[F, H', W']``."""
    columns = min(len(maps), 8)
    rows = -(-len(maps) // columns)
    limit = float(np.abs(maps).max())
    figure = Figure(figsize=(1.2 * columns + 3.2, max(1.4 * rows, 1.6) + 0.6))
    left, right = figure.subplots(1, 2, width_ratios=(1.2, columns))
    _tiles(left, [image], [f"a test image: {label}"], 1, cmap="gray_r", vmin=0, vmax=255)
    numbers = [f"filter {index}" for index in range(len(maps))]
    drawn = _tiles(right, maps, numbers, columns, cmap="RdBu_r", vmin=-limit, vmax=limit)
    figure.subplots_adjust(left=0.02, right=0.89, bottom=0.02, top=0.88, wspace=0.05)
    figure.colorbar(drawn, cax=figure.add_axes((0.91, 0.12, 0.012, 0.66)), label="output")
    figure.suptitle("feature maps after training")
    return figure


def confusion_matrix(labels: Labels, predicted: Labels, class_names: Sequence[str]) -> Figure:
    """Draw how often images of each class were taken for which; the diagonal is what was right."""
    classes, longest = len(class_names), max(map(len, class_names))
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (labels, predicted), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(6.4, 5.6))
    axes = figure.subplots()
    figure.subplots_adjust(left=0.2 if longest > 1 else 0.1, right=0.98, bottom=0.18 if longest > 1 else 0.1, top=0.93)
    drawn = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for true, taken_for in np.argwhere(counts):
        colour = "white" if shares[true, taken_for] > 0.5 else "black"
        axes.text(taken_for, true, str(counts[true, taken_for]), ha="center", va="center", color=colour, fontsize=8)
    axes.set_xticks(range(classes), class_names, rotation=0 if longest == 1 else 45)
    axes.set_yticks(range(classes), class_names)
    right, total = int(np.trace(counts)), len(labels)
    axes.set(
        xlabel="predicted", ylabel="true class", title=f"test images: {right} of {total} right ({right / total:.2%})"
    )
    figure.colorbar(drawn, label="share of the true class").ax.yaxis.set_major_formatter(
        PercentFormatter(1, decimals=0)
    )
    return figure


def most_confidently_wrong(
    images: Pixels, labels: Labels, probabilities: Floats, class_names: Sequence[str], most: int = 16
) -> Figure:
    """Draw the misclassified images that the network was surest of, surest first."""
    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    surest = wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:most]
    columns = 8
    rows = max(-(-len(surest) // columns), 1)
    figure = Figure(figsize=(1.4 * columns, 1.8 * rows + 0.6))
    axes = figure.subplots()
    titles = [
        f"{class_names[labels[i]]}, taken for {class_names[predicted[i]]}\n({probabilities[i].max():.0%} sure)"
        for i in surest
    ]
    if len(surest):
        _tiles(axes, images[surest], titles, columns, cmap="gray_r", vmin=0, vmax=255)
    else:
        axes.set_axis_off()
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.01, top=1 - 0.45 / figure.get_figheight())
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


def digit_samples(images: Pixels, labels: Labels, class_names: Sequence[str], title: str, each: int = 12) -> Figure:
    """Draw the first images of every class, a row a class."""
    blank = np.zeros(images.shape[1:], images.dtype)
    tiles: list[npt.NDArray[Any]] = []
    for number in range(len(class_names)):
        chosen = list(images[np.flatnonzero(labels == number)[:each]])
        tiles += chosen + [blank] * (each - len(chosen))
    figure = Figure(figsize=(0.62 * each + 1.2, 0.62 * len(class_names) + 0.5))
    axes = figure.subplots()
    _tiles(axes, tiles, [""] * len(tiles), each, cmap="gray_r", vmin=0, vmax=255)
    for number, name in enumerate(class_names):
        axes.text(-0.1, number + 0.5, name, ha="right", va="center")
    figure.subplots_adjust(
        left=1 / figure.get_figwidth(), right=0.99, bottom=0.01, top=1 - 0.4 / figure.get_figheight()
    )
    figure.suptitle(title)
    return figure


def _tiles(
    axes: Axes,
    tiles: Sequence[npt.NDArray[Any]] | npt.NDArray[Any],
    titles: Sequence[str],
    columns: int,
    **style: Any,  # noqa: ANN401 - what imshow takes
) -> AxesImage:
    """Draw tiles in a grid, each with its title above, in one Axes: an Axes a tile would take ten times as long."""
    lines = max(title.count("\n") + 1 if title else 0 for title in titles)
    side, title_height, pitch = 0.94, 0.16 * lines, 1 + 0.16 * lines  # in columns
    for index, (tile, title) in enumerate(zip(tiles, titles, strict=True)):
        row, column = divmod(index, columns)
        top = row * pitch + title_height
        drawn = axes.imshow(tile, extent=(column, column + side, top + side, top), **style)
        axes.text(column + side / 2, top - 0.02, title, ha="center", va="bottom", fontsize=8)
    axes.set(xlim=(0, columns), ylim=(-(-len(tiles) // columns) * pitch, 0), aspect="equal", anchor="N")
    axes.set_axis_off()
    return drawn
