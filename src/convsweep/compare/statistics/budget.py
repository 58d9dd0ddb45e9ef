"""Was the sweep large enough? How good the best of k tries is, expected over which k of the n runs were tried.

Dodge et al. 2019 ("Show your work", EMNLP) draw the k with replacement, which is biased for the expected best of k new
tries. Tang et al. 2020 ("Showing your work doesn't always work", ACL) draw them without, which is unbiased: with the
scores sorted, score i of n (i = 1, ..., n) is the best of k in C(i - 1, k - 1) of C(n, k) subsets, so that

    E[best of k] = sum over i of C(i - 1, k - 1) / C(n, k) * score_i.

The tries must be exchangeable, as in random search. On a grid this reads as "k of its points, picked at random". At
k close to n it knows little: at k = n it is the best of the sample. A diverged run was a try, too: count it with the
accuracy of chance.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from convsweep.compare.statistics.checks import Floats, finite


def expected_best(scores: npt.ArrayLike) -> Floats:
    """Return the expected best of k tries, for k = 1, ..., n.

    Args:
        scores: ``[n]``, higher is better.

    Returns:
        ``[n]``: the mean first, the maximum last.

    >>> expected_best([0.9, 0.8, 0.7]).round(4).tolist()
    [0.8, 0.8667, 0.9]
    """
    return _expected(np.sort(finite("scores", scores)))


def expected_test_of_best(valid: npt.ArrayLike, test: npt.ArrayLike) -> Floats:
    """Return the expected test score of the one that is best on ``valid`` among k tries, for k = 1, ..., n.

    The weights are those of ``expected_best`` in the order of ``valid``. Of several that are equally good on
    ``valid`` each is chosen equally often.

    Args:
        valid: ``[n]``, higher is better.
        test: ``[n]``, of the same runs.

    >>> expected_test_of_best([0.9, 0.8, 0.7], [0.6, 0.9, 0.6]).round(4).tolist()
    [0.7, 0.7, 0.6]
    """
    chosen_by, reported = finite("valid", valid), finite("test", test)
    if chosen_by.shape != reported.shape:
        raise ValueError(f"'test' must have as many scores as 'valid', {len(chosen_by)} (got {len(reported)}).")
    _, tie = np.unique(chosen_by, return_inverse=True)
    mean_of_tie = np.bincount(tie, reported) / np.bincount(tie)
    return _expected(mean_of_tie[np.sort(tie)])


def _expected(ordered: Floats) -> Floats:
    return np.array([weights @ ordered for weights in _weights(len(ordered))])


def _weights(n: int) -> Iterator[Floats]:
    """Yield C(i - 1, k - 1) / C(n, k) for i = 1, ..., n, once for each k = 1, ..., n.

    Neither binomial is computed, as both overflow. Each weight follows from the one for k - 1 by a factor >= 0, which
    keeps the relative error of a weight below 10^-11 for n = 5,000. Those that underflow are negligible for good,
    because no factor exceeds k / (k - 1).
    """
    i = np.arange(1, n + 1)
    weights = np.full(n, 1 / n)
    for k in range(1, n + 1):
        yield weights
        # w(k + 1) / w(k) = (i - k) / k * (k + 1) / (n - k)
        if k < n:
            weights = weights * (np.maximum(i - k, 0) * ((k + 1) / (k * (n - k))))
