"""Tests of pairs: published examples, SciPy's own tests, brute force, and how often they err."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from convsweep.compare.statistics.paired import (
    mcnemar_p,
    paired_t_p,
    sign_flip_p,
    smallest_sign_flip_p,
)

SLEEP = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4]  # Student 1908: additional hours of sleep
MAIZE = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]  # Darwin's, eighths of an inch


def test_the_paired_t_test_of_students_sleep_data():
    """As printed by R: t = 4.0621, 9 degrees of freedom, p = 0.002833."""
    assert paired_t_p(SLEEP) == pytest.approx(0.002833, abs=5e-7)


@pytest.mark.parametrize("n", [2, 3, 10])
def test_the_paired_t_test_is_scipys(n):
    a, b = np.random.default_rng(0).normal(size=(2, n))
    assert paired_t_p(a - b) == pytest.approx(stats.ttest_rel(a, b).pvalue, rel=1e-10)


@pytest.mark.parametrize(
    ("differences", "p"), [([0.1], 1), ([0.0, 0.0, 0.0], 1), ([0.1, 0.1, 0.1], 0), ([0.3 - 0.1, 0.4 - 0.2], 0)]
)
def test_the_paired_t_test_of_one_or_of_equal_differences(differences, p):
    assert paired_t_p(differences) == p


def test_equal_differences_of_rounded_accuracies_are_no_certainty():
    """By hand: the difference is one step; t = 1 / sqrt(1 / 6 / 3) = 4.243, two degrees of freedom."""
    assert paired_t_p([1 / 400] * 3, step=1 / 400) == pytest.approx(2 * stats.t.sf(np.sqrt(18), 2), rel=1e-9)


def test_fishers_permutation_test_of_darwins_maize():
    """Fisher 1935, section 21: of 32,768 patterns of signs, 863 have a sum of 314 or more, and as many -314 or less."""
    assert sign_flip_p(MAIZE) == 2 * 863 / 32768


@pytest.mark.parametrize("n", [2, 3, 6, 9])
def test_the_sign_flip_test_is_scipys_permutation_test(n):
    a, b = np.random.default_rng(n).normal(size=(2, n))
    expected = stats.permutation_test(
        (a, b), lambda x, y, axis: (x - y).mean(axis=axis), permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flip_p(a - b) == pytest.approx(expected.pvalue, rel=1e-12)


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9))
def test_the_sign_flip_test_counts_ties_and_zeros_as_brute_force_does(differences):
    """Divided by ten: sums that are equal in decimals differ in float64."""
    patterns = np.array(list(itertools.product([-1, 1], repeat=len(differences))))
    expected = (np.abs(patterns @ differences) >= abs(sum(differences))).mean()
    assert sign_flip_p(np.array(differences) / 10) == expected


@pytest.mark.parametrize("n", [1, 3, 5, 10, 32])
def test_differences_of_one_sign_have_the_smallest_possible_p(n):
    assert sign_flip_p(np.linspace(1, 2, n)) == smallest_sign_flip_p(n) == 2 / 2**n


def test_three_seeds_cannot_reach_5_percent_by_permutation_six_can():
    assert smallest_sign_flip_p(5) > 0.05 > smallest_sign_flip_p(6)


def test_with_many_differences_random_sign_patterns_give_nearly_the_exact_p():
    """Differences of size 1 have the binomial distribution, so that the exact p is known."""
    differences = np.r_[np.ones(60), -np.ones(40)]
    assert sign_flip_p(differences) == pytest.approx(stats.binomtest(60, 100).pvalue, abs=4 * 0.0016)
    assert sign_flip_p(differences) == sign_flip_p(differences)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemars_test_is_the_binomial_test(only_a, only_b):
    expected = stats.binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1
    assert mcnemar_p(only_a, only_b) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("n", [3, 6, 12])
def test_tests_of_pairs_without_a_difference_reject_at_most_5_percent(n):
    differences = np.random.default_rng(2).normal(size=(5000, n))
    t_rejects = np.mean([paired_t_p(sample) <= 0.05 for sample in differences])
    assert t_rejects == pytest.approx(0.05, abs=0.0093)  # three standard errors
    flips_reject = np.mean([sign_flip_p(sample) <= 0.05 for sample in differences])
    assert flips_reject <= 0.0593
    assert (flips_reject == 0) == (n == 3)


@pytest.mark.parametrize("test", [paired_t_p, sign_flip_p])
def test_a_difference_that_is_no_number_is_refused(test):
    with pytest.raises(ValueError, match="must be finite"):
        test([0.1, np.nan])
