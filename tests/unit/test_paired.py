"""Tests of pairs: published examples, SciPy's own tests, brute force, and how often they err."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from convsweep.compare.statistics.paired import mcnemar_p, paired_t_p

SLEEP = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4]  # Student 1908: additional hours of sleep


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


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemars_test_is_the_binomial_test(only_a, only_b):
    expected = stats.binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1
    assert mcnemar_p(only_a, only_b) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("n", [3, 6, 12])
def test_paired_t_tests_without_a_difference_reject_5_percent(n):
    differences = np.random.default_rng(2).normal(size=(5000, n))
    rejects = np.mean([paired_t_p(sample) <= 0.05 for sample in differences])
    assert rejects == pytest.approx(0.05, abs=0.0093)  # three standard errors


def test_a_difference_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="must be finite"):
        paired_t_p([0.1, np.nan])
