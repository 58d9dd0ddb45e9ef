"""Effects and shares of variance: by hand, against regression and SciPy, and how often intervals hold the truth."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from convsweep.compare.statistics.effects import mean_cells, paired_effect, variance_shares


def runs(*rows):
    """Return the columns of a table of runs: score, level, setting, seed."""
    return tuple(zip(*rows, strict=True))


def test_with_several_seeds_an_effect_averages_over_settings_first():
    """Seed 0: differences 2 and 4, mean 3; seed 1: 4 and 6, mean 5. Mean 4, standard error 1, t(0.975, 1) = 12.706."""
    table = runs(
        *[(1.0, "a", "x", 0), (3.0, "b", "x", 0), (2.0, "a", "y", 0), (6.0, "b", "y", 0)],
        *[(1.0, "a", "x", 1), (5.0, "b", "x", 1), (2.0, "a", "y", 1), (8.0, "b", "y", 1)],
    )
    effect = paired_effect(*table, level="b", baseline="a")
    assert (effect.mean, effect.num_pairs, effect.unit, effect.num_units) == (4, 4, "seed", 2)
    assert effect.interval == pytest.approx((4 - 12.7062, 4 + 12.7062), abs=1e-4)


def test_with_one_seed_the_interval_of_an_effect_is_over_settings():
    """Differences 1, 2 and 3: Student's interval with two degrees of freedom."""
    table = runs(*[(float(i), "a", i, 7) for i in range(3)], *[(2.0 * i + 1, "b", i, 7) for i in range(3)])
    effect = paired_effect(*table, level="b", baseline="a")
    assert (effect.mean, effect.num_pairs, effect.unit, effect.num_units) == (2, 3, "setting", 3)
    assert effect.interval == pytest.approx((2 - 2.4841, 2 + 2.4841), abs=1e-4)


def test_only_settings_and_seeds_that_have_both_levels_count():
    table = runs(
        *[(1.0, 8, "x", 0), (2.0, 16, "x", 0), (9.0, 16, "y", 0)],  # y lacks 8
        *[(1.0, 8, "x", 1), (4.0, 16, "x", 1), (9.0, 8, "z", 1), (7.0, 32, "x", 1)],
    )
    effect = paired_effect(*table, level=16, baseline=8)
    assert (effect.mean, effect.num_pairs, effect.num_units) == (2, 2, 2)
    assert paired_effect(*table, level=64, baseline=8) is None


def test_one_pair_alone_has_an_effect_without_bounds():
    effect = paired_effect(*runs((1.0, 8, "x", 0), (2.0, 16, "x", 0)), level=16, baseline=8)
    assert effect.mean == 1
    assert effect.interval == (-math.inf, math.inf)


def test_equal_effects_on_rounded_accuracies_have_the_interval_that_rounding_leaves():
    """Three seeds, two settings each: a seed's mean difference has the variance (1 / 400)^2 / 6 / 2."""
    table = runs(
        *[(0.9, 8, setting, seed) for setting in "xy" for seed in range(3)],
        *[(0.905, 16, setting, seed) for setting in "xy" for seed in range(3)],
    )
    low, high = paired_effect(*table, level=16, baseline=8, step=1 / 400).interval
    assert (high - low) / 2 == pytest.approx(4.30265 / 400 / np.sqrt(12 * 3), rel=1e-5)


def test_two_runs_of_one_level_setting_and_seed_are_refused():
    with pytest.raises(ValueError, match="two runs have the level 8, the setting x and the seed 0"):
        paired_effect(*runs((1.0, 8, "x", 0), (2.0, 8, "x", 0)), level=16, baseline=8)


def test_an_effect_on_a_diverged_run_is_refused():
    with pytest.raises(ValueError, match="'scores' must be finite"):
        paired_effect(*runs((1.0, 8, "x", 0), (np.nan, 16, "x", 0)), level=16, baseline=8)


def test_the_interval_of_an_effect_holds_it_in_95_percent_where_counting_pairs_as_independent_would_not():
    """A seed changes the effect in all settings alike: 12 settings x 5 seeds are no 60 independent pairs."""
    rng = np.random.default_rng(0)
    settings, seeds = zip(*itertools.product(range(12), range(5)), strict=True)
    held = as_independent = 0
    for _ in range(5000):
        differences = 1 + rng.normal(size=5) + 0.5 * rng.normal(size=(12, 5))  # [settings, seeds], true effect 1
        scores = np.r_[np.zeros(60), differences.ravel()]
        effect = paired_effect(scores, [0] * 60 + [1] * 60, settings * 2, seeds * 2, level=1, baseline=0)
        held += effect.interval.low <= 1 <= effect.interval.high
        error = differences.std(ddof=1) / np.sqrt(60)
        as_independent += abs(differences.mean() - 1) <= 2.001 * error  # t(0.975, 59)
    assert held / 5000 == pytest.approx(0.95, abs=0.0093)  # three standard errors
    assert as_independent / 5000 < 0.6


