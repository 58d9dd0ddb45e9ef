"""Pictures made of tiles: filters, feature maps, digits, a confusion matrix.

Drawn with Pillow, in a few milliseconds each: every run draws four, and matplotlib, which measures
every text before it draws it, would take longer for them than a stack takes to train a model.
Pictures that are all grey have a channel instead of three, which makes their files smaller and sooner written.
"""

from collections.abc import Sequence
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.colors import Normalize
from PIL import Image, ImageDraw

from convsweep.nn.layers import Labels
from convsweep.nn.patches import Floats, Pixels
from convsweep.pictures.style import font

Tile = npt.NDArray[np.uint8]  # [H, W], grey, or [H, W, 3]: red, green, blue

GAP, MARGIN, TITLE, TEXT = 6, 14, 16, 12  # pixels, the last two of a line of text


class Row(NamedTuple):
    """Tiles side by side."""

    tiles: Sequence[Tile] | npt.NDArray[np.uint8]
    label: str = ""  # on the left
    above: Sequence[str] = ()  # a text over each tile
    inside: Sequence[str] = ()  # a text in the middle of each


class Answer(NamedTuple):
    """What a network says of a picture."""

    name: str  # the picture's
    picture: Pixels  # [H, W], grey, as it was read
    pixels: Pixels  # [28, 28], what the network saw of it
    said: str


def filters_before_and_after(before: Floats, after: Floats) -> Image.Image:
    """Draw filters ``[F, 3, 3]``, as drawn and as trained, on one scale."""
    limit = float(max(np.abs(before).max(), np.abs(after).max()))
    rows = [
        Row(row.tiles, label=f"{name} " if row.above[0] == "0" else "", above=row.above)
        for name, kernels in (("before", before), ("after training", after))
        for row in _wrapped(_coloured(kernels, limit), [str(number) for number in range(len(kernels))], columns=16)
    ]
    return _picture(f"filters: {_scale(limit)}", rows, tile=60)


def feature_maps(image: Pixels, maps: Floats, label: str) -> Image.Image:
    """Draw an image ``[H, W]`` and what each filter makes of it, ``[F, H', W']``."""
    limit = float(np.abs(maps).max())
    numbers = [f"filter {number}" for number in range(len(maps))]
    first, *others = _wrapped(_coloured(maps, limit), numbers, columns=8)
    blank = np.full(image.shape, 255, np.uint8)
    rows = [Row([_grey(image), *first.tiles], above=[f"test image: {label}", *first.above])]
    rows += [Row([blank, *row.tiles], above=["", *row.above]) for row in others]
    return _picture(f"feature maps after training: {_scale(limit)}", rows, tile=112)


def confusion_matrix(labels: Labels, predicted: Labels, class_names: Sequence[str]) -> Image.Image:
    """Draw how often images of each class (rows) were taken for which (columns); the diagonal is what was right."""
    classes = len(class_names)
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (labels, predicted), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    colours = mpl.colormaps["Blues"](shares, bytes=True)[..., :3]  # [C, C, 3]
    rows = [
        Row(
            colours[true][:, None, None],
            label=f"{name} ",
            above=class_names if true == 0 else (),
            inside=[str(count) if count else "" for count in counts[true]],
        )
        for true, name in enumerate(class_names)
    ]
    right, total = int(np.trace(counts)), len(labels)
    title = (
        f"{right} of {total} test images right ({right / total:.2%})\nrow: what it is, column: what it was taken for"
    )
    return _picture(title, rows, tile=44 if max(map(len, class_names)) == 1 else 76, gap=1)


def most_confidently_wrong(
    images: Pixels, labels: Labels, probabilities: Floats, class_names: Sequence[str], most: int = 16
) -> Image.Image:
    """Draw the misclassified images that the network was surest of, surest first."""
    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    surest = wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:most]
    above = [f"{class_names[labels[i]]} → {class_names[predicted[i]]}, {probabilities[i].max():.0%}" for i in surest]
    title = (
        f"most confidently wrong: {len(surest)} of {len(wrong)} errors on {len(labels)} test images\n"
        "what it is → what it was taken for, how surely"
    )
    return _picture(
        title, _wrapped(_grey(images[surest]), above, columns=8), tile=118 if len(class_names[0]) == 1 else 190
    )


