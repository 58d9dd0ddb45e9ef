"""Intervals of a mean and of an accuracy: published examples, SciPy's own, and how often they hold the truth."""

import math

import numpy as np
import pytest
from scipy import stats

from convsweep.compare.statistics.intervals import Interval, student_interval, wilson_interval

SLEEP = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4]  # Student 1908: additional hours of sleep


def test_students_interval_of_his_own_sleep_data():
    """As printed by R's ``t.test(extra ~ group, paired)``, its standard example: 0.7001 to 2.4599."""
    assert student_interval(SLEEP) == pytest.approx((0.7001142, 2.4598858), abs=1e-6)


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
def test_students_interval_is_scipys(confidence):
    sample = np.random.default_rng(0).normal(0.9, 0.01, 7)
    expected = stats.ttest_1samp(sample, 0).confidence_interval(confidence)
    assert student_interval(sample, confidence=confidence) == pytest.approx(tuple(expected), rel=1e-10)


def test_one_value_has_an_unbounded_interval():
    assert student_interval([0.93]) == Interval(-math.inf, math.inf)


def test_equal_losses_have_an_interval_of_no_width():
    """Also if only the rounding of float64 tells them apart."""
    low, high = student_interval([0.3 - 0.1, 0.4 - 0.2, 0.5 - 0.3])
    assert low == high == pytest.approx(0.2)


def test_equal_accuracies_have_the_interval_that_rounding_leaves():
    """By hand: t(0.975, 2) = 4.3027, times (1 / 400) / sqrt(12 * 3)."""
    low, high = student_interval([0.9275] * 3, step=1 / 400)
    assert (high - low) / 2 == pytest.approx(4.30265 / 400 / 6, rel=1e-5)


def test_rounding_does_not_widen_an_interval_of_values_that_vary_more():
    values = [0.9250, 0.9300, 0.9350]
    assert student_interval(values, step=1 / 400) == student_interval(values)


@pytest.mark.parametrize("bad", [[0.9, math.nan], [math.inf, 0.9]])
def test_an_interval_of_a_diverged_run_is_refused(bad):
    with pytest.raises(ValueError, match=r"'values' must be finite \(got (nan|inf)\)"):
        student_interval(bad)


@pytest.mark.parametrize(
    ("correct", "images", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilsons_interval_of_newcombes_examples(correct, images, low, high):
    """Newcombe 1998, table I, method 3."""
    assert wilson_interval(correct, images) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("correct", [0, 1, 200, 373, 400])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_wilsons_interval_is_scipys(correct, confidence):
    expected = stats.binomtest(correct, 400).proportion_ci(confidence, method="wilson")
    found = wilson_interval(correct, 400, confidence=confidence)
    assert found == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize(("correct", "images"), [(-1, 10), (11, 10), (0, 0)])
def test_an_accuracy_that_cannot_be_is_refused(correct, images):
    with pytest.raises(ValueError, match="'num_correct' must be 0 to 'num_images' >= 1"):
        wilson_interval(correct, images)


@pytest.mark.parametrize("num_seeds", [3, 5, 10])
def test_students_interval_holds_the_mean_in_95_percent_of_samples(num_seeds):
    rng = np.random.default_rng(1)
    held = 0
    for values in rng.normal(0.93, 0.01, (5000, num_seeds)):
        low, high = student_interval(values)
        held += low <= 0.93 <= high
    assert held / 5000 == pytest.approx(0.95, abs=0.01)  # three standard errors


@pytest.mark.parametrize("spread", [0.0005, 0.001, 0.002])
def test_the_interval_of_three_accuracies_on_400_images_holds_their_mean_because_it_knows_they_are_rounded(spread):
    """Without ``step``, three equal accuracies would claim a mean without error, and be wrong nearly every time."""
    rng = np.random.default_rng(2)
    held = unaware = 0
    for _ in range(5000):
        mean = 0.93 + rng.uniform(-0.5, 0.5) / 400
        accuracies = np.round(rng.normal(mean, spread, 3) * 400) / 400
        low, high = student_interval(accuracies, step=1 / 400)
        held += low <= mean <= high
        low, high = student_interval(accuracies)
        unaware += low <= mean <= high
    assert held / 5000 > 0.94
    assert unaware / 5000 < 0.94


def test_wilsons_interval_holds_the_accuracy_in_95_percent_on_average_over_accuracies():
    """Exactly, by summing over all counts; for a single accuracy it's a little more or less, as counts are integers."""
    intervals = np.array([wilson_interval(correct, 400) for correct in range(401)])  # [401, 2]
    accuracies = np.linspace(0.5, 0.99, 491)[:, None]
    chances = stats.binom.pmf(np.arange(401), 400, accuracies)
    coverage = (chances * ((intervals[:, 0] <= accuracies) & (accuracies <= intervals[:, 1]))).sum(axis=1)
    assert coverage.mean() == pytest.approx(0.95, abs=0.003)
    assert coverage.min() > 0.92
