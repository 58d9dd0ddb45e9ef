"""Can one reported number be one more run of ours? Statistics for reproducing a single, unseeded run.

A confidence interval of our mean would be the wrong measure: with enough seeds it excludes a faithful
copy. The claim that is tested is that the reported run is exchangeable with ours, one more draw of the
same distribution:

- ``prediction_interval`` and ``prediction_p``: t = (x - mean) / (s sqrt(1 + 1/n)) with n - 1 degrees of
  freedom (Crawford and Howell 1998; Spence and Stanley 2016 on replications);
- ``rank_test``: the place of x among the n + 1 values, which assumes no distribution;
- ``joint_test``: several correlated quantities of one run at once;
- ``divergence_p``: a run that ended against runs that did not.

``judge`` turns the outcome into a verdict.
"""

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]
Verdict = Literal["consistent", "inconsistent", "inconclusive"]

ALPHA = 0.05  # of a faithful copy's reported numbers, this share is called inconsistent


class PredictionInterval(NamedTuple):
    """Where one more value will lie."""

    low: float
    high: float


class Rank(NamedTuple):
    """A value's place among itself and a sample."""

    rank: int  # 1: the smallest of n + 1
    p: float  # two-sided


class Joint(NamedTuple):
    """How far a run lies from the others, all its quantities taken together."""

    distance: float  # of the run in question
    sample_distances: Floats  # [n], of the others
    p: float  # the share of the n + 1 runs that lie as far out as the run in question
    limit: float | None  # distances above it have p <= ALPHA; None: n is too small for that


def prediction_interval(sample: Floats, confidence: float = 1 - ALPHA) -> PredictionInterval:
    """Return the interval that holds one more value with this probability, if values are normal.

    Args:
        sample: ``[n]``, n >= 2.
        confidence: 0..1.

    >>> low, high = prediction_interval(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    >>> round(low, 3), round(high, 3)
    (-1.809, 7.809)
    """
    # mean -+ t((1 + confidence) / 2, n - 1) s sqrt(1 + 1/n)
    half_width = stats.t.ppf((1 + confidence) / 2, len(sample) - 1) * sample.std(ddof=1) * np.sqrt(1 + 1 / len(sample))
    return PredictionInterval(float(sample.mean() - half_width), float(sample.mean() + half_width))


def prediction_p(value: float, sample: Floats) -> float:
    """Return the two-sided p of a value under the sample's predictive t distribution.

    It is at most 1 - confidence exactly when the value lies outside ``prediction_interval``.

    Args:
        value: The one to judge.
        sample: ``[n]``, n >= 2. If all its values are equal, p is 1 for that very value and 0 for any other.

    >>> round(prediction_p(6.0, np.array([1.0, 2.0, 3.0, 4.0, 5.0])), 4)
    0.1583
    """
    if np.ptp(sample) == 0:
        return float(value == sample[0])
    # t = (x - mean) / (s sqrt(1 + 1/n))
    t = (value - sample.mean()) / (sample.std(ddof=1) * np.sqrt(1 + 1 / len(sample)))
    return float(2 * stats.t.sf(abs(t), len(sample) - 1))


def rank_test(value: float, sample: Floats) -> Rank:
    """Return a value's rank among itself and the sample, and its exact two-sided p.

    With n values the smallest possible p is 2 / (n + 1): 0.095 for 20, 0.05 for 39. Equal values count in
    favour of exchangeability.

    >>> rank_test(0.5, np.array([1.0, 2.0, 3.0]))
    Rank(rank=1, p=0.5)
    """
    # p = 2 min(how many of n + 1 are <= x, how many are >= x) / (n + 1)
    at_most, at_least = 1 + int((sample <= value).sum()), 1 + int((sample >= value).sum())
    return Rank(1 + int((sample < value).sum()), min(1.0, 2 * min(at_most, at_least) / (len(sample) + 1)))


def joint_test(values: Floats, sample: Floats) -> Joint:
    """Judge several quantities of one run together, however they are correlated.

    A run's distance is its largest |t|: each run of all n + 1 is left out in turn and compared, quantity by
    quantity, with the n that stay. Whether the distance is large is read from the other runs' distances alone, so
    that p holds whatever the distribution and the correlations (the runs' order carries no information if they
    are exchangeable). A Mahalanobis distance would need more runs than quantities.

    Args:
        values: ``[Q]``, the run in question.
        sample: ``[n, Q]``, the others, n >= 2.

    >>> joint_test(np.array([9.0, 0.0]), np.array([[1.0, 0.1], [2.0, -0.1], [3.0, 0.0]])).p
    0.25
    """
    pool = np.vstack([values, sample])  # [n + 1, Q]
    n = len(sample)
    stay = np.array([np.delete(np.arange(n + 1), left_out) for left_out in range(n + 1)])
    others = pool[stay]  # [n + 1, n, Q]
    off = np.abs(pool - others.mean(axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = off / (others.std(axis=1, ddof=1) * np.sqrt(1 + 1 / n))
    distances = np.nan_to_num(t, nan=0.0, posinf=np.inf).max(axis=1)  # 0 / 0: all n + 1 agree
    allowed = int(ALPHA * (n + 1))  # so many of n + 1 runs may be called inconsistent
    limit = float(np.sort(distances[1:])[-allowed]) if allowed else None
    return Joint(float(distances[0]), distances[1:], float((distances >= distances[0]).mean()), limit)


def divergence_p(n: int, diverged: int) -> float:
    """Return the chance that a run did not diverge, if it is exchangeable with n of which so many did.

    >>> round(divergence_p(20, 20), 4)  # the only one of 21
    0.0476
    """
    return (n - diverged + 1) / (n + 1)


def judge(p: float, *, conclusive: bool) -> Verdict:
    """Return the verdict.

    Args:
        p: How probable something as far off is, if the reported run is one more of ours.
        conclusive: Whether the comparison could have told a difference that matters: the interval is narrow enough,
            or there are runs enough.
    """
    if p <= ALPHA:
        return "inconsistent"
    return "consistent" if conclusive else "inconclusive"
