"""What is printed of a configuration that was chosen by looking: how often its intervals hold the truth.

The simulation judges thousands of sweeps at once; some of its sweeps are compared by the package, too, and agree.
"""

import numpy as np
import pytest
from compared_runs import invented
from scipy import stats

from convsweep.compare.comparison import compare_runs
from convsweep.compare.statistics.intervals import wilson_interval

SWEEPS = 4000
SIZES = [(18, 3), (18, 5), (54, 5)]
SPREAD = 0.004  # of accuracies over seeds
CORRELATION = 0.88  # of a network's accuracies on valid and on test, as measured over the first sweep's seeds


def accuracies(num_configurations, num_seeds, means):
    """Return accuracies on ``valid`` and on ``test``, ``[T, C, S]`` each."""
    rng = np.random.default_rng(0)
    shape = (SWEEPS, num_configurations, num_seeds)
    valid, other = rng.normal(size=(2, *shape))
    test = CORRELATION * valid + np.sqrt(1 - CORRELATION**2) * other
    of_seed = rng.normal(size=(SWEEPS, 1, num_seeds))
    return tuple(means[:, None] + SPREAD * (own + 0.5 * of_seed) for own in (valid, test))


def coverage_of_selected(means, valid, test, confidence):
    """Return how often the intervals of the one chosen on ``valid`` hold its true mean: on ``valid``, on ``test``."""
    chosen = valid.mean(axis=2).argmax(axis=1)
    every = np.arange(SWEEPS)
    num_seeds = valid.shape[2]
    held = []
    for scores in (valid, test):
        of_chosen = scores[every, chosen]
        width = stats.t.isf((1 - confidence) / 2, num_seeds - 1) * of_chosen.std(axis=1, ddof=1) / np.sqrt(num_seeds)
        held.append((np.abs(of_chosen.mean(axis=1) - means[chosen]) <= width).mean())
    return held


@pytest.fixture(params=SIZES, ids=lambda size: "{} configurations x {} seeds".format(*size))
def size(request):
    return request.param


@pytest.mark.parametrize("range_of_means", [0, 2 * SPREAD], ids=["equal configurations", "spread configurations"])
def test_the_printed_intervals_of_the_best_hold_in_95_percent_of_sweeps(size, range_of_means):
    num_configurations, num_seeds = size
    means = 0.9 + np.linspace(0, range_of_means, num_configurations)
    valid, test = accuracies(num_configurations, num_seeds, means)
    confidence = 1 - 0.05 / num_configurations
    assert min(coverage_of_selected(means, valid, test, confidence)) >= 0.95
    for sweep in range(3):  # the package prints the very intervals that the simulation counts
        runs = [
            invented(valid[sweep, number, seed], test[sweep, number, seed], seed=seed, model__num_filters=number + 1)
            for number in range(num_configurations)
            for seed in range(num_seeds)
        ]
        best = compare_runs(runs)[0].best
        number = valid[sweep].mean(axis=1).argmax()
        for estimate, scores in ((best.valid, valid), (best.test, test)):
            low, high = stats.ttest_1samp(scores[sweep, number], 0).confidence_interval(confidence)
            assert estimate.interval == pytest.approx((max(low, 0), min(high, 1)))


def test_intervals_of_each_configuration_alone_would_hold_too_seldom_for_the_best(size):
    """Why they are made to hold at once; on test, too, as a network that is lucky on valid is lucky there."""
    num_configurations, num_seeds = size
    means = np.full(num_configurations, 0.9)
    valid, test = accuracies(num_configurations, num_seeds, means)
    on_valid, on_test = coverage_of_selected(means, valid, test, 0.95)
    assert on_valid < 0.88
    assert on_test < 0.9


def test_the_best_accuracy_on_valid_is_lucky_by_more_than_half_a_standard_deviation(size):
    num_configurations, num_seeds = size
    means = np.full(num_configurations, 0.9)
    valid, _ = accuracies(num_configurations, num_seeds, means)
    assert valid.mean(axis=2).max(axis=1).mean() - 0.9 > 0.5 * SPREAD


@pytest.mark.parametrize("num_models", [18, 54])
def test_the_interval_of_the_most_accurate_of_many_networks_holds_in_95_percent_of_samples_of_images(num_models):
    """One run each: of images, of which the best network's answers are a lucky sample."""
    rng = np.random.default_rng(1)
    confidence = 1 - 0.05 / num_models
    intervals = np.array([wilson_interval(correct, 400, confidence=confidence) for correct in range(401)])
    most = rng.binomial(400, 0.93, (SWEEPS, num_models)).max(axis=1)
    low, high = intervals[most].T
    assert ((low <= 0.93) & (high >= 0.93)).mean() >= 0.95
