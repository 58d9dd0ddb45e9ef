"""The statistics: examples that can be checked by hand or against scipy, and how often a faithful copy is rejected."""

import numpy as np
import pytest
from scipy import stats

from convsweep.reproduce.statistics import divergence_p, joint_test, judge, prediction_interval, prediction_p, rank_test

SAMPLE = np.array([10.0, 12.0, 9.0, 11.0, 13.0])  # mean 11, s = sqrt(2.5)


def test_the_interval_for_one_more_value_by_hand():
    """The t quantile for 4 degrees of freedom is 2.776 in any table: 11 -+ 2.776 * sqrt(2.5 * 1.2)."""
    low, high = prediction_interval(SAMPLE)
    assert low == pytest.approx(11 - 2.776 * np.sqrt(3), abs=1e-3)
    assert high == pytest.approx(11 + 2.776 * np.sqrt(3), abs=1e-3)


def test_p_is_crawford_and_howells():
    """By hand: t = (x - mean) / (s sqrt(1 + 1/n)), with n - 1 degrees of freedom."""
    for value in (6.0, 10.9, 15.5):
        t = (value - 11) / np.sqrt(2.5 * 1.2)
        assert prediction_p(value, SAMPLE) == pytest.approx(2 * stats.t.sf(abs(t), 4), rel=1e-12)


def test_p_is_at_most_alpha_exactly_outside_the_interval():
    low, high = prediction_interval(SAMPLE)
    assert prediction_p(low, SAMPLE) == pytest.approx(0.05)
    assert prediction_p(high + 1e-6, SAMPLE) < 0.05 < prediction_p(high - 1e-6, SAMPLE)


def test_a_sample_without_spread_tells_its_value_from_any_other():
    sample = np.full(4, 0.25)
    assert prediction_p(0.25, sample) == 1
    assert prediction_p(0.26, sample) == 0
    assert prediction_interval(sample) == (0.25, 0.25)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(5, (1, 2 / 6)), (10.5, (3, 1)), (20, (6, 2 / 6)), (13, (5, 4 / 6)), (9, (1, 4 / 6))],
    ids=["below all", "in the middle", "above all", "equal to the largest", "equal to the smallest"],
)
def test_ranks_and_their_p_by_counting(value, expected):
    assert rank_test(value, SAMPLE) == pytest.approx(expected)


def test_the_smallest_and_the_largest_value_have_the_same_p_of_rank():
    """A value above all n has rank n + 1: its p must be that of rank 1, not 0."""
    assert rank_test(1, np.arange(2.0, 41)).p == rank_test(99, np.arange(2.0, 41)).p == 2 / 40


def test_twenty_values_cannot_reject_by_rank_thirty_nine_can():
    assert rank_test(-1, np.arange(20.0)).p > 0.05
    assert rank_test(-1, np.arange(39.0)).p == 0.05


def test_the_joint_distance_by_hand():
    """One quantity, values 0 | 1, 2, 3: leaving 0 out, |t| = 2 / (1 * sqrt(4/3)); leaving 3 out, the same."""
    joint = joint_test(np.array([0.0]), np.array([[1.0], [2.0], [3.0]]))
    assert joint.distance == pytest.approx(np.sqrt(3))
    assert joint.sample_distances[2] == pytest.approx(np.sqrt(3))
    assert joint.sample_distances[0] == pytest.approx((5 / 3 - 1) / (np.sqrt(7 / 3) * np.sqrt(4 / 3)))
    assert joint.p == 0.5
    assert joint.limit is None  # with 3 runs no p is as small as 0.05


def test_the_joint_distance_is_that_of_the_quantity_furthest_off():
    sample = np.array([[1.0, 5.0], [2.0, 7.0], [3.0, 6.0]])
    apart = [joint_test(np.array([value]), sample[:, [column]]).distance for column, value in enumerate((9.0, 6.5))]
    assert joint_test(np.array([9.0, 6.5]), sample).distance == max(apart)


