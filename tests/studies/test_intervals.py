"""Means and effects with their intervals, by worked examples."""

import math

import numpy as np
import pandas as pd
import pytest

from experiments.harness.intervals import effect, mean_interval


def runs(**columns):
    return pd.DataFrame(columns)


def test_a_mean_of_three_has_students_interval_with_two_degrees_of_freedom():
    """Mean 2, standard error 1 / sqrt(3), t(0.975, 2) = 4.3027: half a width of 2.4841."""
    found = mean_interval([1.0, 2.0, 3.0])
    assert (found.mean, found.n) == (2.0, 3)
    assert found.low == pytest.approx(2 - 2.4841, abs=1e-4)
    assert found.high == pytest.approx(2 + 2.4841, abs=1e-4)
    assert not found.excludes_zero


def test_an_interval_is_the_mean_and_so_many_standard_errors_to_either_side():
    sample = np.random.default_rng(0).normal(0.3, 1, 12)
    half = 2.200985 * sample.std(ddof=1) / math.sqrt(12)  # t(0.975, 11), from any table
    assert mean_interval(sample) == pytest.approx((sample.mean(), sample.mean() - half, sample.mean() + half, 12))


def test_a_single_value_has_an_unbounded_interval():
    assert mean_interval([0.5]) == (0.5, -math.inf, math.inf, 1)
    assert mean_interval([0.5]).text("+.2f") == "+0.50"


@pytest.mark.parametrize(("value", "excludes"), [(0.0, False), (0.1, True)])
def test_values_that_are_all_alike_have_an_interval_of_no_width(value, excludes):
    found = mean_interval([value] * 4)
    assert found == (value, value, value, 4)
    assert found.excludes_zero is excludes


def test_differences_that_only_rounding_tells_apart_have_an_interval_of_no_width():
    """0.3 - 0.1 is 0.19999999999999998, 0.4 - 0.2 is 0.2."""
    found = mean_interval([0.3 - 0.1, 0.4 - 0.2, 0.5 - 0.3])
    assert found.low == found.high == pytest.approx(0.2)


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


def test_pairing_by_seed_removes_the_differences_between_seeds():
    """Seeds differ by 10, the factor by 1 in each: an unpaired comparison would see nothing."""
    table = runs(seed=[0, 0, 1, 1, 2, 2], rate=[1, 2] * 3, loss=[0, 1.01, 10, 10.99, 20, 21.0])
    found = effect(table, "loss", "rate", 2, 1)
    assert found.mean == pytest.approx(1)
    assert found.low > 0.9


def test_a_seed_of_whose_two_runs_one_diverged_is_left_out_of_an_effect():
    table = runs(seed=[0, 0, 1, 1, 2, 2], rate=[1, 2] * 3, loss=[0, 1, 0, np.nan, 0, 1.0])
    assert effect(table, "loss", "rate", 2, 1).n == 2


def test_there_is_no_effect_if_every_seed_lacks_one_of_its_two_runs():
    table = runs(seed=[0, 0, 1, 1], rate=[1, 2] * 2, loss=[0, np.nan, np.nan, 1.0])
    assert effect(table, "loss", "rate", 2, 1) is None
    assert effect(table, "loss", "rate", 3, 1) is None
