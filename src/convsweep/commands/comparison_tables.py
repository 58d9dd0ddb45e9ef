"""The tables that ``convsweep compare`` prints, as wide as the terminal: numbers are whole, whatever its width."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from convsweep.compare.comparison import Comparison
from convsweep.compare.runs import Run, varied
from convsweep.compare.sentences import interval_text, percent, seeds_of
from convsweep.naming import as_text, column

MOST_ROWS = 40


Columns = dict[str, list[str]]  # a heading, "\n" between its lines, and a cell a row


def configurations_table(comparison: Comparison, console: Console) -> Table:
    """Return a row a configuration, best on ``valid`` first."""
    standings = comparison.standings[:MOST_ROWS]
    values: Columns = {
        column(key): [as_text(standing.configuration.values[key]) for standing in standings] for key in comparison.keys
    }
    name: Columns = {"configuration": [standing.configuration.name for standing in standings]}
    valid: Columns = {
        "valid": [percent(standing.valid.mean if standing.valid else None) for standing in standings],
        "95%\ninterval": [interval_text(standing.valid) for standing in standings],
    }
    test: Columns = {"test": [percent(standing.test.mean if standing.test else None) for standing in standings]}
    rest: Columns = {"seeds": [seeds_of(standing) for standing in standings]}
    relation: Columns = {"against\nthe best": [standing.relation for standing in standings]}
    return _widest(
        console,
        name | values | valid | test | rest | relation,
        values | valid | test | rest | relation,
        name | valid | test | rest | relation,
        name | valid | relation,
        name | valid,
    )


def runs_table(runs: Sequence[Run], axes: Sequence[str], console: Console) -> Table:
    """Return a row a run, best on ``valid`` first."""
    shown = runs[:MOST_ROWS]
    values: Columns = {column(key): [as_text(run.values.get(key, "")) for run in shown] for key in varied(runs, axes)}
    name: Columns = {"run": [run.name for run in shown]}
    accuracies: Columns = {
        "valid": [percent(run.valid_accuracy) for run in shown],
        "test": [percent(run.test_accuracy) for run in shown],
    }
    losses: Columns = {
        "valid\nloss": [_number(run.valid_loss, ".4f") for run in shown],
        "test\nloss": [_number(run.test_loss, ".4f") for run in shown],
    }
    seconds: Columns = {"seconds": [_number(run.result.seconds if run.result else None, ".1f") for run in shown]}
    outcome: Columns = {"outcome": [run.outcome for run in shown]}
    return _widest(
        console,
        name | values | accuracies | losses | seconds | outcome,
        values | accuracies | losses | seconds | outcome,
        name | accuracies | losses | seconds | outcome,
        name | accuracies | outcome,
        name | accuracies,
    )


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _widest(console: Console, *choices: Columns) -> Table:
    """Return the first table that the terminal has room for, or the last one, whose names are folded then."""
    for columns in choices:
        table = _table(columns)
        # measured as if there were room for anything: otherwise rich tells what it would cut the table to
        if console.measure(table, options=console.options.update(width=10_000)).maximum <= console.width:
            return table
    return table


def _table(columns: Columns) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
    rows = len(next(iter(columns.values()), []))
    table.add_column("", justify="right", no_wrap=True)
    for heading in columns:
        is_name = heading in ("configuration", "run")
        left = is_name or heading in ("against\nthe best", "outcome")
        # two lines a heading keep columns of numbers narrow
        text = heading if "\n" in heading else heading.replace("_", "\n", 1).replace(".", "\n", 1)
        table.add_column(Text(text), justify="left" if left else "right", no_wrap=not is_name, overflow="fold")
    for row in range(rows):
        table.add_row(str(row + 1), *(Text(cells[row]) for cells in columns.values()))
    return table
