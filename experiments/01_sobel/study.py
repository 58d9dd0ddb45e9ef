"""01_sobel: the tutorial's worked examples, and what its two filters make of a photograph."""

from collections.abc import Iterator
from hashlib import sha256
from typing import NamedTuple, get_args

import numpy as np
import pandas as pd
from matplotlib.cbook import get_sample_data
from matplotlib.figure import Figure
from PIL import Image
from scipy import ndimage

from convsweep.markdown import blocks, image, table
from convsweep.nn.layers import convolve, max_pool
from convsweep.nn.patches import Floats, Padding, to_blocks
from experiments.harness.study import Facts, Report, Setting, Study, write_results

PHOTOGRAPH = "grace_hopper.jpg"  # in the public domain; matplotlib ships it
EXAMPLE = np.array([[0, 50, 0, 29], [0, 80, 31, 2], [33, 90, 0, 75], [0, 9, 0, 95]], float)
VERTICAL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], float)
HORIZONTAL = np.array([[1, 2, 1], [0, 0, 0], [-1, -2, -1]], float)
KERNELS = {"vertical": VERTICAL, "horizontal": HORIZONTAL}
PADDINGS: tuple[Padding, ...] = get_args(Padding)

SHOWN = 300  # outputs beyond -300 and 300 have the picture's strongest colours; edges reach 1,000

WORKED = {  # what the tutorial prints, number by number
    ("example", "vertical", "valid"): "29 -192 -35 -22",
    ("example", "none", "max-pooling"): "80 31 90 95",
}


class Row(NamedTuple):
    """One image under one filter."""

    image: str
    kernel: str
    operation: str  # valid | same | max-pooling
    rows: int
    columns: int
    outputs: str  # all of a small output, row by row; empty for a photograph
    low: float
    high: float
    border: float  # mean size of the output's outermost pixels
    inside: float  # mean size of all others
    apart: float  # largest difference from SciPy's output


def photograph() -> Floats:
    """Return the photograph's grey values 0..255, float64 ``[600, 512]``."""
    with Image.open(get_sample_data(PHOTOGRAPH, asfileobj=False)) as opened:
        return np.asarray(opened.convert("L"), np.float64)


def _measure(setting: Setting) -> Facts:
    picture = photograph()
    write_results(pd.DataFrame(_rows({"example": EXAMPLE, "photograph": picture})), setting.folder)
    digest = sha256(picture.astype(np.uint8).tobytes()).hexdigest()
    height, width = picture.shape
    return Facts(
        f"the tutorial's 4x4 image; matplotlib's `{PHOTOGRAPH}`, grey, {height} x {width} pixels, sha256 `{digest}`",
        "none: nothing is drawn at random",
    )


def _rows(pictures: dict[str, Floats]) -> Iterator[Row]:
    for name, picture in pictures.items():
        for kernel_name, kernel in KERNELS.items():
            for padding in PADDINGS:
                # SciPy pads by one pixel of zeros for `same`; `valid` is that without its border
                outside = ndimage.correlate(picture, kernel, mode="constant")
                outside = outside if padding == "same" else outside[1:-1, 1:-1]
                yield _row(name, kernel_name, padding, convolve(picture, kernel[None], padding)[0], outside)
    pooled = max_pool(to_blocks(EXAMPLE)).reshape(2, 2)
    yield _row("example", "none", "max-pooling", pooled, ndimage.maximum_filter(EXAMPLE, 2, origin=-1)[::2, ::2])


def _row(name: str, kernel: str, operation: str, output: Floats, outside: Floats) -> Row:
    sizes, border = np.abs(output), np.ones(output.shape, bool)
    border[1:-1, 1:-1] = False
    rows, columns = output.shape
    return Row(
        name,
        kernel,
        operation,
        rows,
        columns,
        " ".join(f"{value:g}" for value in output.flat) if name == "example" else "",
        float(output.min()),
        float(output.max()),
        float(sizes[border].mean()),
        float("nan") if border.all() else float(sizes[~border].mean()),
        float(np.abs(output - outside).max()),
    )


