"""Which configurations can't be told from the best?

A set that contains the truly best configuration with a probability of 95% at least, although the best of the sample was
found by looking: multiple comparisons with the best (Hsu 1981, 1984; Hsu 1996, "Multiple Comparisons", chapter 4).
Configuration i is left out only if some other one is significantly better, each comparison at the level
5% / (C - 1) (Bonferroni). So the truly best is left out only if one of its own C - 1 comparisons errs: in 5% at most,
whichever configuration came out best in the sample. Comparing all with the best of the sample only has no such proof.

- ``best_candidates`` compares over seeds;
- ``best_candidates_of_answers`` compares over images, if each configuration has one run.

What the 5% does not promise: that none is left out if all are equal. Then each is as good as the best, and each is left
out in 5% at most; but some one of them is left out more often: of 18 with three seeds in 57% of simulated sweeps, of 18
models' answers to 400 images in 25%.

Two simpler ways are not taken, because with them the set misses the best too often (simulated in
tests/unit/test_best.py, 18 configurations and three seeds):

- Hsu pools the variances of all configurations. But at a learning rate at the edge of stability, accuracies vary ten
  times as much as at others, and if that configuration is the best, it is missed in 22%. So each pair has the variance
  of its own paired differences. (This leaves few degrees of freedom, S - 1: more seeds make the set much smaller.)
- Accuracies are multiples of 1 / N. Three differences often agree exactly by chance; their t is infinite, and the best
  is missed in up to 16%. So the variance of a difference is taken to be what rounding leaves at least, step^2 / 6.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from convsweep.compare.statistics.checks import Floats, finite

Bools = npt.NDArray[np.bool_]


class BestCandidates(NamedTuple):
    """What is known of each configuration's place against the best of the others."""

    is_candidate: Bools  # [C]; can't be told from the best
    p: Floats  # [C], that it is the best; below 1 - confidence if it is no candidate
    low: Floats  # [C] <= 0; mean_i - (largest mean of the others) lies within low .. high, for all i at once
    high: Floats  # [C] >= 0


def best_candidates(scores: npt.ArrayLike, *, step: float = 0.0, confidence: float = 0.95) -> BestCandidates:
    """Return which configurations can't be told from the one with the highest mean over all seeds.

    Configurations are compared by one-sided t tests, paired by seed. The intervals are Hsu's constrained ones:
    ``low`` is 0 for a configuration that is better than all others, ``high`` is 0 for one that isn't the best.

    Args:
        scores: ``[C, S]``, higher is better; the same S >= 2 seeds in the same order for all. Differences between
            configurations must be normal. A single configuration is the best, with an interval of 0 .. inf.
        step: Between scores that can occur: 1 / N for an accuracy on N images; 0 for a loss (negated, so that higher
            is better).
        confidence: Of the set and of the intervals.

    Raises:
        ValueError: A score isn't finite, or there is one seed only.

    >>> found = best_candidates([[0.93, 0.95, 0.94], [0.94, 0.94, 0.94], [0.50, 0.53, 0.51]])
    >>> found.is_candidate.tolist(), found.high.round(3).tolist()
    ([True, True, False], [0.025, 0.025, 0.0])
    """
    values = finite("scores", scores, dimensions=2)
    num_configurations, num_seeds = values.shape
    if num_seeds < 2:
        raise ValueError(f"'scores' must have two or more seeds (got {num_seeds}).")
    # i is left out if t_ij = mean(y_j - y_i) / sqrt(s_ij^2 / S) > t(1 - 5% / (C - 1), S - 1) for any j
    level = (1 - confidence) / max(num_configurations - 1, 1)
    critical = float(special.stdtrit(num_seeds - 1, 1 - level))

    largest_t, low, high = np.empty((3, num_configurations))
    for i in range(num_configurations):
        behind, error = _behind(values, i, step)
        largest_t[i] = _t(behind, error).max()
        high[i] = max(0.0, float((critical * error - behind).min()))
        # Hsu takes candidates j only; others, beaten by some k, never set the bound, as s_ij <= s_ik + s_kj
        low[i] = min(0.0, float((-critical * error - behind).min()))
    is_candidate = largest_t <= critical
    high[~is_candidate] = 0.0  # which it is, but for rounding
    p = np.minimum(1.0, special.stdtr(num_seeds - 1, -largest_t) * max(num_configurations - 1, 1))
    return BestCandidates(is_candidate, p, low, high)


