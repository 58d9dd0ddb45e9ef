"""Do two configurations differ? Two-sided p values from pairs: the same seeds, or the same images.

- ``paired_t_p``: Student's t test, for differences that are normal;
- ``mcnemar_p``: the exact test of two models' answers to the same images (McNemar 1947).

None of them holds for a pair that was picked because it differs most: see ``best``.
"""

import math

import numpy.typing as npt
from scipy import special

from convsweep.compare.statistics.checks import finite
from convsweep.compare.statistics.intervals import sample_variance


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
