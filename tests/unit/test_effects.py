"""Effects and shares of variance: by hand, against regression and SciPy, and how often they claim what isn't there.

Simulations have a fixed seed; what they found before is in their docstrings.
"""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from convsweep.compare.statistics.effects import paired_effect, variance_shares


def test_with_several_seeds_an_effect_averages_over_settings_first():
    """Seed 0: differences 2 and 4, mean 3; seed 1: 4 and 6, mean 5. Mean 4, standard error 1, t(0.975, 1) = 12.706."""
    effect = paired_effect([2.0, 4.0, 4.0, 6.0], ["x", "y", "x", "y"], [0, 0, 1, 1])
    assert (effect.mean, effect.num_pairs, effect.unit, effect.num_units) == (4, 4, "seed", 2)
    assert effect.interval == pytest.approx((4 - 12.7062, 4 + 12.7062), abs=1e-4)


def test_with_one_seed_the_interval_of_an_effect_is_over_settings():
    """Differences 1, 2 and 3: Student's interval with two degrees of freedom."""
    effect = paired_effect([1.0, 2.0, 3.0], ["x", "y", "z"], [7, 7, 7])
    assert (effect.mean, effect.num_pairs, effect.unit, effect.num_units) == (2, 3, "setting", 3)
    assert effect.interval == pytest.approx((2 - 2.4841, 2 + 2.4841), abs=1e-4)


def test_the_interval_of_one_of_seven_effects_has_a_seventh_of_the_level():
    """t(1 - 0.05 / 14, 2) = 11.769."""
    effect = paired_effect([1.0, 2.0, 3.0], ["x"] * 3, [0, 1, 2], num_effects=7)
    half_width = stats.t.isf(0.05 / 14, 2) / np.sqrt(3)
    assert half_width == pytest.approx(6.795, abs=1e-3)
    assert effect.interval == pytest.approx((2 - half_width, 2 + half_width))


def test_one_pair_alone_has_an_effect_without_bounds():
    effect = paired_effect([1.0], ["x"], [0])
    assert effect.mean == 1
    assert effect.interval == (-math.inf, math.inf)


def test_equal_effects_on_rounded_accuracies_have_the_interval_that_rounding_leaves():
    """Three seeds, two settings each: a seed's mean difference has the variance (1 / 400)^2 / 6 / 2."""
    low, high = paired_effect([0.005] * 6, ["x", "x", "x", "y", "y", "y"], [0, 1, 2] * 2, step=1 / 400).interval
    assert (high - low) / 2 == pytest.approx(4.30265 / 400 / np.sqrt(12 * 3), rel=1e-5)


def test_an_effect_on_a_diverged_run_is_refused():
    with pytest.raises(ValueError, match="'differences' must be finite"):
        paired_effect([np.nan, 1.0], ["x", "x"], [0, 1])


def test_the_interval_of_an_effect_holds_it_in_95_percent_where_counting_pairs_as_independent_would_not():
    """A seed changes the effect in all settings alike: 12 settings x 5 seeds are no 60 independent pairs."""
    rng = np.random.default_rng(0)
    settings, seeds = zip(*itertools.product(range(12), range(5)), strict=True)
    held = as_independent = 0
    for _ in range(5000):
        differences = 1 + rng.normal(size=5) + 0.5 * rng.normal(size=(12, 5))  # [settings, seeds], true effect 1
        effect = paired_effect(differences.ravel(), settings, seeds)
        held += effect.interval.low <= 1 <= effect.interval.high
        error = differences.std(ddof=1) / np.sqrt(60)
        as_independent += abs(differences.mean() - 1) <= 2.001 * error  # t(0.975, 59)
    assert held / 5000 == pytest.approx(0.95, abs=0.0093)  # three standard errors
    assert as_independent / 5000 < 0.6


def estimates(shares):
    return [share.estimate for share in (*shares.main, *shares.pairs.values(), shares.higher) if share is not None]


def p_values(shares):
    return [share.p for share in (*shares.main, *shares.pairs.values(), shares.higher) if share is not None]


