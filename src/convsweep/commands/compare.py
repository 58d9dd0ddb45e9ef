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

MOST_COMMANDS = 4  # that are printed


@click.command()
@mlruns_option
@click.argument("things", nargs=-1, metavar="[A B ...]")
@click.option("--sweep", "sweep_id", help="Id of the sweep, as printed; the last one if left out.")
@click.option("--all", "all_runs", is_flag=True, help="All runs, not one sweep's.")
@click.option("--runs", "single_runs", is_flag=True, help="Print the single runs, not the configurations.")
@click.option("--register", is_flag=True, help="Make the best model convsweep@champion in MLflow's registry.")
@output_option("--csv", ".csv", "Write the runs to this file, one a row.")
@output_option("--png", ".png", "Draw the runs into this file.")
@output_option("--html", ".html", "Write all that was found into this page, with pictures.")
@click.option("--with-diff", is_flag=True, help="Put the uncommitted changes of the code into the page of --html.")
@output_option("--json", ".json", "Write all that was found into this file, not rounded.")
def compare(
    *,
    mlruns: Path,
    things: tuple[str, ...],
    sweep_id: str | None,
    all_runs: bool,
    single_runs: bool,
    register: bool,
    csv: Path | None,
    png: Path | None,
    html: Path | None,
    with_diff: bool,
    json: Path | None,
) -> None:
    """Print the configurations of the last sweep, best on `valid` first, and which can't be told from the best.

    Runs that differ in their seeds only are one configuration.

    A B ... are two or more to be set side by side instead: runs (name or key), configurations, sweeps (id; their
    best configuration) or `best`.
    """
    if things:
        _side_by_side(
            mlruns, things, others=(sweep_id, all_runs, single_runs, register, csv, png, html, with_diff, json)
        )
        return
    if all_runs and sweep_id is not None:
        raise click.UsageError(
            f"'--all' takes all runs, '--sweep' those of one sweep: give one of them (got {sweep_id})."
        )
    if with_diff and (html is None or all_runs):
        raise click.UsageError("'--with-diff' needs '--html FILE', of one sweep.")
    from convsweep.commands.comparison_files import Files
    from convsweep.compare.comparison import compare_runs
    from convsweep.compare.runs import load_runs
    from convsweep.errors import UserError
    from convsweep.records.mixtures import mixture
    from convsweep.records.sweep import find_sweep
    from convsweep.terminal import say

    sweep = None if all_runs else find_sweep(mlruns, sweep_id)
    runs = load_runs(mlruns, sweep)
    if not runs:
        raise UserError(f"There are no runs in '{mlruns}' yet: `convsweep train` makes one.")
    say(f"sweep {sweep.id}" if sweep else f"all runs of '{mlruns}'")
    axes = sweep.axes if sweep else ()
    comparisons = compare_runs(runs, axes)
    for comparison in comparisons:
        if len(comparisons) > 1:
            say(f"\nJudged on {comparison.group}:")
        _print_comparison(comparison, comparison.runs if single_runs else None, axes)
    _print_next_step(comparisons, sweep, mlruns)
    if mixed := mixture(run.result for run in runs):
        say(mixed)
    if sweep is not None:
        _print_missing(sweep, runs, mlruns)
    files = Files(csv=csv, png=png, json=json, html=html, with_diff=with_diff)
    files.write(comparisons, runs, sweep, mlruns)
    if register:
        from convsweep.tracking.registry import register_best

        say(register_best(mlruns, comparisons))


def _print_missing(sweep: "Sweep", runs: "Sequence[Run]", mlruns: Path) -> None:
    """Print which of a sweep's runs are not compared: damaged, or not begun."""
    from convsweep.compare.runs import damaged_configurations
    from convsweep.terminal import say

    missing = {job.run_key for job in sweep.jobs} - {run.run_key for run in runs}
    damaged = damaged_configurations(mlruns, sorted(missing))
    for path in damaged:
        say(f"'{path}' is damaged, so its run is left out; the same command as before mends it.")
    if len(missing) > len(damaged):
        say(f"{len(missing) - len(damaged)} of {len(sweep.jobs)} jobs have not begun.")


def _print_comparison(comparison: "Comparison", runs: "Sequence[Run] | None", axes: "Sequence[str]") -> None:
    """Print a table and what follows from it; of single runs, if they are given."""
    from convsweep.commands.comparison_tables import MOST_ROWS, configurations_table, runs_table
    from convsweep.compare.sentences import answer, confidence, left_out
    from convsweep.terminal import console, say

    table = configurations_table(comparison, console) if runs is None else runs_table(runs, axes, console)
    console.print(table)
    hidden = len(comparison.standings if runs is None else runs) - MOST_ROWS
    if hidden > 0:
        say(f"... and {hidden} more: `--csv FILE` writes all runs.")
    for sentences in (answer(comparison), confidence(comparison), left_out(comparison)):
        if sentences:
            say(sentences)
    if comparison.best_run is not None:
        say(f"Its best run's record and figures: {comparison.best_run.directory}")


def _print_next_step(comparisons: "Sequence[Comparison]", sweep: "Sweep | None", mlruns: Path) -> None:
    from convsweep.compare.next_step import next_step
    from convsweep.compare.sentences import what_next
    from convsweep.terminal import say

    step = next_step(comparisons, sweep, mlruns)
    if step is None:
        return
    say(what_next(step))
    for command in step.commands[:MOST_COMMANDS]:
        say(f"  {command}")
    if len(step.commands) > MOST_COMMANDS:
        say(f"  and {len(step.commands) - MOST_COMMANDS} more commands: `--json FILE` writes all of them.")
    if sweep is None:
        say("then `convsweep compare --all` again.")


def _side_by_side(mlruns: Path, things: "Sequence[str]", *, others: "Sequence[object]") -> None:
    from convsweep.commands.side_by_side import print_side_by_side

    if len(things) == 1:
        raise click.UsageError(f"Give two or more to compare, or `--sweep {things[0]}` for all of a sweep.")
    if any(others):
        raise click.UsageError(f"What is set side by side ({', '.join(things)}) takes no option but --mlruns.")
    print_side_by_side(mlruns, things)
