"""A whole reproduction: what our seeds print in the tutorial's experiments, and the verdicts on its numbers."""

from collections.abc import Sequence
from typing import NamedTuple

from convsweep.config import RunConfig
from convsweep.data import Dataset
from convsweep.errors import UserError
from convsweep.reproduce.protocol import (
    LONG_WINDOW,
    SHORT_WINDOW,
    Case,
    Divergence,
    Ours,
    divergences,
    printed,
    tutorials_case,
)
from convsweep.reproduce.reported import Reported, reported_numbers
from convsweep.reproduce.verdicts import Comparison, Correlation, compare, correlations
from convsweep.reproduce.which_program import Courses, Study, assess


class Reproduction(NamedTuple):
    """All that was run and found."""

    data: str  # which images, in words
    tutorials_images: bool  # whether they are those that the tutorial trains and tests on
    num_train: int  # images an epoch
    num_test: int
    num_seeds: int
    reported: Sequence[Reported]
    ours: Ours
    divergences: Sequence[Divergence]
    comparisons: Sequence[Comparison]  # under the three gradient rules
    correlations: Sequence[Correlation]
    programs: Study  # the full run's numbers together, beside those of every program


def case_of(config: RunConfig, num_seeds: int, *, all_programs: bool = False) -> Case:
    """Return what to train; see ``protocol.tutorials_case``.

    Raises:
        UserError: There are fewer images than the tutorial prints one line for.
    """
    data = config.data
    for key, number, least in (("num_train", data.num_train, LONG_WINDOW), ("num_test", data.num_test, SHORT_WINDOW)):
        if number < least:
            raise UserError(f"'data.{key}' must be >= {least}, the images of one printed line (got {number}).")
    return tutorials_case(config, num_seeds, all_programs=all_programs)


def describe_images(dataset: Dataset) -> str:
    """Return which images are used, in a few words."""
    splits = dataset.splits
    return f"data={dataset.name}: {len(splits.train.labels):,} training, {len(splits.test.labels):,} test images"


def are_the_tutorials(dataset: Dataset) -> bool:
    """Return whether these are the images that the tutorial trains and tests on."""
    splits = dataset.splits
    return (dataset.name, len(splits.train.labels), len(splits.test.labels)) == ("mnist", 5000, 400)


def judge_all(case: Case, dataset: Dataset, courses: Courses) -> Reproduction:
    """Judge the tutorial's numbers by what our seeds print.

    Args:
        case: What was trained.
        dataset: What it was trained on.
        courses: What came of it, of all of ``protocol.all_trainings``.
    """
    reported, ours = reported_numbers(), printed(case, courses)
    return Reproduction(
        data=describe_images(dataset),
        tutorials_images=are_the_tutorials(dataset),
        num_train=len(dataset.splits.train.labels),
        num_test=len(dataset.splits.test.labels),
        num_seeds=case.protocol.num_seeds,
        reported=reported,
        ours=ours,
        divergences=divergences(case, courses),
        comparisons=compare(reported, ours),
        correlations=correlations(reported, ours),
        programs=assess(case.log, case.placed, case.protocol, courses),
    )
