"""Effects over a comparison's runs: which levels are paired, when shares are claimed, which two interact most."""

from itertools import product
from pathlib import Path

import pytest

from convsweep.compare.comparison import compare_runs
from convsweep.compare.effects import MOST_LEVELS, find_effects
from convsweep.compare.runs import Run

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
    assert [step.effect.num_pairs for step in steps] == [6, 6, 9]


def test_shares_are_those_of_the_sums_that_were_put_in():
    """Variances: 0.0004 x 2/3 of filters, 0.0025 / 4 of rates, 0.0001 x 2/3 of seeds."""
    shares = effects(*GRID).shares
    parts = [0.0004 * 2 / 3, 0.0025 / 4, 0.0001 * 2 / 3]
    expected = [part / sum(parts) for part in parts]
    assert [*shares.main, shares.between_seeds] == pytest.approx(expected)
    assert shares.pairs[0, 1] == pytest.approx(0, abs=1e-12)


def test_the_stronger_of_two_stands_in_the_rows_of_their_table():
    interaction = effects(*GRID).interaction
    assert (interaction.row_key, interaction.column_key) == ("train.learning_rate", "model.num_filters")
    assert (interaction.rows, interaction.columns) == ((0.01, 0.1), (4, 8, 16))
    assert interaction.cells[0.01, 16].mean == pytest.approx(0.8)
    assert interaction.cells[0.01, 16].num_runs == 3


def test_a_grid_with_a_hole_has_steps_but_no_shares():
    found = effects(*GRID[1:], run(None, 16, 0.01, 0, "diverged"))
    assert found.shares is None
    assert "18 runs here), of which 17 finished" in found.no_shares
    assert len(found.steps) == 3


def test_a_level_at_which_everything_diverged_is_a_hole_too():
    found = effects(*GRID, *(run(None, filters, 10.0, seed, "diverged") for filters in (4, 8, 16) for seed in range(3)))
    assert found.shares is None
    assert "27 runs here), of which 18 finished" in found.no_shares


def test_a_run_that_other_code_trained_again_counts_once():
    assert effects(*GRID, *GRID) == effects(*GRID)


def test_a_random_search_has_neither_steps_nor_shares():
    found = effects(*(run(0.9 + 0.001 * i, 8, 0.001 * i, 0) for i in range(1, MOST_LEVELS + 2)))
    assert (found.steps, found.shares) == ((), None)
    assert found.left_out == ("train.learning_rate",)
    assert found.interaction is None
