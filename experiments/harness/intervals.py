"""Means, effects and their 95% intervals, of tables with one row a run.

The sample is one value a seed, so an interval says where the mean over all seeds lies, on the same images.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from convsweep.compare.statistics.intervals import student_interval

LEVEL = 0.95


class Interval(NamedTuple):
    """A mean and its 95% interval."""

    mean: float
    low: float
    high: float
    n: int  # seeds

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 lies outside."""
        return self.low > 0 or self.high < 0

    def text(self, form: str, *, times: float = 1) -> str:
        """Return mean and interval in words; a single seed has no interval.

        Args:
            form: Of each number, such as ``+.4f``.
            times: What each is multiplied by: 100 for a share in percentage points.
        """
        mean, low, high = (f"{times * value:{form}}" for value in (self.mean, self.low, self.high))
        return mean if self.n < 2 else f"{mean} [{low}, {high}]"


def mean_interval(sample: Sequence[float] | npt.NDArray[np.floating[Any]], *, at_once: int = 1) -> Interval:
    """Return a sample's mean with Student's interval; unbounded for one value, of no width for values all alike.

    Args:
        sample: One value a seed.
        at_once: How many intervals are to hold at once (Bonferroni), for instance so that the best one's does.

    >>> print(mean_interval([1.0, 2.0, 3.0]).text(".3f"))
    2.000 [-0.484, 4.484]
    """
    values = np.asarray(sample, np.float64)
    return Interval(
        float(values.mean()), *student_interval(values, confidence=1 - (1 - LEVEL) / at_once), n=len(values)
    )


def effect(results: pd.DataFrame, metric: str, factor: str, level: object, baseline: object) -> Interval | None:
    """Return how much a metric changes when a factor goes from its baseline to a level, paired by seed.

    Each seed gives one difference: the mean over its runs with the level, less that over its runs with the baseline.
    So other factors must be crossed with this one, or be constant.

    Args:
        results: One row a run, with columns ``seed``, ``factor`` and ``metric``.
        metric: What changes.
        factor: The column that is varied.
        level: Its value after the change.
        baseline: Its value before.

    Returns:
        The mean difference over the seeds, or None if no seed has a number for every run concerned.
    """

    def by_seed(value: object) -> "pd.Series[float]":
        of_level = results[results[factor] == value]
        return of_level.groupby("seed")[metric].agg(lambda runs: runs.mean(skipna=False))

    differences = (by_seed(level) - by_seed(baseline)).dropna()
    return mean_interval(differences.to_numpy()) if len(differences) else None
