"""Effects over a comparison's runs: which levels are paired, what is said of levels that lost runs, what is claimed.

Simulations of sweeps have a fixed seed, and a vectorised implementation of their own, which is compared with the
package's on some of its sweeps. What they found before is in their docstrings.
"""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from convsweep.compare.comparison import compare_runs
from convsweep.compare.effects import MOST_LEVELS, Tally, find_effects
from convsweep.compare.report import findings
from convsweep.compare.runs import Run
from convsweep.compare.sentences import losses
from convsweep.naming import MINUS

KEYS = ("model.num_filters", "train.learning_rate")


def run(accuracy, num_filters, learning_rate, seed, outcome="finished"):
    values = {
        "train.learning_rate": learning_rate,
        "model.num_filters": num_filters,
        "train.seed": seed,
        "train.order_seed": 0,
        "train.shuffle": False,
        "data.name": "mnist_5k",
        "data.num_valid": 400,
        "data.num_test": 400,
    }
    return Run("name", "key", Path("nowhere"), outcome, values, "images", accuracy, 0.3, accuracy, 0.3, None)


def effects(*runs):
    (comparison,) = compare_runs(runs, KEYS)
    return find_effects(comparison)


def additive(num_filters, learning_rate, seed):
    """A run whose accuracy is a sum: 2 points for each doubling of filters, 5 for the better rate, 1 for a seed."""
    return run(
        0.7 + 0.02 * {4: 0, 8: 1, 16: 2}[num_filters] + 0.05 * (learning_rate == 0.01) + 0.01 * seed,
        num_filters,
        learning_rate,
        seed,
    )


GRID = [additive(*place) for place in product((16, 4, 8), (0.01, 0.1), (0, 1, 2))]


def test_levels_are_compared_with_the_next_one_in_the_order_of_numbers():
    steps = effects(*GRID).steps
    assert [(step.key, step.baseline, step.level) for step in steps] == [
        ("model.num_filters", 4, 8),
        ("model.num_filters", 8, 16),
        ("train.learning_rate", 0.01, 0.1),
    ]
    assert [step.effect.mean for step in steps] == pytest.approx([0.02, 0.02, -0.05])
    assert [step.pairs for step in steps] == [Tally(6, 0, 0), Tally(6, 0, 0), Tally(9, 0, 0)]


def test_shares_are_those_of_the_sums_that_were_put_in():
    """Variances: 0.0004 x 2/3 of filters, 0.0025 / 4 of rates, 0.0001 of seeds, less what rounding adds.

    Rounding has a variance of (1 / 400)^2 / 12, and adds an 18th of it for each degree of freedom.
    """
    shares = effects(*GRID).shares
    rounding = 1 / 400**2 / 12 / 18
    parts = [0.0004 * 2 / 3 - 2 * rounding, 0.0025 / 4 - rounding, -2 * rounding, 0.0001]
    found = [*(share.estimate for share in (*shares.main, shares.pairs[0, 1])), shares.residual]
    assert found == pytest.approx([part / sum(parts) for part in parts])


def test_the_stronger_of_two_stands_in_the_rows_of_their_table():
    interaction = effects(*GRID).interaction
    assert (interaction.row_key, interaction.column_key) == ("train.learning_rate", "model.num_filters")
    assert (interaction.rows, interaction.columns) == ((0.01, 0.1), (4, 8, 16))
    assert interaction.cells[0.01, 16].mean == pytest.approx(0.8)
    assert interaction.cells[0.01, 16].runs == Tally(3, 0, 0)
    assert [levels for levels, cell in interaction.cells.items() if cell.may_be_highest] == [(0.01, 16)]
    assert findings.interaction(interaction) == (
        "learning_rate 0.01 with num_filters 16 has the highest mean of 6 combinations: 80.00%; "
        "all others can be told from it"
    )


def test_combinations_that_may_be_as_good_as_the_highest_are_counted():
    """Three filters, two rates; 16 filters are 0.1 points better, but vary by a point."""
    noise = np.random.default_rng(0).normal(scale=0.01, size=(3, 2, 4)).round(3)
    runs = [
        run(0.8 + 0.001 * (filters == 16) - 0.3 * (rate == 0.1) + noise[i, j, seed], filters, rate, seed)
        for (i, filters), (j, rate), seed in product(enumerate((4, 8, 16)), enumerate((0.01, 0.1)), range(4))
    ]
    assert findings.interaction(effects(*runs).interaction).endswith("; 2 others may be as good")


def test_with_one_seed_combinations_are_not_tested():
    found = effects(*(additive(*place) for place in product((4, 8, 16), (0.01, 0.1), (0,))))
    assert {cell.may_be_highest for cell in found.interaction.cells.values()} == {None}
    assert findings.interaction(found.interaction).endswith("79.00%; it was not tested against others")
    assert findings.effects(found).startswith(f"learning_rate 0.01 → 0.1 changes accuracy by {MINUS}5.")
    assert " points with this one seed" in findings.effects(found)
    assert findings.shares(KEYS, found.shares).endswith(
        "of the variance between runs; with one seed that is not tested"
    )
    assert findings.shares_by_name(KEYS, found.shares)[-1][0] == "num_filters with learning_rate, and seeds"


