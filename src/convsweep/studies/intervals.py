"""Means, effects and their 95% intervals.

Seeds are the sample: an interval says what other seeds would give on the same images. A share of images has its own
interval (Wilson 1927), which says what other images would give to the same model. Distributions are SciPy's.
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

    def text(self, form: str, *, times: float = 1) -> str:
        """Return mean and interval, each number in a format such as ``+.4f``; 100 ``times`` a share are points."""
        mean, low, high = (f"{times * value:{form}}" for value in (self.mean, self.low, self.high))
        return mean if self.n < 2 else f"{mean} [{low}, {high}]"


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


def p_of_being_best(values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """Return a p value for each of several alternatives: that its true mean is the highest of all.

    An alternative is given up where another is better by a paired t test, one-sided. The smallest of its M - 1 p
    values is multiplied by their number (Bonferroni), so that the alternatives with p > 0.05 hold the best with 95%
    probability at least. That the best in the sample was found by looking does not matter: it is not singled out
    (multiple comparisons with the best, Hsu 1981).

    Args:
        values: ``[M, n]``, of each alternative, seeds in the same order.

    Returns:
        ``[M]``.

    >>> p_of_being_best(np.array([[5.0, 6.0, 7.0], [1.0, 2.1, 2.9], [4.0, 6.5, 6.9]])).round(3).tolist()
    [1.0, 0.0, 0.691]
    """
    n = values.shape[1]
    ahead = values[None] - values[:, None]  # [M, M, n]: the second's value less the first's
    mean, error = ahead.mean(axis=-1), ahead.std(axis=-1, ddof=1) / math.sqrt(n)  # [M, M]
    with np.errstate(divide="ignore", invalid="ignore"):  # differences that are all alike: t is infinite, or 0 / 0
        t = np.where(mean == 0, 0.0, mean / error)
    np.fill_diagonal(t, -np.inf)  # none is compared with itself
    smallest = stats.t.sf(t.max(axis=1), n - 1)
    p_values: npt.NDArray[np.float64] = np.minimum(smallest * (len(values) - 1), 1)
    return p_values