def test_shares_of_variance_by_hand():
    """Rows add -1, 1; columns -2, 2; the interaction 0.5 of alternating sign; seeds -0.25, 0.25, of variance 0.125."""
    row, column, seed = np.meshgrid([-1, 1], [-1, 1], [-1, 1], indexing="ij")
    shares = variance_shares(7 + row + 2 * column + 0.5 * row * column + 0.25 * seed)
    total = 1 + 4 + 0.25 + 0.125
    assert estimates(shares) == pytest.approx([1 / total, 4 / total, 0.25 / total])
    assert shares.residual == pytest.approx(0.125 / total)
    assert shares.higher is None


def test_chance_is_taken_off_a_share_by_hand():
    """Seed 0: levels 0 and 4; seed 1: 0 and 2. The effect -+1.5, its interaction with seeds -+0.5.

    SS = 4 x 1.5^2 = 9, SS' = 4 x 0.5^2 = 1: variance (9 - 1) / 4 = 2. Within levels: 0 and 2, on average 1.
    F = 9 of 1 and 1 degrees of freedom.
    """
    shares = variance_shares([[0.0, 0.0], [4.0, 2.0]])
    assert estimates(shares) == pytest.approx([2 / 3])
    assert shares.residual == pytest.approx(1 / 3)
    assert p_values(shares) == pytest.approx([stats.f.sf(9, 1, 1)])


def test_with_one_seed_the_highest_interaction_stands_in_for_chance():
    """Rows -+1, columns -+2, interaction -+0.5: SS 4, 16 and 1, of one degree of freedom each."""
    shares = variance_shares([[[-2.5], [0.5]], [[-1.5], [3.5]]])
    variances = np.array([(4 - 1) / 4, (16 - 1) / 4])
    total = variances.sum() + 1
    assert estimates(shares) == pytest.approx(variances / total)
    assert shares.residual == pytest.approx(1 / total)
    assert (shares.pairs, shares.higher, p_values(shares)) == ({}, None, [None, None])


@pytest.mark.parametrize("shape", [(4, 3), (3, 2, 1), (3, 4, 5), (2, 3, 4, 2), (2, 3, 2, 3, 1), (2, 3, 2)])
def test_estimates_of_shares_add_up_to_1(shape):
    shares = variance_shares(np.random.default_rng(1).normal(size=shape))
    assert sum(estimates(shares)) + shares.residual == pytest.approx(1)
    assert shares.num_seeds == shape[-1]


def test_with_two_levels_p_is_that_of_scipys_paired_test():
    scores = np.random.default_rng(2).normal(size=(2, 5)) + np.arange(2)[:, None]
    (share,) = variance_shares(scores).main
    assert share.p == pytest.approx(stats.ttest_rel(*scores).pvalue)


def test_p_is_greenhouse_and_geissers():
    """Their epsilon, from the covariance of the levels over seeds less the means of its rows and columns."""
    scores = np.random.default_rng(3).normal(size=(4, 5)) * [[1], [1], [2], [5]] + np.arange(4)[:, None]
    (share,) = variance_shares(scores).main
    centred = np.eye(4) - 1 / 4
    covariance = centred @ np.cov(scores) @ centred
    epsilon = np.trace(covariance) ** 2 / (3 * (covariance**2).sum())
    residuals = scores - scores.mean(axis=0) - scores.mean(axis=1, keepdims=True) + scores.mean()
    f = (5 * scores.mean(axis=1).var() * 4 / 3) / ((residuals**2).sum() / 12)
    assert share.p == pytest.approx(stats.f.sf(f, 3 * epsilon, 12 * epsilon))


