"""The tests of a log against several programs and their seeds, on numbers that are made up."""

import numpy as np
import pytest
from scipy import stats
from threadpoolctl import threadpool_limits

from convsweep.reproduce.likeness import Distributions, Judge, Numbers

LOSSES = np.array([True] * 6 + [False] * 2)
HALF = np.array([0.0005] * 6 + [0.005] * 2)
LEVEL = np.array([2.0, 1.5, 1.0, 0.8, 0.7, 0.6, 0.7, 0.8])


def drawn(rng, number, shift=0.0, spread=0.05):
    """Runs whose losses share a part of their variation, as a seed's windows do."""
    common = rng.normal(size=(number, 1)) * spread
    return LEVEL + shift + common + rng.normal(size=(number, len(LEVEL))) * spread / 2


def judged(log, courses=(), **samples):
    return Judge(Numbers(HALF, LOSSES, courses), samples).likenesses(log)


def rounded(run):
    return np.round(run / (2 * HALF)) * 2 * HALF


def with_heavy_tails(rng, number):
    strays = rng.standard_t(1.5, size=(number, 1)) + rng.standard_t(1.5, size=(number, len(LEVEL)))
    return LEVEL * np.exp(np.clip(0.02 * strays, -5, 5))


def diverging(rng, number):
    """Two runs in five diverge, at places of their own."""
    runs = drawn(rng, number)
    for run in runs:
        if rng.random() < 0.4:
            run[rng.integers(6) : 6] = np.nan
    return runs


@pytest.mark.parametrize("draw", [drawn, with_heavy_tails, diverging])
def test_a_programs_own_log_is_called_inconsistent_as_often_as_it_may(draw):
    """At most 5%, both tests together; of 250 logs, each with seeds of its own, 22 are three errors more."""
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(250):
        runs, others = draw(rng, 21), draw(rng, 20) + 0.02
        refused += judged(rounded(runs[0]), [range(6)], own=runs[1:], other=others)["own"].p <= 0.05
    assert refused <= 22


@pytest.mark.parametrize("num_values", [1, 2, 8, 60, 300])
def test_a_programs_own_log_is_seldom_too_far_from_its_seeds_however_many_numbers_it_has(num_values):
    """Half of 5%; of 400 logs, 20 are three errors more. None at all would be a test without power."""
    rng = np.random.default_rng(11)
    numbers = Numbers(np.full(num_values, 1e-4), np.zeros(num_values, bool))
    runs = rng.normal(size=(400, 21, num_values)) + rng.normal(size=(400, 21, 1))
    with threadpool_limits(1):  # the products are too small to share: threads would wait for each other
        refused = sum(Judge(numbers, {"own": one[1:]}).likenesses(one[0])["own"].p_own <= 0.025 for one in runs)
    assert 2 <= refused <= 20


def test_a_log_is_judged_alike_whether_others_share_their_seeds_with_the_program():
    """A seed's initial parameters are the same in all programs; here the other program hardly differs from it."""
    rng = np.random.default_rng(7)
    refused = 0
    for _ in range(250):
        runs = drawn(rng, 21)
        others = runs[1:] + rng.normal(size=(20, len(LEVEL))) * 1e-3
        refused += judged(rounded(runs[0]), own=runs[1:], other=others)["own"].p <= 0.05
    assert 2 <= refused <= 22


def test_windows_of_another_course_betray_a_program_whose_levels_vary_widely():
    """Every window lies within the range of all seeds; how they run against their mean is another matter."""
    rng = np.random.default_rng(8)

    def at_any_level(number, course):
        level = rng.normal(size=(number, 1)) * 0.3
        return LEVEL * np.exp(level + np.array([*course, 0, 0]) + rng.normal(size=(number, len(LEVEL))) * 0.004)

    one, other = [0.02, -0.02] * 3, [-0.02, 0.02] * 3
    log = rounded(at_any_level(1, one)[0])
    samples = {"one": at_any_level(20, one), "other": at_any_level(20, other)}
    found = judged(log, [range(6)], **samples)
    assert found["one"].p > 0.05
    assert found["other"].p_rivals < 0.001
    assert np.abs(found["other"].distances).max() < 3
    assert np.abs(found["other"].course_distances).max() > 5