def test_the_limit_is_where_the_joint_verdict_turns():
    rng = np.random.default_rng(0)
    sample = rng.normal(size=(39, 3))
    for shift in np.linspace(0, 8, 40):
        joint = joint_test(np.array([shift, 0, 0]), sample)
        assert (joint.p <= 0.05) == (joint.distance > joint.limit)


def test_quantities_in_which_all_runs_agree_add_nothing_to_the_joint_distance():
    sample = np.array([[1.0, 0.5], [2.0, 0.5], [3.0, 0.5]])
    assert joint_test(np.array([2.0, 0.5]), sample).distance == 0


def test_the_p_of_divergence_counts_runs():
    assert divergence_p(20, 20) == 1 / 21
    assert divergence_p(20, 19) == 2 / 21
    assert divergence_p(3, 3) == 1 / 4


@pytest.mark.parametrize(
    ("p", "conclusive", "verdict"),
    [
        (0.05, True, "inconsistent"),
        (0.05, False, "inconsistent"),
        (0.051, True, "consistent"),
        (0.051, False, "inconclusive"),
    ],
)
def test_p_decides_before_whether_the_comparison_is_conclusive(p, conclusive, verdict):
    assert judge(p, conclusive=conclusive) == verdict


def prediction_p_of_many(values, samples):
    """Return what ``prediction_p`` gives for each value and its sample, ``[...]`` and ``[..., n]``, all at once."""
    n = samples.shape[-1]
    t = (values - samples.mean(axis=-1)) / (samples.std(axis=-1, ddof=1) * np.sqrt(1 + 1 / n))
    return 2 * stats.t.sf(np.abs(t), n - 1)


def test_one_more_normal_value_is_rejected_five_times_in_a_hundred():
    rng = np.random.default_rng(1)
    trials = 4000
    values, samples = rng.normal(size=trials), rng.normal(size=(trials, 20))
    p = prediction_p_of_many(values, samples)
    assert [prediction_p(*one) for one in zip(values[:40], samples[:40], strict=True)] == pytest.approx(p[:40])
    rejected = (p <= 0.05).sum()
    assert rejected / trials == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / trials))


def test_a_confidence_interval_of_the_mean_would_reject_most_faithful_copies():
    """Why the test is one of prediction: with 20 values about two thirds lie outside the mean's own interval."""
    rng = np.random.default_rng(2)
    samples = rng.normal(size=(2000, 20))
    half_width = stats.t.ppf(0.975, 19) * samples.std(axis=1, ddof=1) / np.sqrt(20)
    assert (np.abs(rng.normal(size=2000) - samples.mean(axis=1)) > half_width).mean() > 0.6


@pytest.mark.parametrize("draw", ["normal", "lognormal"])
def test_one_more_run_of_many_correlated_quantities_is_rejected_one_time_in_twenty_one(draw):
    """Whatever the distribution and however correlated: here 10 quantities that share most of their variation."""
    rng = np.random.default_rng(3)
    trials, rejected = 1500, 0
    for _ in range(trials):
        shared = rng.normal(size=(21, 1))
        runs = shared + 0.5 * rng.normal(size=(21, 10))
        if draw == "lognormal":
            runs = np.exp(runs)
        rejected += joint_test(runs[0], runs[1:]).p <= 0.05
    assert rejected / trials == pytest.approx(1 / 21, abs=4 * np.sqrt(0.05 * 0.95 / trials))


def test_one_by_one_correlated_quantities_would_be_rejected_far_more_often():
    """Why they are judged together: of 30 independent ones, most faithful runs have one with p <= 0.05."""
    rng = np.random.default_rng(4)
    runs = rng.normal(size=(100, 30, 21))
    p = prediction_p_of_many(runs[..., 0], runs[..., 1:])
    assert [prediction_p(one[0], one[1:]) for one in runs[0]] == pytest.approx(p[0])
    assert (p <= 0.05).any(axis=1).sum() > 50


def test_a_run_that_is_far_off_in_one_of_many_quantities_is_found():
    rng = np.random.default_rng(5)
    runs = rng.normal(size=(21, 20))
    runs[0, 7] += 12
    joint = joint_test(runs[0], runs[1:])
    assert joint.p == pytest.approx(1 / 21)
    assert joint.distance > joint.limit
