"""Compare runs: one table of what differs and how it did, best on ``valid`` first; ``test`` is only reported."""

import re
from pathlib import Path

import pandas as pd
from rich.table import Table

from convsweep.errors import UserError
from convsweep.pictures import plots
from convsweep.records.journal import writing
from convsweep.terminal import console
from convsweep.tracking.names import CONFIG_TAG, HYPERPARAMETERS
from convsweep.tracking.run import OUTCOME_TAG, RUN_KEY_TAG
from convsweep.tracking.store import Store, open_existing, search
from convsweep.tracking.sweep import ROLE_TAG, jobs_of, last_sweep_id

METRICS = ("valid/accuracy", "valid/loss", "test/accuracy", "test/loss")


def compare_runs(
    mlruns: Path, experiment: str, *, sweep: str | None, all_runs: bool, csv: Path | None, png: Path | None
) -> None:
    """Print the table of a sweep's runs (or of all), and write it as CSV and picture if asked for.

    Raises:
        UserError: There is nothing to compare.
    """
    store = open_existing(mlruns, experiment)
    sweep_id = None if all_runs else sweep or last_sweep_id(store)
    if sweep_id is None and not all_runs:
        raise UserError("There is no sweep yet: `convsweep train -m ...` runs one; --all compares single runs.")
    runs = load_runs(store, sweep_id)
    if runs.empty:
        raise UserError(
            f"There are no runs of sweep '{sweep_id}' in '{store.uri}'." if sweep_id else "There are no runs."
        )
    varied = differing(runs)
    console.print(_table(runs, varied, f"sweep {sweep_id}" if sweep_id else f"all runs of '{experiment}'"))
    console.print(_conclusion(runs, mlruns), soft_wrap=True)
    if csv is not None:
        with writing(csv):
            csv.parent.mkdir(parents=True, exist_ok=True)
            runs.to_csv(csv, index=False)
        console.print(f"Table: {csv}", soft_wrap=True)
    if png is not None:
        with writing(png):
            png.parent.mkdir(parents=True, exist_ok=True)
            plots.comparison(runs, varied).savefig(png, dpi=110)
        console.print(f"Picture: {png}", soft_wrap=True)


def load_runs(store: Store, sweep_id: str | None = None) -> pd.DataFrame:
    """Return one row a run, best accuracy on ``valid`` first; runs that came to no end, or diverged, last.

    Args:
        store: Where the runs are.
        sweep_id: Whose jobs to return; all runs if left out.

    Returns:
        Columns: name, run_id, run_key, outcome, the hyperparameters, other configuration values (``config.`` left
        out of their names), the four metrics and the seconds of training.
    """
    rows = []
    for run in search(store, jobs_of(sweep_id) if sweep_id else f"tags.`{ROLE_TAG}` = 'run'"):
        tags, metrics = run.data.tags, run.data.metrics
        hyperparameters = {name: run.data.params.get(name) for name in HYPERPARAMETERS.values()}
        others = {key.removeprefix(CONFIG_TAG): text for key, text in tags.items() if key.startswith(CONFIG_TAG)}
        rows.append(
            {
                "name": run.info.run_name,
                "run_id": run.info.run_id,
                "run_key": tags.get(RUN_KEY_TAG, ""),
                "outcome": tags.get(OUTCOME_TAG, run.info.status.lower()),
                **hyperparameters,
                **others,
                **{metric: metrics.get(metric) for metric in (*METRICS, "seconds")},
            }
        )
    runs = pd.DataFrame(rows)
    if runs.empty:
        return runs
    for name in HYPERPARAMETERS.values():
        runs[name] = pd.to_numeric(runs[name])
    runs["unfinished"] = runs["outcome"] != "finished"
    runs = runs.sort_values(
        ["unfinished", "valid/accuracy", "valid/loss"], ascending=[True, False, True], kind="stable"
    )
    return runs.drop(columns="unfinished").reset_index(drop=True)


def differing(runs: pd.DataFrame) -> list[str]:
    """Return the columns of configuration in which the runs differ."""
    fixed = {"name", "run_id", "run_key", "outcome", *METRICS, "seconds"}
    return [name for name in runs.columns if name not in fixed and len(runs[name].unique()) > 1]


def _table(runs: pd.DataFrame, varied: list[str], title: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, header_style="bold", padding=(0, 1, 0, 0))
    for name in ("", *varied, *METRICS, "seconds", "outcome"):
        # two lines a heading let the table fit into 80 columns
        heading = re.sub(r"[/_.]", "\n", name, count=1)
        table.add_column(heading, justify="left" if name == "outcome" else "right", no_wrap=True)
    for position, run in enumerate(runs.to_dict("records"), start=1):
        figures = [_number(run[name], "{:.4f}") for name in METRICS]
        values = [_number(run[name], "{:g}") for name in varied]
        table.add_row(str(position), *values, *figures, _number(run["seconds"], "{:.1f}"), run["outcome"])
    return table


def _number(value: object, form: str) -> str:
    if isinstance(value, float | int):
        return "" if pd.isna(value) else form.format(value)
    return str(value)


def _conclusion(runs: pd.DataFrame, mlruns: Path) -> str:
    best = runs.iloc[0]
    if best["outcome"] != "finished":
        return "No run has finished."
    return (
        f"Best on valid: {best['name']} (test accuracy {best['test/accuracy']:.4f}, reported, not chosen by).\n"
        f"Its record and figures: {mlruns / 'runs' / best['run_key']}"
    )
