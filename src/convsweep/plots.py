"""Figures, each from plain arrays. Drawn without pyplot: no global state, no window system, no leaks in a sweep."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from convsweep.layers import Labels
from convsweep.patches import Floats, Pixels

Colours = npt.NDArray[np.uint8]  # [..., 3], red, green and blue

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


def filters_before_and_after(before: Floats, after: Floats) -> Figure:
    """Draw filters ``[F, 3, 3]``, as drawn and as trained, on one scale."""
    columns = min(len(before), 16)
    limit = float(max(np.abs(before).max(), np.abs(after).max()))
    figure = Figure(figsize=(max(0.8 * columns, 4) + 0.4, 1.6 * -(-len(before) // columns) + 1.3))
    for axes, kernels, name in zip(figure.subplots(2, 1), (before, after), ("before", "after training"), strict=True):
        _tiles(axes, _coloured(kernels, limit), columns)
        axes.set_title(name, loc="left", fontsize=10, y=1.02)
    figure.subplots_adjust(left=0.02, right=0.98, bottom=0.02, top=0.78, hspace=0.3)
    figure.suptitle(f"filters 0 to {len(before) - 1}\n{_scale(limit)}", fontsize=11)
    return figure


def feature_maps(image: Pixels, maps: Floats, label: str) -> Figure:
    """Draw an image ``[H, W]`` beside what each filter makes of it, ``[F, H', W']``."""
    columns = min(len(maps), 8)
    rows = -(-len(maps) // columns)
    limit = float(np.abs(maps).max())
    figure = Figure(figsize=(1.2 * columns + 1.8, max(1.3 * rows, 1.4) + 0.9))
    left, right = figure.subplots(1, 2, width_ratios=(1.2, columns))
    _tiles(left, [_grey(image)], 1)
    left.set_title(f"a test image: {label}", fontsize=9, y=1.02)
    _tiles(right, _coloured(maps, limit), columns)
    right.set_title(f"what filters 0 to {len(maps) - 1} make of it", fontsize=9, y=1.02)
    figure.subplots_adjust(left=0.02, right=0.98, bottom=0.02, top=1 - 0.75 / figure.get_figheight(), wspace=0.05)
    figure.suptitle(f"feature maps after training: {_scale(limit)}", fontsize=11)
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
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for true, taken_for in np.argwhere(counts):
        colour = "white" if shares[true, taken_for] > 0.5 else "black"
        count = str(counts[true, taken_for])
        axes.text(taken_for, true, count, ha="center", va="center", color=colour, fontsize=8, parse_math=False)
    axes.set_xticks(range(classes), class_names, rotation=0 if longest == 1 else 45)
    axes.set_yticks(range(classes), class_names)
    right, total = int(np.trace(counts)), len(labels)
    axes.set(xlabel="predicted", ylabel="true class")
    axes.set_title(f"test images: {right} of {total} right ({right / total:.2%})", y=1.02)
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
    titles = [f"{class_names[labels[i]]} → {class_names[predicted[i]]}, {probabilities[i].max():.0%}" for i in surest]
    _tiles(axes, _grey(images[surest]), columns, titles)
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.01, top=1 - 0.5 / figure.get_figheight())
    figure.suptitle(
        f"most confidently wrong: {len(surest)} of {len(wrong)} errors on {len(labels)} test images\n"
        "(what it is → what it was taken for, how surely)",
        fontsize=11,
    )
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
    _tiles(axes, _grey(np.stack(tiles)), each)
    for number, name in enumerate(class_names):
        axes.text(-0.1, number + 0.5, name, ha="right", va="center")
    figure.subplots_adjust(
        left=1 / figure.get_figwidth(), right=0.99, bottom=0.01, top=1 - 0.4 / figure.get_figheight()
    )
    figure.suptitle(title)
    return figure


def _grey(images: Pixels) -> Colours:
    """Return images ``[..., H, W]`` in dark on light: ``[..., H, W, 3]``."""
    return np.repeat(255 - images[..., None], 3, axis=-1)


def _coloured(maps: Floats, limit: float) -> Colours:
    """Return numbers ``[..., H, W]`` in blue (negative) and red (positive): ``[..., H, W, 3]``."""
    colours: Colours = colormaps["RdBu_r"](Normalize(-limit, limit)(maps), bytes=True)[..., :3]
    return colours


def _scale(limit: float) -> str:
    return f"blue {-limit:.2g}, white 0, red {limit:.2g}"


def _tiles(axes: Axes, tiles: Sequence[Colours] | Colours, columns: int, titles: Sequence[str] = ()) -> None:
    """Draw tiles ``[H, W, 3]`` in a grid, each with its title above, as one picture.

    An Axes a tile, or a picture a tile, would take many times as long; and every run draws some.
    """
    axes.set_axis_off()
    if not len(tiles):
        return
    lines = max((title.count("\n") + 1 for title in titles), default=0)
    height, width = tiles[0].shape[:2]
    gap = max(width // 16, 1) if width > 3 else 0.25  # pixels
    zoom = 1 if width > 3 else 8  # the gaps are whole pixels of the picture
    gap, height, width = round(gap * zoom), height * zoom, width * zoom
    above = round(0.17 * lines * width)
    rows = -(-len(tiles) // columns)
    picture = np.full((rows * (above + height + gap), columns * (width + gap), 3), 255, np.uint8)
    for index, tile in enumerate(tiles):
        row, column = divmod(index, columns)
        top, left = row * (above + height + gap) + above, column * (width + gap)
        picture[top : top + height, left : left + width] = tile.repeat(zoom, axis=0).repeat(zoom, axis=1)
        if titles:
            middle, bottom = left + width / 2, top - 0.02 * height
            axes.text(middle, bottom, titles[index], ha="center", va="bottom", fontsize=8, parse_math=False)
    axes.imshow(picture, interpolation="nearest")
    axes.set_anchor("N")
