"""Do two configurations differ? Two-sided p values from pairs: the same seeds, or the same images.

- ``paired_t_p``: Student's t test, for differences that are normal;
- ``sign_flip_p``: the permutation test of paired differences (Fisher 1935, section 21), which assumes only that a
  difference is as likely as its opposite if the two don't differ;
- ``mcnemar_p``: the exact test of two models' answers to the same images (McNemar 1947).

None of them holds for a pair that was picked because it differs most: see ``best``.
"""

import math

import numpy as np
import numpy.typing as npt
from scipy import special

from convsweep.compare.statistics.checks import Floats, finite
from convsweep.compare.statistics.intervals import sample_variance

MOST_ENUMERATED = 32  # differences whose 2^32 sign patterns are counted exactly, in two halves of 2^16
RANDOM_PATTERNS = 20_000  # for more differences: a p of 0.05 is known to 0.0015 (one standard error)


def paired_t_p(differences: npt.ArrayLike, *, step: float = 0.0) -> float:
    """Return the p of Student's paired t test: that the mean difference is 0.

    Args:
        differences: ``[n]``, of normal values. The p is 1 if there is one only, or if all are 0. If all are equal
            otherwise, it is 0 unless ``step`` says that rounding may have made them so.
        step: Between the values that can occur, as in ``student_interval``: of the values, not of their differences.

    >>> round(paired_t_p([1.0, 2.0, 3.0]), 4)
    0.0742
    """
    sample = finite("differences", differences)
    if len(sample) < 2 or not sample.any():
        return 1.0
    # t = mean / sqrt(s^2 / n), n - 1 degrees of freedom; two rounded values have twice the variance of one
    variance = sample_variance(sample, math.sqrt(2) * step)
    t = math.inf if variance == 0 else abs(float(sample.mean())) / math.sqrt(variance / len(sample))
    return float(2 * special.stdtr(len(sample) - 1, -t))


def sign_flip_p(differences: npt.ArrayLike) -> float:
    """Return the share of all sign patterns whose sum is as far from 0 as the one observed.

    Up to 32 differences other than 0, all patterns are counted. Beyond that, 20,000 are drawn with a fixed seed, and
    p = (1 + how many are as far out) / (1 + 20,000), which keeps the level (Phipson and Smyth 2010).

    Args:
        differences: ``[n]``. The p is 1 if all are 0, and no smaller than ``smallest_sign_flip_p(n)``.

    >>> sign_flip_p([1.0, 2.0, 3.0])  # +++ and --- of 8 patterns
    0.25
    """
    sample = finite("differences", differences)
    sizes = np.abs(sample[sample != 0])  # flipping a 0 changes nothing
    # equal sums must count as equal, however they were rounded
    limit = abs(float(sample.sum())) - 1e-10 * float(sizes.sum())
    if limit <= 0:
        return 1.0
    if len(sizes) > MOST_ENUMERATED:
        return _random_sign_flip_p(sizes, limit)
    # |a + b| >= limit, a and b the sums of the halves: b >= limit - a, or b <= -limit - a
    left, right = (_signed_sums(half) for half in np.array_split(sizes, 2))
    right.sort()
    above = len(right) - np.searchsorted(right, limit - left, side="left")
    below = np.searchsorted(right, -limit - left, side="right")
    return float((above.sum() + below.sum()) / 2.0 ** len(sizes))


def _signed_sums(sizes: Floats) -> Floats:
    """Return the sums with every pattern of signs, ``[2^n]``."""
    sums = np.zeros(1)
    for size in sizes:
        sums = np.concatenate([sums + size, sums - size])
    return sums


def _random_sign_flip_p(sizes: Floats, limit: float) -> float:
    rng = np.random.default_rng(0)
    as_far = 0
    for _ in range(RANDOM_PATTERNS // 1000):
        flipped = rng.integers(0, 2, (1000, len(sizes)), np.int8)
        as_far += int((np.abs(sizes.sum() - 2 * (flipped @ sizes)) >= limit).sum())
    return (1 + as_far) / (1 + RANDOM_PATTERNS)


def smallest_sign_flip_p(n: int) -> float:
    """Return the smallest p that ``sign_flip_p`` can have for n differences: all of one sign, 2 of 2^n patterns.

    >>> [smallest_sign_flip_p(n) for n in (3, 5, 6)]  # six seeds at least for 5%
    [0.25, 0.0625, 0.03125]
    """
    return 2.0 ** (1 - n)


def mcnemar_p(only_a_right: int, only_b_right: int) -> float:
    """Return the exact p of McNemar's test: that two models are equally accurate.

    Images that both models get right, or both wrong, don't count. If the models are equally accurate, the others are
    fair coin tosses.

    Args:
        only_a_right: Images that A gets right and B wrong.
        only_b_right: The other way round. If both are 0, p is 1.

    >>> mcnemar_p(1, 7)  # 2 (1 + 8) / 2^8
    0.0703125
    """
    # p = 2 P(X <= min(a, b)), X binomial (a + b, 1/2)
    fewer, n = min(only_a_right, only_b_right), only_a_right + only_b_right
    return min(1.0, 2 * float(special.bdtr(fewer, n, 0.5)))