def _report(results: pd.DataFrame) -> Report:
    example = results[results["image"] == "example"]
    photo = results[results["image"] == "photograph"]
    worked = [_is_as_worked(example, key) for key in WORKED]
    small = [
        [
            "(none)" if row["kernel"] == "none" else row["kernel"],
            row["operation"],
            f"{row['rows']} x {row['columns']}",
            f"`{_matrix(row['outputs'], row['columns'])}`",
            "printed there" if (row["image"], row["kernel"], row["operation"]) in WORKED else "",
        ]
        for row in example.to_dict("records")
    ]
    large = [
        [
            row["kernel"],
            row["operation"],
            f"{row['rows']} x {row['columns']}",
            *(f"{row[name]:g}" for name in ("low", "high")),
            *(f"{row[name]:.1f}" for name in ("border", "inside")),
        ]
        for row in photo.to_dict("records")
    ]
    same = photo[photo["operation"] == "same"]
    measured = blocks(
        "The 4x4 image:",
        table(["filter", "operation", "output", "values", "the tutorial's"], small),
        "The photograph (grey values 0 to 255):",
        table(["filter", "padding", "output", "lowest", "highest", "mean size, border", "mean size, inside"], large),
        image("The photograph under both filters, with valid and with same padding", "photograph.png"),
        "The vertical filter answers to brightness that changes from left to right, the horizontal one to change from "
        "top to bottom; the sign says in which direction. Same padding keeps the image's size at a price: the zeros "
        "around the image count as black, so the border answers as if an edge ran along it, "
        f"{_times(same, 'vertical')} times (vertical filter) and {_times(same, 'horizontal')} times (horizontal) as "
        "strongly as the rest.",
        f"SciPy's correlation and maximum filter differ from these by at most {results['apart'].max():g}.",
    )
    answer = (
        f"{'Yes' if all(worked) else 'No'}: {sum(worked)} of the {len(worked)} printed outputs agree number by number, "
        "and SciPy agrees on every pixel of the photograph."
        if results["apart"].max() == 0
        else f"{sum(worked)} of the {len(worked)} printed outputs agree; SciPy's differ by up to "
        f"{results['apart'].max():g}."
    )
    return Report(measured, blocks(answer))


def _is_as_worked(example: pd.DataFrame, key: tuple[str, str, str]) -> bool:
    _, kernel, operation = key
    found = example[(example["kernel"] == kernel) & (example["operation"] == operation)]
    return found["outputs"].tolist() == [WORKED[key]]


def _matrix(outputs: str, columns: int) -> str:
    numbers = outputs.split()
    rows = [", ".join(numbers[start : start + columns]) for start in range(0, len(numbers), columns)]
    return "[" + ", ".join(f"[{row}]" for row in rows) + "]"


def _times(same: pd.DataFrame, kernel: str) -> str:
    row = same[same["kernel"] == kernel].iloc[0]
    return f"{row['border'] / row['inside']:.1f}"


def _draw(_: pd.DataFrame) -> dict[str, Figure]:
    picture = photograph()
    figure = Figure(figsize=(8.6, 5.6), layout="constrained")
    panels = figure.subplot_mosaic(
        [["photograph", *(f"{name} filter, {padding}" for padding in PADDINGS)] for name in KERNELS],
        width_ratios=(1.6, 1, 1),
    )
    panels["photograph"].imshow(picture, cmap="gray", vmin=0, vmax=255)
    panels["photograph"].set_title(f"the photograph, {picture.shape[0]} x {picture.shape[1]}")
    for name, kernel in KERNELS.items():
        for padding in PADDINGS:
            output, title = convolve(picture, kernel[None], padding)[0], f"{name} filter, {padding}"
            drawn = panels[title].imshow(output, cmap="gray", vmin=-SHOWN, vmax=SHOWN)
            panels[title].set_title(f"{title}:\n{output.shape[0]} x {output.shape[1]}", fontsize=10)
    for axes in panels.values():
        axes.set_axis_off()
    figure.colorbar(drawn, ax=list(panels.values()), label="output", shrink=0.6, extend="both")
    return {"photograph.png": figure}


STUDY = Study(
    title="Sobel filters",
    question="Does the convolution layer give the tutorial's worked examples, and what do its two filters see in a "
    "photograph?",
    expected="The 4x4 image under the vertical Sobel filter (valid padding) is [[29, -192], [-35, -22]], and "
    "max-pooled it is [[80, 31], [90, 95]], as the tutorial works out by hand. All of it is sums of products of small "
    "whole numbers, so agreement must be exact.",
    measure=_measure,
    report=_report,
    draw=_draw,
)