def with_survivors():
    """Of six runs with a rate of 0.02, one survives, and is the best of all."""
    runs = [
        run(0.90 + 0.002 * seed + 0.01 * (filters == 16), filters, 0.005, seed)
        for filters in (8, 16)
        for seed in range(3)
    ]
    lost = [run(None, filters, 0.02, seed, "diverged") for filters in (8, 16) for seed in range(3)]
    return [*runs, *lost[:-1], run(0.93, 16, 0.02, 2)]


def test_a_combination_of_which_runs_diverged_is_not_called_the_best_though_the_mean_of_the_others_is_higher():
    """Before: "learning_rate 0.02 with num_filters 16 does best: 93.00% on average"."""
    found = effects(*with_survivors())
    cell = found.interaction.cells[0.02, 16]
    assert (cell.mean, cell.runs, cell.may_be_highest) == (0.93, Tally(1, 2, 0), None)
    assert findings.interaction(found.interaction) == (
        "learning_rate 0.005 with num_filters 16 has the highest mean of 2 combinations that lost no run: 91.20%; "
        "all others can be told from it; learning_rate 0.02 with num_filters 16: 93.00% on average of the 1 of 3 runs "
        "that finished (2 diverged)"
    )


def test_a_step_says_how_many_of_its_pairs_diverged():
    found = effects(*with_survivors())
    rates = next(step for step in found.steps if step.key == "train.learning_rate")
    assert rates.pairs == Tally(1, 5, 0)
    assert str(rates.pairs) == "1 of 6 (5 diverged)"
    assert losses(found) == (
        "Runs diverged at learning_rate 0.02 (5 of 6), num_filters 8 (3 of 6), num_filters 16 (2 of 6). "
        "Steps from and to these levels count the pairs that are left."
    )


def test_a_heading_names_a_step_to_survivors_only_if_no_other_one_is_certain_and_then_says_so():
    """A rate of 0.1 does 30 points worse, but one of its runs diverged; filters do 2 points better."""
    places = list(product((4, 8), range(4)))
    whole = [run(0.8 + 0.02 * (filters == 8) + 0.01 * seed, filters, 0.01, seed) for filters, seed in places]
    worse = [run(0.5 + 0.02 * (filters == 8) + 0.01 * seed, filters, 0.1, seed) for filters, seed in places]
    found = effects(*whole, *worse[1:], worse[0]._replace(outcome="diverged", valid_accuracy=None))
    assert [step.pairs for step in found.steps] == [Tally(7, 1, 0), Tally(7, 1, 0)]
    assert findings.effects(found).startswith(f"learning_rate 0.01 → 0.1 changes accuracy by {MINUS}30.")
    assert " points in the 7 of 8 pairs that are left (1 diverged)" in findings.effects(found)
    lower = [run(0.75 + 0.02 * (filters == 8) + 0.01 * seed, filters, 0.001, seed) for filters, seed in places]
    found = effects(*lower, *whole, *worse[1:], worse[0]._replace(outcome="diverged", valid_accuracy=None))
    assert findings.effects(found).startswith("learning_rate 0.001 → 0.01 changes accuracy by +")


@pytest.mark.parametrize("outcome", ["failed", "killed", "running", None])
def test_runs_that_failed_or_have_not_begun_are_missing(outcome):
    """They say nothing against their level, but a mean without them is no mean over all settings, either."""
    lacking = [] if outcome is None else [run(None, 16, 0.01, seed, outcome) for seed in (0, 1)]
    found = effects(*GRID[2:], *lacking)
    assert [step.pairs for step in found.steps] == [Tally(6, 0, 0), Tally(4, 0, 2), Tally(7, 0, 2)]
    assert found.diverged == ()
    assert found.interaction.cells[0.01, 16].runs == Tally(1, 0, 2)
    assert findings.interaction(found.interaction) == (
        "learning_rate 0.01 with num_filters 8 has the highest mean of 5 combinations that lost no run: 78.00%; "
        "all others can be told from it; learning_rate 0.01 with num_filters 16: 81.00% on average of the 1 of 3 runs "
        "that finished (2 missing)"
    )


def test_more_seeds_of_some_configurations_change_nothing():
    """The comparison speaks of the seeds that all have, and so do effects."""
    more = [additive(16, 0.01, seed) for seed in (3, 4)]
    assert effects(*GRID, *more) == effects(*GRID)


def test_a_grid_with_a_hole_has_steps_but_no_shares():
    found = effects(*GRID[1:], run(None, 16, 0.01, 0, "diverged"))
    assert found.shares is None
    assert "18 runs here), of which 17 finished" in found.no_shares
    assert [step.pairs.diverged for step in found.steps] == [0, 1, 1]


def test_a_level_at_which_everything_diverged_is_a_hole_too():
    lost = [run(None, filters, 10.0, seed, "diverged") for filters in (4, 8, 16) for seed in range(3)]
    found = effects(*GRID, *lost)
    assert found.shares is None
    assert "27 runs here), of which 18 finished" in found.no_shares
    assert found.interaction.cells[10.0, 4] == (None, Tally(0, 3, 0), None)
    assert losses(found).startswith("Runs diverged at learning_rate 10 (9 of 9), num_filters 4 (3 of 9)")


