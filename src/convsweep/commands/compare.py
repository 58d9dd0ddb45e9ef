"""``convsweep compare``: the configurations of a sweep beside each other, and how sure one can be of the best."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from convsweep.commands.options import mlruns_option, output_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convsweep.compare.comparison import Comparison
    from convsweep.compare.runs import Run
    from convsweep.records.sweep import Sweep


@click.command()
@mlruns_option
@click.argument("things", nargs=-1, metavar="[A B ...]")
@click.option("--sweep", help="Id of the sweep, as printed; the last one if left out.")
@click.option("--all", "all_runs", is_flag=True, help="All runs, not one sweep's.")
@click.option("--runs", "single_runs", is_flag=True, help="Print the single runs, not the configurations.")
@output_option("--csv", ".csv", "Write the runs to this file, one a row.")
@output_option("--png", ".png", "Draw the runs into this file.")
@output_option("--html", ".html", "Write all that was found into this page, with pictures.")
@output_option("--json", ".json", "Write all that was found into this file, not rounded.")
def compare(
    *,
    mlruns: Path,
    things: tuple[str, ...],
    sweep: str | None,
    all_runs: bool,
    single_runs: bool,
    csv: Path | None,
    png: Path | None,
    html: Path | None,
    json: Path | None,
) -> None:
    """Print the configurations of the last sweep, best on `valid` first, and which can't be told from the best.

    Runs that differ in their seeds only are one configuration.

    A B ... are two or more to be set side by side instead: runs (name or key), configurations, sweeps (id; their
    best configuration) or `best`.
    """
    from convsweep.commands.comparison_tables import MOST_ROWS, configurations_table, runs_table
    from convsweep.compare.comparison import compare_runs
    from convsweep.compare.runs import load_runs
    from convsweep.compare.sentences import answer, method
    from convsweep.errors import UserError
    from convsweep.records.sweep import find_sweep
    from convsweep.terminal import console, say

    if things:
        _side_by_side(mlruns, things, others=sweep or all_runs or single_runs or csv or png or html or json)
        return
    of_sweep = None if all_runs else find_sweep(mlruns, sweep)
    runs = load_runs(mlruns, of_sweep)
    if not runs:
        raise UserError(f"There are no runs in '{mlruns}' yet: `convsweep train` makes one.")
    say(f"sweep {of_sweep.id}" if of_sweep else f"all runs of '{mlruns}'")
    axes = of_sweep.axes if of_sweep else ()
    comparisons = compare_runs(runs, axes)
    for comparison in comparisons:
        judged = [run for run in runs if run.held_out == comparison.held_out]
        if len(comparisons) > 1:
            say(f"\nJudged on {comparison.held_out}:")
        console.print(runs_table(judged, axes, console) if single_runs else configurations_table(comparison, console))
        num_rows = len(judged) if single_runs else len(comparison.standings)
        if num_rows > MOST_ROWS:
            say(f"... and {num_rows - MOST_ROWS} more: `--csv FILE` writes all runs.")
        say(answer(comparison))
        say(method(comparison))
        if comparison.best_run is not None:
            say(f"Its best run's record and figures: {comparison.best_run.directory}")
    if of_sweep and len(runs) < len(of_sweep.jobs):
        say(f"{len(of_sweep.jobs) - len(runs)} of {len(of_sweep.jobs)} jobs have not begun.")
    if csv is not None:
        _write_csv(csv, runs)
    if png is not None:
        _draw(png, runs, axes)
    _write_documents(comparisons, runs, of_sweep, mlruns, json=json, html=html)


def _side_by_side(mlruns: Path, things: "Sequence[str]", *, others: object) -> None:
    from convsweep.commands.side_by_side import print_side_by_side

    if len(things) == 1:
        raise click.UsageError(f"Give two or more to compare, or `--sweep {things[0]}` for all of a sweep.")
    if others:
        raise click.UsageError(f"What is set side by side ({', '.join(things)}) takes no option but --mlruns.")
    print_side_by_side(mlruns, things)


def _write_documents(
    comparisons: "Sequence[Comparison]",
    runs: "Sequence[Run]",
    sweep: "Sweep | None",
    mlruns: Path,
    *,
    json: Path | None,
    html: Path | None,
) -> None:
    if json is not None:
        from convsweep.compare.json_document import to_json

        _write(json, to_json(comparisons, sweep), "Comparison")
    if html is not None:
        from convsweep.compare.report import render

        _write(html, render(comparisons, runs, sweep, mlruns), "Report")


def _write(path: Path, text: str, what: str) -> None:
    from convsweep.records.files import write_whole, writing
    from convsweep.terminal import say

    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode(errors="replace"), durable=False)  # can be made again
    say(f"{what}: {path}")


def _write_csv(path: Path, runs: "Sequence[Run]") -> None:
    from convsweep.compare.frames import runs_frame
    from convsweep.records.files import writing
    from convsweep.terminal import say

    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        runs_frame(runs).to_csv(path, index=False)
    say(f"Table: {path}")


def _draw(path: Path, runs: "Sequence[Run]", axes: "Sequence[str]") -> None:
    from convsweep.compare.frames import runs_frame
    from convsweep.compare.runs import varied
    from convsweep.naming import column
    from convsweep.pictures.comparisons import comparison
    from convsweep.records.files import writing
    from convsweep.terminal import say

    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        comparison(runs_frame(runs), [column(key) for key in varied(runs, axes)]).savefig(path, dpi=110)
    say(f"Picture: {path}")