def test_a_density_is_that_of_the_multivariate_t_distribution_with_shrunken_correlations():
    rng = np.random.default_rng(9)
    numbers = Numbers(np.zeros(8), np.zeros(8, bool), [range(6)])
    sample, runs = drawn(rng, 12), drawn(rng, 5)
    transform = numbers.cosines()
    np.testing.assert_allclose(transform @ transform.T, np.eye(8), atol=1e-12)
    moved = sample @ transform.T
    spread = np.sqrt(moved.var(axis=0, ddof=1))
    correlations = 0.1 * np.corrcoef(moved.T) + 0.9 * np.eye(8)
    shape = np.outer(spread, spread) * correlations * (1 + 1 / 12)
    expected = stats.multivariate_t(moved.mean(axis=0), shape, df=11).logpdf(runs @ transform.T)
    distributions = Distributions(sample, numbers)
    ours = distributions.log_densities(distributions.squared_distances(runs))
    np.testing.assert_allclose(np.diff(ours), np.diff(expected), rtol=1e-6)


def test_runs_that_print_the_same_are_equally_well_explained():
    """However the sums are taken: a rounding error must not make the log the worst of equals."""
    rng = np.random.default_rng(10)
    sample = np.repeat(drawn(rng, 2), [3, 17], axis=0)
    found = judged(sample[5], [range(6)], one=sample, other=sample + 1)
    assert found["one"].p > 0.7


def test_another_programs_log_is_told_apart_by_many_small_differences():
    """Each number is shifted by less than it varies; all together tell."""
    rng = np.random.default_rng(1)
    samples = {"one": drawn(rng, 20), "other": drawn(rng, 20, shift=np.array([0.1, -0.1] * 4))}
    found = judged(rounded(drawn(rng, 1)[0]), **samples)
    assert found["one"].p > 0.05
    assert found["other"].p <= 0.05
    assert found["one"].log_density > found["other"].log_density


def test_a_log_like_no_program_is_inconsistent_with_all():
    rng = np.random.default_rng(2)
    found = judged(rounded(LEVEL + 1), one=drawn(rng, 20), other=drawn(rng, 20, shift=0.1))
    assert all(likeness.p_own < 0.001 for likeness in found.values())


@pytest.mark.parametrize("shift", [10, 1000])
def test_a_log_far_from_all_seeds_is_inconsistent_even_with_the_program_that_explains_it_best(shift):
    """Whose rivals explain the log worse by more than they do its own seeds: beside them alone, it does well."""
    rng = np.random.default_rng(12)
    samples = {"wide": drawn(rng, 20, spread=0.1), "narrow": drawn(rng, 20, spread=0.01)}
    found = judged(rounded(LEVEL + shift), **samples)
    assert found["wide"].p_rivals > 0.5
    assert found["wide"].p_own < 0.001
    assert max(likeness.p for likeness in found.values()) <= 0.05


def test_a_log_a_little_beyond_all_seeds_is_not_called_far():
    """A rank would have p = 1/21 for it; half of 5% takes more."""
    sample = np.arange(-10.0, 10.0)[:, None]
    numbers = Numbers(np.zeros(1), np.zeros(1, bool))
    judge = Judge(numbers, {"own": sample})
    assert judge.likenesses(np.array([10.5]))["own"].p_own == pytest.approx(1 / 21)
    assert judge.likenesses(np.array([20.0]))["own"].p_own < 0.025


def test_numbers_that_no_seed_changes_rule_out_all_but_themselves():
    sample = np.tile(LEVEL, (20, 1))
    numbers = Numbers(np.zeros(8), LOSSES)
    judge = Judge(numbers, {"one": sample, "other": sample + 0.01})
    found = [judge.likenesses(LEVEL + shift) for shift in (0, 0.001, 0.01)]
    ruled_out = [{name for name, likeness in one.items() if likeness.p <= 0.05} for one in found]
    assert ruled_out == [{"other"}, {"one", "other"}, {"one"}]


def test_too_few_seeds_can_never_call_a_log_inconsistent():
    rng = np.random.default_rng(3)
    assert judged(rounded(LEVEL + 5), one=drawn(rng, 10))["one"].p == pytest.approx(2 / 11)


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