def test_a_run_that_other_code_trained_again_counts_once():
    assert effects(*GRID, *GRID) == effects(*GRID)


def test_a_random_search_has_neither_steps_nor_shares():
    found = effects(*(run(0.9 + 0.001 * i, 8, 0.001 * i, 0) for i in range(1, MOST_LEVELS + 2)))
    assert (found.steps, found.shares) == ((), None)
    assert found.left_out == ("train.learning_rate",)
    assert found.interaction is None


SWEEPS = 2000
AT_MOST_5_PERCENT = 0.05 + 3 * np.sqrt(0.05 * 0.95 / SWEEPS)  # three standard errors of the simulation
SPREAD = np.array(
    [0, 0.0211, 0.0507, 0.0613, 0.0598, -0.103]
)  # of learning rates, the last of which is at the edge of stability
SHAPES = [(3, 6, 3), (3, 6, 5), (3, 3, 6, 5)]  # 18 configurations with 3 and 5 seeds, 54 with 5


def simulated(shape, means, noise):
    """Return accuracies on 400 images, ``[T, L1, ..., Lk, S]``; a seed has a part that all configurations share."""
    rng = np.random.default_rng(7)
    shared = rng.normal(scale=0.005, size=(SWEEPS, *[1] * (len(shape) - 1), shape[-1]))
    own = rng.normal(scale=noise[:, None], size=(SWEEPS, *shape))
    return np.round((0.8 + means[:, None] + shared + own) * 400) / 400


def intervals_of_many(scores, num_effects):
    """Return the ends of the intervals of all steps, ``[T, steps]`` each."""
    num_seeds = scores.shape[-1]
    differences = []
    for axis in range(1, scores.ndim - 1):
        steps = np.moveaxis(np.diff(scores, axis=axis), axis, 1)  # [T, steps, ..., S]
        count = np.prod(steps.shape[2:-1], initial=1)
        differences.append((steps.mean(axis=tuple(range(2, steps.ndim - 1))), np.full(steps.shape[1], count)))
    means = np.concatenate([of_axis for of_axis, _ in differences], axis=1)  # [T, steps, S]
    count = np.concatenate([of_axis for _, of_axis in differences])
    variance = np.maximum(means.var(axis=-1, ddof=1), 1 / 400**2 / 6 / count)
    width = stats.t.isf(0.025 / num_effects, num_seeds - 1) * np.sqrt(variance / num_seeds)
    return means.mean(axis=-1) - width, means.mean(axis=-1) + width


def sweep_of(scores):
    """Return the effects of one simulated sweep; its first axes but the last one are scales and filters."""
    rates, filters = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05), (4, 8, 16)
    runs = []
    for place in np.ndindex(scores.shape):
        *scale, number, rate, seed = place
        one = run(float(scores[place]), filters[number], rates[rate], seed)
        runs.append(one._replace(values=one.values | {"model.init_scale": float(1 + sum(scale))}))
    (comparison,) = compare_runs(runs, ("model.init_scale", *KEYS))
    return find_effects(comparison)


@pytest.mark.parametrize("noise", [1, 5], ids=["even noise", "noisy at the edge"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
class TestIntervalsOfStepsHoldAllAtOnce:
    """In 95% of sweeps, so that a heading that follows them is wrong in 5% at most."""

    def test_equal_configurations_are_said_to_differ_in_at_most_5_percent_of_sweeps(self, shape, noise):
        """Before, each interval had 95% on its own: 29, 28 and 36% of sweeps with even noise."""
        scores = simulated(shape, np.zeros(6), np.r_[np.full(5, 0.01), 0.01 * noise])
        num_steps = sum(shape[:-1]) - len(shape) + 1
        low, high = intervals_of_many(scores, num_steps)
        claimed = ((low > 0) | (high < 0)).any(axis=1)
        assert claimed.mean() <= AT_MOST_5_PERCENT
        before = intervals_of_many(scores, 1)
        assert ((before[0] > 0) | (before[1] < 0)).any(axis=1).mean() > 0.2
        for sweep, expected in zip(scores[:5], claimed, strict=False):
            heading = findings.effects(sweep_of(sweep))
            assert ("changes accuracy by" in heading) == expected

    def test_all_of_them_hold_if_configurations_differ(self, shape, noise):
        scores = simulated(shape, SPREAD, np.r_[np.full(5, 0.01), 0.01 * noise])
        truth = np.r_[np.zeros(sum(shape[:-2]) - len(shape) + 2), np.diff(SPREAD)]
        low, high = intervals_of_many(scores, len(truth))
        assert 1 - ((low <= truth) & (truth <= high)).all(axis=1).mean() <= AT_MOST_5_PERCENT
        for sweep, *expected in zip(scores[:3], low, high, strict=False):
            found = np.array([step.effect.interval for step in sweep_of(sweep).steps]).T
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
