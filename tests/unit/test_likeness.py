"""The rank test of a log against several programs, on numbers that are made up."""

import numpy as np
import pytest

from convsweep.reproduce.likeness import Rounding, likenesses

LOSSES = np.array([True] * 6 + [False] * 2)
HALF = np.array([0.0005] * 6 + [0.005] * 2)
LEVEL = np.array([2.0, 1.5, 1.0, 0.8, 0.7, 0.6, 0.7, 0.8])


def drawn(rng, number, shift=0.0, spread=0.05):
    """Runs whose losses share a part of their variation, as a seed's windows do."""
    common = rng.normal(size=(number, 1)) * spread
    return LEVEL + shift + common + rng.normal(size=(number, len(LEVEL))) * spread / 2


def judged(log, **samples):
    return likenesses(Rounding(log, HALF, LOSSES), samples)


def rounded(run):
    return np.round(run / (2 * HALF)) * 2 * HALF


def test_a_programs_own_log_is_called_inconsistent_as_often_as_it_may():
    """Twenty seeds: once in 21, 4.8%; of 300 logs 9 to 25 are within three standard errors."""
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        runs = drawn(rng, 21)
        found = judged(rounded(runs[0]), own=runs[1:], other=drawn(rng, 20, shift=0.02))
        refused += found["own"].p <= 0.05
    assert 3 <= refused <= 26


def test_another_programs_log_is_told_apart_by_many_small_differences():
    """Each number is shifted by less than it varies; all together tell."""
    rng = np.random.default_rng(1)
    samples = {"one": drawn(rng, 20), "other": drawn(rng, 20, shift=np.array([0.1, -0.1] * 4))}
    found = judged(rounded(drawn(rng, 1)[0]), **samples)
    assert found["one"].p > 0.05
    assert found["other"].p == pytest.approx(1 / 21)
    assert found["one"].log_density > found["other"].log_density


def test_a_log_like_no_program_is_inconsistent_with_all():
    rng = np.random.default_rng(2)
    found = judged(rounded(LEVEL + 1), one=drawn(rng, 20), other=drawn(rng, 20, shift=0.1))
    assert [likeness.p for likeness in found.values()] == pytest.approx([1 / 21] * 2)


def test_too_few_seeds_can_never_call_a_log_inconsistent():
    rng = np.random.default_rng(3)
    assert judged(rounded(LEVEL + 5), one=drawn(rng, 10))["one"].p == pytest.approx(1 / 11)


@pytest.mark.parametrize("seeds_diverge", [False, True])
def test_a_log_that_diverged_is_one_of_seeds_that_did_alone(seeds_diverge):
    rng = np.random.default_rng(4)
    log, sample = drawn(rng, 1)[0], drawn(rng, 20)
    log[3:6] = np.nan
    if seeds_diverge:
        sample[:, 3:6] = np.nan
    assert (judged(log, one=sample, other=drawn(rng, 20))["one"].p > 0.05) == seeds_diverge


def test_seeds_are_rounded_as_the_log_is():
    """A number that is the same in all seeds but for digits that the log doesn't show is no difference."""
    sample = np.tile(LEVEL, (20, 1)) + np.random.default_rng(5).uniform(-4e-4, 4e-4, (20, len(LEVEL)))
    assert judged(rounded(LEVEL), one=sample)["one"].p == 1


def test_a_numbers_distance_is_counted_in_standard_deviations_of_one_more_run():
    rng = np.random.default_rng(6)
    log = drawn(rng, 1)[0]
    log[7] = 0.2  # an accuracy, 0.6 below the mean; its standard deviation is 0.056
    distances = judged(log, one=drawn(rng, 20))["one"].distances
    assert np.argmax(np.abs(distances)) == 7
    assert -16 < distances[7] < -7