def test_with_three_factors_the_sums_of_squares_are_what_regressions_explain():
    """Each is what a regression on indicators explains more than one without them, seeds being a fourth factor."""
    scores = np.random.default_rng(3).normal(size=(2, 3, 4, 2))
    index = np.indices(scores.shape).reshape(4, -1)

    def explained(*terms):
        columns = [np.ones(scores.size)]
        for term in terms:
            cells = itertools.product(*(range(scores.shape[axis]) for axis in term))
            columns += [
                np.all([index[axis] == level for axis, level in zip(term, cell, strict=True)], 0) for cell in cells
            ]
        design = np.array(columns, float).T
        fitted = design @ np.linalg.lstsq(design, scores.ravel())[0]
        return ((fitted - scores.mean()) ** 2).sum()

    def squares(*source):
        return explained(source) - explained(*filter(None, itertools.combinations(source, len(source) - 1)))

    sources = [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)]
    variances = np.array([squares(*source) - squares(*source, 3) for source in sources]) / scores.size
    residual = scores.var(axis=-1, ddof=1).mean()
    shares = variance_shares(scores)
    assert estimates(shares) == pytest.approx(variances / (variances.sum() + residual))
    assert shares.residual == pytest.approx(residual / (variances.sum() + residual))


def test_equal_differences_between_rounded_accuracies_are_no_certainty():
    """Both seeds say 1 / 400: without ``step`` p would be 0."""
    scores = [[0.9, 0.91], [0.9025, 0.9125]]
    assert p_values(variance_shares(scores)) == [0]
    (p,) = p_values(variance_shares(scores, step=1 / 400))
    assert p == pytest.approx(stats.f.sf(12, 1, 1))  # 4 x (1 / 800)^2 / ((1 / 400)^2 / 12)


def test_equal_scores_have_no_shares():
    assert variance_shares(np.full((3, 2, 2), 0.93)) is None
    assert variance_shares([[0.3 - 0.1, 0.2], [0.4 - 0.2, 0.2]]) is None


def test_an_incomplete_grid_or_one_in_which_nothing_varies_has_no_shares():
    with pytest.raises(ValueError, match=r"'scores' must be finite \(got nan\)"):
        variance_shares([[1.0, 2.0], [np.nan, 3.0]])
    for scores in ([1.0, 2.0], [[1.0], [2.0]], [[[1.0, 2.0], [2.0, 3.0]]]):
        with pytest.raises(ValueError, match=r"'scores' must have two levels a factor, and two factors or seeds"):
            variance_shares(scores)


# how much a seed does, by the level of the last hyperparameter: the same everywhere, or more at the edge of stability
EVEN, UNEVEN = np.ones(6), np.array([0.3, 0.3, 0.5, 1, 1, 3])


@pytest.mark.parametrize("noise", [EVEN, UNEVEN], ids=["even", "uneven"])
@pytest.mark.parametrize("shape", [(3, 6, 3), (3, 6, 5), (3, 3, 6, 5)])
def test_under_pure_noise_shares_are_0_on_average_and_seldom_called_more(shape, noise):
    """Before, all but seeds had 21, 12 and 12% together if noise is even: what chance adds wasn't taken off."""
    rng = np.random.default_rng(5)
    found = [variance_shares(rng.normal(size=shape) * noise[:, None] + rng.normal(size=shape[-1])) for _ in range(2000)]
    means = np.array([estimates(one) for one in found])
    assert np.abs(means.mean(axis=0)) == pytest.approx(0, abs=0.015)
    assert np.maximum(means, 0).sum(axis=1).mean() < 0.13  # as the report shows them
    certain = np.mean([min(p_values(one)) < 0.05 for one in found])
    assert certain <= 0.05


@pytest.mark.parametrize("num_seeds", [3, 5])
def test_shares_of_what_is_there_are_right_on_average_also_if_noise_is_uneven(num_seeds):
    """The last hyperparameter adds 0 to 4, its interaction with the first one a variance of 0.5."""
    rng = np.random.default_rng(6)
    main, pair = np.linspace(0, 4, 6), np.outer([-1, 0, 1], [-1, 1, -1, 1, -1, 1]) * np.sqrt(0.75)
    found = [
        variance_shares((main + pair)[..., None] + rng.normal(size=(3, 6, num_seeds)) * UNEVEN[:, None])
        for _ in range(1000)
    ]
    noise = (UNEVEN**2).mean()
    total = main.var() + 0.5 + noise
    expected = [0, main.var() / total, 0.5 / total]
    assert np.mean([estimates(one) for one in found], axis=0) == pytest.approx(expected, abs=0.03)
    assert np.mean([one.residual for one in found]) == pytest.approx(noise / total, abs=0.03)
