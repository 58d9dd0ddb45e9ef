"""``convsweep compare``: the runs of a sweep beside each other."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from convsweep.commands.options import mlruns_option

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table


@click.command()
@mlruns_option
@click.option("--sweep", help="Id of the sweep, as printed; the last one if left out.")
@click.option("--all", "all_runs", is_flag=True, help="All runs, not one sweep's.")
@click.option("--csv", type=click.Path(path_type=Path), help="Write the table to this file, too.")
@click.option("--png", type=click.Path(path_type=Path), help="Draw the comparison into this file.")
def compare(*, mlruns: Path, sweep: str | None, all_runs: bool, csv: Path | None, png: Path | None) -> None:
    """Print the runs of the last sweep, best on `valid` first, and what they differ in."""
    from convsweep.compare.runs import differing, load_runs
    from convsweep.errors import UserError
    from convsweep.records.files import writing
    from convsweep.records.sweep import find_sweep
    from convsweep.terminal import console, say

    of_sweep = None if all_runs else find_sweep(mlruns, sweep)
    runs = load_runs(mlruns, of_sweep.id if of_sweep else None)
    if runs.empty:
        raise UserError(f"There are no runs in '{mlruns}' yet: `convsweep train` makes one.")
    varied = differing(runs)
    say(f"sweep {of_sweep.id}" if of_sweep else f"all runs of '{mlruns}'")
    console.print(_table(runs, varied))
    if of_sweep and len(runs) < len(of_sweep.jobs):
        say(f"{len(of_sweep.jobs) - len(runs)} of {len(of_sweep.jobs)} jobs have not begun.")
    say(_conclusion(runs, mlruns))
    if csv is not None:
        with writing(csv):
            csv.parent.mkdir(parents=True, exist_ok=True)
            runs.to_csv(csv, index=False)
        say(f"Table: {csv}")
    if png is not None:
        from convsweep.pictures.comparisons import comparison

        with writing(png):
            png.parent.mkdir(parents=True, exist_ok=True)
            comparison(runs, varied).savefig(png, dpi=110)
        say(f"Picture: {png}")


def _table(runs: "pd.DataFrame", varied: list[str]) -> "Table":
    import re

    from rich.table import Table
    from rich.text import Text

    from convsweep.compare.runs import METRICS

    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
    for name in ("", *varied, *METRICS, "seconds", "outcome"):
        # two lines a heading let the table fit into 80 columns
        heading = re.sub(r"[/_.]", "\n", name, count=1)
        table.add_column(Text(heading), justify="left" if name == "outcome" else "right", no_wrap=True)
    for position, run in enumerate(runs.to_dict("records"), start=1):
        figures = [_number(run[name], "{:.4f}") for name in METRICS]
        values = [_number(run[name], "{:g}") for name in varied]
        cells = [str(position), *values, *figures, _number(run["seconds"], "{:.1f}"), run["outcome"]]
        table.add_row(*map(Text, cells))
    return table


def _number(value: object, form: str) -> str:
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return ""
    return form.format(value) if isinstance(value, float | int) else str(value)


def _conclusion(runs: "pd.DataFrame", mlruns: Path) -> str:
    best = runs.iloc[0]
    if best["outcome"] != "finished":
        return "No run has finished."
    return (
        f"Best on valid: {best['name']} (test accuracy {best['test/accuracy']:.4f}, reported, not chosen by).\n"
        f"Its record and figures: {mlruns / 'runs' / best['run_key']}"
    )