def test_a_table_of_two_hyperparameters_has_each_cells_mean_number_and_interval():
    """Cell (8, 0.01): seed 0 has 1 and 3, mean 2; seed 1 has 4; so mean 3, standard error 1."""
    cells = mean_cells([1.0, 3.0, 4.0, 7.0], [8, 8, 8, 16], [0.01] * 4, [0, 0, 1, 0])
    assert list(cells) == [(8, 0.01), (16, 0.01)]
    cell = cells[8, 0.01]
    assert (cell.mean, cell.num_runs, cell.unit, cell.num_units) == (3, 3, "seed", 2)
    assert cell.interval == pytest.approx((3 - 12.7062, 3 + 12.7062), abs=1e-4)
    assert cells[16, 0.01].interval == (-math.inf, math.inf)


def test_with_one_seed_the_interval_of_a_cell_is_over_its_settings():
    cell = mean_cells([1.0, 2.0, 3.0], ["a"] * 3, ["b"] * 3, [0] * 3)["a", "b"]
    assert (cell.mean, cell.unit, cell.num_units) == (2, "setting", 3)
    assert cell.interval == pytest.approx((2 - 2.4841, 2 + 2.4841), abs=1e-4)


def test_shares_of_variance_by_hand():
    """Rows add -1, 1; columns -2, 2; the interaction 0.5 of alternating sign; seeds -0.25, 0.25: squares add up."""
    row, column, seed = np.meshgrid([-1, 1], [-1, 1], [-1, 1], indexing="ij")
    shares = variance_shares(7 + row + 2 * column + 0.5 * row * column + 0.25 * seed)
    total = 1 + 4 + 0.25 + 0.0625
    assert shares.main == pytest.approx((1 / total, 4 / total))
    assert shares.pairs[0, 1] == pytest.approx(0.25 / total)
    assert shares.between_seeds == pytest.approx(0.0625 / total)
    assert shares.higher == 0


@pytest.mark.parametrize("shape", [(4, 3), (3, 2, 1), (3, 4, 5), (2, 3, 4, 2), (2, 3, 2, 3, 1), (1, 3, 2)])
def test_shares_of_variance_add_up_to_1(shape):
    shares = variance_shares(np.random.default_rng(1).normal(size=shape))
    parts = [*shares.main, *shares.pairs.values(), shares.higher, shares.between_seeds or 0]
    assert sum(parts) == pytest.approx(1)
    assert min(parts) >= 0
    assert (shares.between_seeds is None) == (shape[-1] == 1)


def test_with_one_factor_the_shares_are_those_of_scipys_one_way_analysis():
    """F = (share of the factor / 3) / (share of seeds / 16)."""
    scores = np.random.default_rng(2).normal(size=(4, 5)) + np.arange(4)[:, None]
    shares = variance_shares(scores)
    assert (shares.main[0] / 3) / (shares.between_seeds / 16) == pytest.approx(stats.f_oneway(*scores).statistic)


def test_with_three_factors_the_shares_are_what_regressions_explain():
    """Each share is what a regression on indicators explains more than one without them."""
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
        return ((fitted - scores.mean()) ** 2).sum() / ((scores - scores.mean()) ** 2).sum()

    shares = variance_shares(scores)
    assert shares.main == pytest.approx([explained([axis]) for axis in range(3)])
    for a, b in itertools.combinations(range(3), 2):
        assert shares.pairs[a, b] == pytest.approx(explained([a, b]) - explained([a], [b]))
    assert shares.higher == pytest.approx(explained([0, 1, 2]) - explained([0, 1], [0, 2], [1, 2]))
    assert shares.between_seeds == pytest.approx(1 - explained([0, 1, 2]))


def test_equal_scores_have_no_shares():
    assert variance_shares(np.full((3, 2, 2), 0.93)) is None
    assert variance_shares([[0.3 - 0.1], [0.4 - 0.2]]) is None


def test_an_incomplete_grid_or_one_without_a_hyperparameter_has_no_shares():
    with pytest.raises(ValueError, match=r"'scores' must be finite \(got nan\)"):
        variance_shares([[1.0, 2.0], [np.nan, 3.0]])
    with pytest.raises(ValueError, match=r"one for seeds \(got 1 in all\)"):
        variance_shares([1.0, 2.0])
