"""The runs of a sweep as one table, read from their records: what differs, and how each did."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from convsweep.errors import UserError
from convsweep.naming import HYPERPARAMETERS, hyperparameters, other_values, run_name
from convsweep.nn.training import Evaluation
from convsweep.records.journal import Record, read_config, read_failure, read_record, run_directory
from convsweep.records.sweep import Sweep, find_sweep, is_live

METRICS = ("valid/accuracy", "valid/loss", "test/accuracy", "test/loss")
NOT_CONFIGURATION = {"name", "run_key", "outcome", *METRICS, "seconds"}


class _Member(NamedTuple):
    name: str | None  # None: to be named by its configuration
    run_key: str
    live: bool  # whether its launch is at work


def load_runs(mlruns: Path, sweep_id: str | None = None) -> pd.DataFrame:
    """Return one row a run, best accuracy on ``valid`` first; runs that came to no end, or diverged, last.

    Args:
        mlruns: Where the records are.
        sweep_id: Whose jobs to return; every run that there is, if left out.

    Returns:
        Columns: name, run_key, outcome (finished, diverged, failed, running, killed), the hyperparameters, other
        configuration values, the four metrics and the seconds of training. Jobs that haven't begun have no row.

    Raises:
        UserError: There is no such sweep, or a record can't be read.
    """
    members = _all_runs(mlruns) if sweep_id is None else _jobs(mlruns, find_sweep(mlruns, sweep_id))
    rows = [row for member in members if (row := _row(mlruns, member)) is not None]
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
    return [name for name in runs.columns if name not in NOT_CONFIGURATION and len(runs[name].unique()) > 1]


def _jobs(mlruns: Path, sweep: Sweep) -> Iterable[_Member]:
    live = is_live(mlruns, sweep.id)
    return [_Member(job.name, job.run_key, live) for job in sweep.jobs]


def _all_runs(mlruns: Path) -> Iterable[_Member]:
    return [_Member(None, path.parent.name, live=False) for path in sorted(mlruns.glob("runs/*/config.yaml"))]


def _row(mlruns: Path, member: _Member) -> dict[str, object] | None:
    record = read_record(run_directory(mlruns, member.run_key))
    try:
        config = read_config(record.directory)
    except UserError:
        return None  # not begun
    return {
        "name": member.name or run_name(config, tuple(HYPERPARAMETERS)),
        "run_key": member.run_key,
        "outcome": _outcome(record, live=member.live),
        **hyperparameters(config),
        **other_values(config),
        **_metrics(record),
        "seconds": None if record.result is None else record.result.seconds,
    }


def _outcome(record: Record, *, live: bool) -> str:
    if record.result is not None:
        return record.result.outcome
    if record.damage:
        return "damaged"
    if read_failure(record.directory) is not None:
        return "failed"
    return "running" if live else "killed"


def _metrics(record: Record) -> dict[str, float | None]:
    """Return the last of every metric."""
    metrics: dict[str, float | None] = dict.fromkeys(METRICS)
    for event in record.events:
        if isinstance(event, Evaluation):
            metrics |= {f"{event.split}/accuracy": event.accuracy, f"{event.split}/loss": event.loss}
    return metrics
