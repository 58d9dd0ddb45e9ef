"""Means, effects and their 95% intervals.

Seeds are the sample: an interval says what other seeds would give on the same images. A share of images has its own
interval (Wilson 1927), which says what other images would give to the same model. Holm (1979) corrects p values for
being one of many. Distributions are SciPy's.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

LEVEL = 0.95


class Interval(NamedTuple):
    """A mean and its 95% interval."""

    mean: float
    low: float
    high: float
    n: int  # seeds
    p: float  # of a mean of 0, two-sided

    @property
    def excludes_zero(self) -> bool:
        """Whether the mean can be told from 0."""
        return self.low > 0 or self.high < 0

    def text(self, form: str) -> str:
        """Return mean and interval, each number in a format such as ``+.4f``."""
        if self.n < 2:
            return f"{self.mean:{form}}"
        return f"{self.mean:{form}} [{self.low:{form}}, {self.high:{form}}]"


def mean_interval(sample: Sequence[float] | npt.NDArray[np.floating[Any]]) -> Interval:
    """Return a sample's mean with Student's interval; unbounded if there is one value only.

    >>> print(mean_interval([1.0, 2.0, 3.0]).text(".3f"))
    2.000 [-0.484, 4.484]
    """
    values = np.asarray(sample, np.float64)
    mean, n = float(values.mean()), len(values)
    if n < 2:
        return Interval(mean, -math.inf, math.inf, n, 1.0)
    error = float(values.std(ddof=1)) / math.sqrt(n)
    half = float(stats.t.ppf((1 + LEVEL) / 2, n - 1)) * error
    if error == 0:  # all alike: there is nothing to divide by
        return Interval(mean, mean, mean, n, float(mean == 0))
    return Interval(mean, mean - half, mean + half, n, float(2 * stats.t.sf(abs(mean) / error, n - 1)))


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


def wilson(successes: int, n: int) -> tuple[float, float]:
    """Return Wilson's 95% interval of a share.

    >>> low, high = wilson(373, 400)
    >>> print(f"{low:.3f} {high:.3f}")
    0.904 0.953
    """
    found = stats.binomtest(successes, n).proportion_ci(LEVEL, method="wilson")
    return float(found.low), float(found.high)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values corrected for being several: below 0.05, none of them is likely to be so by chance.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    # the k-th smallest of m is multiplied by m - k + 1, and none may fall below its predecessor
    order = np.argsort(p_values, kind="stable")
    scaled = np.asarray(p_values, np.float64)[order] * np.arange(len(order), 0, -1)
    corrected = np.empty(len(order))
    corrected[order] = np.minimum(np.maximum.accumulate(scaled), 1)
    return [float(p) for p in corrected]
