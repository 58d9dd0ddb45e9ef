"""Intervals, effects and the set of the best, by worked examples and by simulation."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from convsweep.studies.intervals import effect, mean_interval, p_of_being_best, wilson


def runs(**columns):
    return pd.DataFrame(columns)


def test_a_mean_of_three_has_students_interval_with_two_degrees_of_freedom():
    """Mean 2, standard error 1 / sqrt(3), t(0.975, 2) = 4.3027: half a width of 2.4841; t = 3.4641, p = 0.0742."""
    found = mean_interval([1.0, 2.0, 3.0])
    assert (found.mean, found.n) == (2.0, 3)
    assert found.low == pytest.approx(2 - 2.4841, abs=1e-4)
    assert found.high == pytest.approx(2 + 2.4841, abs=1e-4)
    assert found.p == pytest.approx(0.0742, abs=1e-4)
    assert not found.excludes_zero


def test_it_is_scipys_one_sample_t_test():
    sample = np.random.default_rng(0).normal(0.3, 1, 12)
    theirs = stats.ttest_1samp(sample, 0)
    interval = theirs.confidence_interval(0.95)
    assert mean_interval(sample)[1:] == pytest.approx((interval.low, interval.high, 12, theirs.pvalue))


def test_one_value_tells_nothing_of_the_spread():
    assert mean_interval([0.5]) == (0.5, -math.inf, math.inf, 1, 1.0)
    assert mean_interval([0.5]).text("+.2f") == "+0.50"


@pytest.mark.parametrize(("value", "p", "excludes"), [(0.0, 1, False), (0.1, 0, True)])
def test_values_that_are_all_alike_have_an_interval_of_no_width(value, p, excludes):
    found = mean_interval([value] * 4)
    assert found == (value, value, value, 4, p)
    assert found.excludes_zero is excludes


def test_an_effect_is_the_mean_of_each_seeds_difference():
    """Seed 0: (3 + 4) / 2 - (1 + 2) / 2 = 2; seed 1: (6 + 7) / 2 - (2 + 3) / 2 = 4. Mean 3, standard error 1."""
    table = runs(
        seed=[0, 0, 0, 0, 1, 1, 1, 1],
        ties=["all", "all", "first", "first"] * 2,
        shuffle=[False, True] * 4,
        loss=[1, 2, 3, 4, 2, 3, 6, 7.0],
    )
    found = effect(table, "loss", "ties", "first", "all")
    assert (found.mean, found.n) == (3, 2)
    assert found.high - found.mean == pytest.approx(12.7062, abs=1e-4)  # t(0.975, 1)


def test_pairing_takes_out_what_a_seed_does_to_both():
    """Seeds differ by 10, the factor by 1 in each: an unpaired comparison would see nothing."""
    table = runs(seed=[0, 0, 1, 1, 2, 2], rate=[1, 2] * 3, loss=[0, 1.01, 10, 10.99, 20, 21.0])
    found = effect(table, "loss", "rate", 2, 1)
    assert found.mean == pytest.approx(1)
    assert found.low > 0.9


def test_a_seed_with_a_run_that_diverged_is_left_out_of_an_effect_as_a_pair():
    table = runs(seed=[0, 0, 1, 1, 2, 2], rate=[1, 2] * 3, loss=[0, 1, 0, np.nan, 0, 1.0])
    assert effect(table, "loss", "rate", 2, 1).n == 2


def test_there_is_no_effect_to_tell_of_where_every_pair_is_broken():
    table = runs(seed=[0, 0, 1, 1], rate=[1, 2] * 2, loss=[0, np.nan, np.nan, 1.0])
    assert effect(table, "loss", "rate", 2, 1) is None
    assert effect(table, "loss", "rate", 3, 1) is None


def test_wilsons_interval_of_373_in_400():
    """By hand: centre (373 + 1.96^2 / 2) / (400 + 1.96^2) = 0.92839, half a width of 0.02481."""
    assert wilson(373, 400) == pytest.approx((0.92839 - 0.02481, 0.92839 + 0.02481), abs=1e-4)


def test_an_alternative_is_given_up_if_another_is_surely_better():
    """Ahead by 4, 3.9 and 4.1: t = 4 sqrt(3) / 0.1 = 69.3, one-sided p = 0.000104, times the one comparison."""
    p = p_of_being_best(np.array([[5, 6, 7], [1, 2.1, 2.9]]))
    assert p == pytest.approx([0.9998959, 0.0001041], rel=1e-3)


def test_alternatives_that_are_all_alike_may_each_be_the_best():
    assert p_of_being_best(np.ones((3, 4))).tolist() == [1, 1, 1]


def test_one_that_is_ahead_by_the_same_for_every_seed_is_surely_better():
    assert p_of_being_best(np.array([[1.0, 2, 3], [2, 3, 4]])).tolist() == [0, 1]


def test_the_truly_best_is_kept_in_95_of_100_even_among_equals():
    """Twelve alternatives of one mean, five seeds that differ: 2,000 times, is the first of them given up?"""
    rng = np.random.default_rng(1)
    given_up = sum(p_of_being_best(rng.normal(size=(12, 5)) + rng.normal(size=5))[0] < 0.05 for _ in range(2000))
    assert 0.02 < given_up / 2000 < 0.06
