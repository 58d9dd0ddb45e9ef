"""The expected best of k tries, by all subsets."""

import itertools

import numpy as np
import pytest

from convsweep.compare.statistics.budget import expected_best, expected_test_of_best


def test_the_expected_best_is_the_mean_of_the_best_of_all_subsets():
    scores = np.random.default_rng(0).normal(size=9)
    expected = [np.mean([max(some) for some in itertools.combinations(scores, k)]) for k in range(1, 10)]
    assert expected_best(scores) == pytest.approx(expected, rel=1e-12)


def test_the_expected_test_score_is_the_mean_over_all_subsets_of_those_chosen_on_valid():
    """Valid has ties: each of the tied is chosen equally often, so its mean test score counts."""
    valid = [3, 1, 3, 2, 2, 2, 0]
    test = np.random.default_rng(1).normal(size=7)
    expected = []
    for k in range(1, 8):
        chosen = []
        for some in itertools.combinations(range(7), k):
            best = max(valid[run] for run in some)
            chosen.append(np.mean([test[run] for run in some if valid[run] == best]))
        expected.append(np.mean(chosen))
    assert expected_test_of_best(valid, test) == pytest.approx(expected, rel=1e-12)


def test_the_order_of_runs_does_not_matter():
    rng = np.random.default_rng(2)
    valid, test = rng.integers(0, 5, 30), rng.normal(size=30)
    order = rng.permutation(30)
    assert expected_best(valid[order]) == pytest.approx(expected_best(valid))
    assert expected_test_of_best(valid[order], test[order]) == pytest.approx(expected_test_of_best(valid, test))


def test_chosen_on_test_itself_it_is_the_expected_best():
    scores = np.random.default_rng(3).normal(size=20)
    assert expected_test_of_best(scores, scores) == pytest.approx(expected_best(scores))


def test_five_thousand_runs_have_the_expected_maxima_of_their_ranks():
    """The expected maximum of k of 1, ..., n is k (n + 1) / (k + 1): binomials of 5,000 would overflow."""
    n, k = 5000, np.arange(1, 5001)
    assert expected_best(np.arange(1, n + 1)) == pytest.approx(k * (n + 1) / (k + 1), rel=1e-10)


def test_it_is_unbiased_for_the_best_of_k_new_tries_which_drawing_with_replacement_is_not():
    """The best of 5 uniform tries is 5 / 6 on average. Dodge's form: sum of (i^k - (i - 1)^k) / n^k times score i."""
    samples = np.random.default_rng(4).uniform(size=(5000, 8))
    unbiased = np.mean([expected_best(sample)[4] for sample in samples])
    i = np.arange(1, 9)
    with_replacement = (np.sort(samples) @ ((i**5 - (i - 1) ** 5) / 8**5)).mean()
    assert unbiased == pytest.approx(5 / 6, abs=0.004)
    assert with_replacement < 5 / 6 - 0.02


def test_scores_of_different_length_or_of_a_diverged_run_are_refused():
    with pytest.raises(ValueError, match=r"'test' must have as many scores as 'valid', 2 \(got 1\)"):
        expected_test_of_best([0.9, 0.8], [0.9])
    with pytest.raises(ValueError, match="'scores' must be finite"):
        expected_best([0.9, np.nan])