def _behind(values: Floats, i: int, step: float) -> tuple[Floats, Floats]:
    """Return by how much configuration i is behind each one, and the standard errors of that; behind itself, -inf."""
    num_seeds = values.shape[1]
    differences = values.T - values[i][:, None]  # [S, C]
    behind: Floats = differences.mean(axis=0)
    deviations = differences - behind
    for part in (behind, deviations):
        part[np.abs(part) <= 1e-12 * np.abs(values).max()] = 0.0  # equal, but for the rounding of float64
    variance = np.maximum((deviations**2).sum(axis=0) / (num_seeds - 1), step**2 / 6)
    behind[i] = -np.inf
    return behind, np.sqrt(variance / num_seeds)


def _t(behind: Floats, error: Floats) -> Floats:
    """Return t = behind / error: where the error is 0, infinite, or 0 if the difference is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(behind / error, nan=0.0, posinf=np.inf, neginf=-np.inf)


def best_candidates_of_answers(correct: npt.ArrayLike, *, confidence: float = 0.95) -> Bools:
    """Return which models can't be told from the one that is most accurate on all images.

    Models are compared by one-sided exact McNemar tests (see ``paired.mcnemar_p``) on the same images, which are a
    random sample of all images. What another seed would have given isn't known: there is one run of each.

    Args:
        correct: bool ``[C, N]``, whether each model gets each image right.
        confidence: That the most accurate is among those returned.

    Returns:
        ``[C]``. The most accurate on these images is always among them.

    Raises:
        ValueError: ``correct`` isn't a boolean array of two dimensions with an image at least.

    >>> answers = np.ones((3, 100), bool)
    >>> answers[1, :3] = False  # three against none: p = 1/8, to be below 5% / 2
    >>> answers[2, :30] = False
    >>> best_candidates_of_answers(answers).tolist()
    [True, True, False]
    """
    right = np.asarray(correct)
    if right.dtype != np.bool_ or right.ndim != 2 or right.shape[1] == 0:
        raise ValueError(f"'correct' must be boolean [C, N >= 1] (got {right.dtype} {list(right.shape)}).")
    num_configurations, num_images = right.shape
    level = (1 - confidence) / max(num_configurations - 1, 1)
    fewest = _fewest_significant(num_images, level)
    ones = right.astype(np.float32)  # counts up to 2^24 are exact, and BLAS counts fast
    num_right = right.sum(axis=1)
    beaten = np.zeros(num_configurations, np.bool_)
    for first in range(0, num_configurations, 256):  # so that memory doesn't grow with C^2
        some = slice(first, first + 256)
        both_right = (ones[some] @ ones.T).astype(np.int64)  # [256, C]
        only_other_right = num_right - both_right
        either = only_other_right + (num_right[some, None] - both_right)
        beaten[some] = (only_other_right >= fewest[either]).any(axis=1)
    return ~beaten


def _fewest_significant(num_images: int, level: float) -> npt.NDArray[np.int32]:
    """Return how many of n images that only one of two models gets right must be the better one's, n = 0, ..., N.

    Returns:
        ``[N + 1]``, the smallest x with P(X >= x) <= level, X binomial (n, 1/2); n + 1 if there is none.
    """
    n = np.arange(num_images + 1)
    low, high = n // 2, n + 1  # P(X >= low) > level (which is at most 1/2), P(X >= high) = 0 <= level
    while (high - low > 1).any():
        middle = (low + high) // 2
        # P(X >= x) = P(X <= n - x)
        significant = special.bdtr(n - middle, n, 0.5) <= level
        low, high = np.where(significant, low, middle), np.where(significant, middle, high)
    return high.astype(np.int32)
