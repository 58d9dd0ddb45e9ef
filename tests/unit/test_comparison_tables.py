"""The tables of ``convsweep compare``: every number whole, at every width."""

import io

import pytest
from compared_runs import invented
from rich.console import Console

from convsweep.commands.comparison_tables import MOST_ROWS, configurations_table, runs_table
from convsweep.compare.comparison import compare_runs

NAME = "a [/x] :smile: \\ name"
RUNS = [
    invented(valid, seed=seed, model__num_filters=filters, train__learning_rate=rate, train__gradient="last_class")
    for filters, rate, valid in ((4, 0.005, 0.91375), (8, 0.0012345, 0.9))
    for seed in range(3)
]
RUNS.append(invented(outcome="diverged", model__num_filters=128, train__ties="first"))


def lines(make, width):
    """Return the lines of a table at this width, as a terminal without colours shows them."""
    file = io.StringIO()
    console = Console(file=file, width=width, highlight=False)
    console.print(make(console))
    return file.getvalue().splitlines()


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_numbers_are_whole_at_every_width(width):
    (comparison,) = compare_runs(RUNS)
    shown = lines(lambda console: configurations_table(comparison, console), width)
    assert all(len(line) <= width for line in shown)
    words = " ".join(shown).split()
    assert {"91.38%", "90.00%"} <= set(words)
    shown = lines(lambda console: runs_table(RUNS, (), console), width)
    assert all(len(line) <= width for line in shown)
    assert {"91.38%", "90.00%"} <= set(" ".join(shown).split())


def test_a_wide_table_has_a_column_for_every_value_that_varies():
    (comparison,) = compare_runs(RUNS)
    words = " ".join(lines(lambda console: configurations_table(comparison, console), 200)).split()
    assert {"0.0012345", "last_class", "first", "128", "91.1-91.6", "best", "not"} <= set(words)
    assert {"0", "of", "1", "(1", "diverged)"} <= set(words)


def test_names_from_outside_are_shown_as_they_are():
    runs = [run._replace(name=NAME) for run in RUNS]
    assert NAME in " ".join(lines(lambda console: runs_table(runs, (), console), 80))


def test_more_rows_than_a_terminal_shows_are_cut():
    many = [invented(0.9, seed=seed) for seed in range(MOST_ROWS + 5)]
    rows = [line for line in lines(lambda console: runs_table(many, (), console), 100) if line.split()[0].isdecimal()]
    assert len(rows) == MOST_ROWS
