"""The images of ``valid`` and ``test`` that most runs get wrong, and what the runs took them for."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from convsweep.compare.runs import Run
from convsweep.config import IdxFiles
from convsweep.data import CLASS_NAMES, load
from convsweep.errors import UserError
from convsweep.nn.network import NUM_CLASSES
from convsweep.nn.patches import Pixels
from convsweep.nn.training import Batch, Split
from convsweep.records.files import DamagedError
from convsweep.records.journal import read_config
from convsweep.records.predictions import SPLITS, Rows, load_predictions

MOST_IMAGES = 24
MOST_RUNS = 1000  # whose predictions are read: thousands more say the same, a second later


class HardImage(NamedTuple):
    """An image that more than half of the runs get wrong."""

    split: Split
    number: int  # its place in the split, from 0
    pixels: Pixels  # uint8 [28, 28]
    label: str
    answers: tuple[tuple[str, int], ...]  # what runs took it for, wrong or right, with their number, most first
    num_wrong: int  # runs


class HardImages(NamedTuple):
    """The hardest, hardest first; or why there is nothing to show."""

    images: tuple[HardImage, ...]
    num_hard: int  # images that more than half of the runs get wrong; at most so many are shown
    num_images: int  # of both splits
    num_runs: int  # whose predictions were read: all, or some from each part of the ranking
    obstacle: str  # a sentence; empty: there is none


def find_hard_images(runs: Sequence[Run]) -> HardImages:
    """Count the answers of finished runs, all judged on the same images.

    Args:
        runs: At least one, all of one comparison.
    """
    asked = runs[:: math.ceil(len(runs) / MOST_RUNS)]  # from best to worst
    predictions = [rows for run in asked if (rows := _predictions(run)) is not None]
    if not predictions:
        return HardImages((), 0, 0, 0, "The runs' predictions are not there any more.")
    labels = {split: predictions[0][split]["label"] for split in SPLITS}
    num_images = sum(map(len, labels.values()))
    nothing = HardImages((), 0, num_images, len(predictions), "")
    try:
        batches = _images(runs[0])
    except UserError as error:
        return nothing._replace(obstacle=f"The images can't be shown: {error}")
    if any(not np.array_equal(batches[split].labels, labels[split]) for split in SPLITS):
        return nothing._replace(obstacle="The images can't be shown: the data set has changed since.")
    found: list[HardImage] = []
    names = CLASS_NAMES[str(runs[0].values["data.name"])]
    for split in SPLITS:
        counts = _counts(predictions, split)  # [N, C]
        num_wrong = len(predictions) - counts[np.arange(len(counts)), labels[split]]
        for number in np.flatnonzero(2 * num_wrong > len(predictions)):
            order = [answer for answer in np.argsort(-counts[number], kind="stable") if counts[number, answer]]
            answers = tuple((names[answer], int(counts[number, answer])) for answer in order)
            pixels, label = batches[split].images[number], names[labels[split][number]]
            found.append(HardImage(split, int(number), pixels, label, answers, int(num_wrong[number])))
    found.sort(key=lambda image: -image.num_wrong)
    return nothing._replace(images=tuple(found[:MOST_IMAGES]), num_hard=len(found))


def _predictions(run: Run) -> dict[Split, Rows] | None:
    try:
        return load_predictions(run.directory)
    except DamagedError:
        return None


def _images(run: Run) -> dict[Split, Batch]:
    """Load the images that a run was judged on, from this machine alone.

    Raises:
        UserError: They aren't there, or are others.
    """
    data = read_config(run.directory).data
    if isinstance(data, IdxFiles):
        data = data.model_copy(update={"mirrors": ()})  # a report downloads nothing
    dataset = load(data)
    if run.result is not None and run.result.data_digest != dataset.digest:
        raise UserError("the data set is not the one that the runs were trained on.")
    return {"valid": dataset.splits.valid, "test": dataset.splits.test}


def _counts(predictions: Sequence[dict[Split, Rows]], split: Split) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Return how many runs took each image for each class, ``[N, C]``."""
    digits = np.stack([rows[split]["digit"] for rows in predictions])  # [R, N]
    return np.stack([(digits == number).sum(axis=0) for number in range(NUM_CLASSES)], axis=1)
