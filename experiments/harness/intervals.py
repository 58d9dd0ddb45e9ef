"""Means, effects and their 95% intervals.

The sample is one value a seed, so an interval says where the mean over all seeds lies, on the same images. A share of
images has an interval of its own (Wilson 1927): where the share lies for the same model on all images. Tests and
intervals are SciPy's; what stands here is what they are asked, and what holds where they have no answer.
"""

import math
import warnings
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


def mean_interval(sample: Sequence[float] | npt.NDArray[np.floating[Any]]) -> Interval:
    """Return a sample's mean with Student's interval; unbounded for one value, of no width for values all alike.

    >>> print(mean_interval([1.0, 2.0, 3.0]).text(".3f"))
    2.000 [-0.484, 4.484]
    """
    values = np.asarray(sample, np.float64)
    mean, n = float(values.mean()), len(values)
    if n < 2:
        return Interval(mean, -math.inf, math.inf, n)
    if np.allclose(values, mean, rtol=1e-12, atol=0):  # alike up to rounding, of which SciPy warns
        return Interval(mean, mean, mean, n)
    low, high = stats.ttest_1samp(values, 0).confidence_interval(LEVEL)
    return Interval(mean, float(low), float(high), n)


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


def p_of_being_best(values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """Return a p value for each of several alternatives: that its true mean is the highest of all.

    Each alternative is compared with all others by paired, one-sided t tests. The smallest of its M - 1 p values is
    multiplied by their number (Bonferroni), so that the best is among the alternatives with p > 0.05 with a
    probability of 95% at least. It doesn't matter that the best of the sample was chosen after looking, as it isn't
    treated differently (multiple comparisons with the best, Hsu 1981).

    Args:
        values: ``[M, n]``, of each alternative, seeds in the same order.

    Returns:
        ``[M]``.

    >>> p_of_being_best(np.array([[5.0, 6.0, 7.0], [1.0, 2.1, 2.9], [4.0, 6.5, 6.9]])).round(3).tolist()
    [1.0, 0.0, 0.691]
    """
    ahead = values[None] - values[:, None]  # [M, M, n]: by how much the second is ahead of the first
    with warnings.catch_warnings():
        # where the differences are the same for every seed p is 0 or 1, or no number where they are all 0
        warnings.simplefilter("ignore", RuntimeWarning)
        p = stats.ttest_1samp(ahead, 0, axis=-1, alternative="greater").pvalue  # [M, M]
    # none is ahead of itself, nor of its equal
    smallest = np.nan_to_num(p, nan=1.0).min(axis=1)
    corrected: npt.NDArray[np.float64] = np.minimum(smallest * (len(values) - 1), 1)
    return corrected
