"""A whole reproduction: what our seeds print under every gradient rule, and the verdicts on the tutorial's numbers."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from convsweep.config import Data
from convsweep.data import Dataset, load
from convsweep.errors import UserError
from convsweep.reproduce.protocol import LONG_WINDOW, SHORT_WINDOW, Divergence, Measurement, Outcome
from convsweep.reproduce.reported import Reported, reported_numbers
from convsweep.reproduce.verdicts import Comparison, Correlation, by_place, compare, correlations


class Reproduction(NamedTuple):
    """All that was run and found."""

    data: str  # which images, in words
    tutorials_images: bool  # whether they are those that the tutorial trains and tests on
    num_train: int  # images an epoch
    num_test: int
    num_seeds: int
    reported: Sequence[Reported]
    measurements: Sequence[Measurement]
    divergences: Sequence[Divergence]
    comparisons: Sequence[Comparison]
    correlations: Sequence[Correlation]


def load_images(data: Data) -> Dataset:
    """Load a data set.

    Raises:
        UserError: There are fewer images than the tutorial prints one line for, or the data can't be had.
    """
    for key, number, least in (("num_train", data.num_train, LONG_WINDOW), ("num_test", data.num_test, SHORT_WINDOW)):
        if number < least:
            raise UserError(f"'data.{key}' must be >= {least}, the images of one printed line (got {number}).")
    return load(data)


def describe_images(dataset: Dataset) -> str:
    """Return which images are used, in a few words."""
    splits = dataset.splits
    return f"data={dataset.name}: {len(splits.train.labels):,} training, {len(splits.test.labels):,} test images"


def are_the_tutorials(dataset: Dataset) -> bool:
    """Return whether these are the images that the tutorial trains and tests on."""
    splits = dataset.splits
    return (dataset.name, len(splits.train.labels), len(splits.test.labels)) == ("mnist", 5000, 400)


def assess(dataset: Dataset, num_seeds: int, outcomes: Iterable[Outcome]) -> Reproduction:
    """Judge the tutorial's numbers by what our seeds print.

    Args:
        dataset: What all seeds were trained on.
        num_seeds: How many there are under each gradient rule.
        outcomes: What came of them, in any order; see ``parallel.run_all``.
    """
    measurements: list[Measurement] = []
    divergences: list[Divergence] = []
    for outcome in outcomes:
        measurements += outcome.measurements
        divergences += outcome.divergences
    reported, ours = reported_numbers(), by_place(measurements)
    return Reproduction(
        data=describe_images(dataset),
        tutorials_images=are_the_tutorials(dataset),
        num_train=len(dataset.splits.train.labels),
        num_test=len(dataset.splits.test.labels),
        num_seeds=num_seeds,
        reported=reported,
        measurements=measurements,
        divergences=divergences,
        comparisons=compare(reported, ours),
        correlations=correlations(reported, ours),
    )