def digit_samples(
    images: Pixels, labels: Labels, class_names: Sequence[str], title: str, each: int = 12
) -> Image.Image:
    """Draw the first images of every class, a row a class."""
    rows = [
        Row(_grey(images[np.flatnonzero(labels == number)[:each]]), label=f"{name} ")
        for number, name in enumerate(class_names)
    ]
    return _picture(title, rows, tile=56)


def seen_by_network(answers: Sequence[Answer], tile: int) -> Image.Image:
    """Draw pictures beside what a network saw of them, a row a picture, ``tile`` pixels wide and high each."""
    rows = [
        Row([_squared(answer.picture), answer.pixels], above=[_shortened(answer.name, tile), answer.said])
        for answer in answers
    ]
    return _picture("the picture, and what the network saw of it", rows, tile=tile)


def _squared(picture: Pixels) -> Pixels:
    """Put white beside a picture's longer sides."""
    missing = max(picture.shape) - np.array(picture.shape)
    return np.pad(picture, [(short // 2, short - short // 2) for short in missing], constant_values=255)


def _shortened(text: str, width: int) -> str:
    """Return as much of a text's end as ``width`` pixels hold."""
    first = 0
    while font(TEXT - 1).getlength(shortened := f"…{text[first:]}" if first else text) > width:
        first += 1
    return shortened


def _wrapped(tiles: npt.NDArray[np.uint8], above: Sequence[str], columns: int) -> list[Row]:
    """Break a long row of tiles into several."""
    starts = range(0, len(tiles), columns)
    return [Row(tiles[start : start + columns], above=above[start : start + columns]) for start in starts]


def _picture(title: str, rows: Sequence[Row], *, tile: int, gap: int = GAP) -> Image.Image:
    """Lay rows of tiles out below a title, each tile scaled to so many pixels."""
    top = 2 * MARGIN + TITLE * (1 + title.count("\n")) + 4
    left = MARGIN + max((int(font(TEXT).getlength(row.label)) for row in rows), default=0)
    columns = max((len(row.tiles) for row in rows), default=0)
    width = max(left + columns * (tile + gap) + MARGIN, *(_width(line) + 2 * MARGIN for line in title.split("\n")))
    height = top + sum(tile + gap + (TEXT + 4 if row.above else 0) for row in rows) + MARGIN - gap
    grey = all(content.ndim == 2 for row in rows for content in row.tiles)
    picture = Image.new("L" if grey else "RGB", (width, height), "white")
    draw = ImageDraw.Draw(picture)
    draw.multiline_text((width / 2, MARGIN), title, "black", font(TITLE - 2), anchor="ma", align="center")
    for row in rows:
        if row.above:
            top += TEXT + 4
        draw.text((left, top + tile / 2), row.label, "black", font(TEXT), anchor="rm")
        for column, content in enumerate(row.tiles):
            x = left + column * (tile + gap)
            picture.paste(
                Image.fromarray(np.ascontiguousarray(content)).resize((tile, tile), Image.Resampling.NEAREST), (x, top)
            )
            if row.above:
                draw.text((x + tile / 2, top - 5), row.above[column], "black", font(TEXT - 1), anchor="ms")
            if row.inside and row.inside[column]:
                on_dark = content.mean() < 128
                draw.text(
                    (x + tile / 2, top + tile / 2),
                    row.inside[column],
                    "white" if on_dark else "black",
                    font(TEXT),
                    anchor="mm",
                )
        top += tile + gap
    return picture


def _width(line: str) -> int:
    return int(font(TITLE - 2).getlength(line))


def _grey(images: Pixels) -> Pixels:
    """Return images ``[..., H, W]`` in dark on light."""
    return 255 - images


def _coloured(maps: Floats, limit: float) -> npt.NDArray[np.uint8]:
    """Return numbers ``[..., H, W]`` in blue (negative) and red (positive): ``[..., H, W, 3]``."""
    colours: npt.NDArray[np.uint8] = mpl.colormaps["RdBu_r"](Normalize(-limit, limit)(maps), bytes=True)[..., :3]
    return colours


def _scale(limit: float) -> str:
    return f"blue {-limit:.2g}, white 0, red {limit:.2g}"
