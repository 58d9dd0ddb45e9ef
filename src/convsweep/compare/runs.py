"""The runs of a sweep, read from their records: how each is configured, and how it did."""

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, cast

from convsweep.data import held_out
from convsweep.errors import UserError
from convsweep.naming import HYPERPARAMETERS, decisive, run_name
from convsweep.nn.training import Evaluation
from convsweep.records.files import DamagedError
from convsweep.records.journal import (
    CONFIG,
    EVENTS,
    Result,
    read_config,
    read_failure,
    read_record,
    read_result,
    run_directory,
)
from convsweep.records.sweep import Sweep, is_under_way

Outcome = Literal["finished", "diverged", "failed", "running", "killed", "damaged"]

SEEDS = ("train.seed", "train.order_seed")  # runs that differ in these only repeat each other


class Run(NamedTuple):
    """A run, as comparisons see it."""

    name: str
    run_key: str
    directory: Path
    outcome: Outcome
    values: Mapping[str, object]  # every value that decides the result, by its dotted key
    held_out: str  # which images it was judged on
    valid_accuracy: float | None  # 0..1, the last one; None: there is none yet
    valid_loss: float | None  # nats
    test_accuracy: float | None
    test_loss: float | None
    result: Result | None  # None: it came to no end, or its record is damaged

    @property
    def seeds(self) -> tuple[int, ...]:
        """What tells it from other runs of its configuration: a seed of the order counts if there is one."""
        seed, order_seed = (cast(int, self.values[key]) for key in SEEDS)
        return (seed, order_seed) if self.values["train.shuffle"] else (seed, 0)


def load_runs(mlruns: Path, sweep: Sweep | None = None) -> list[Run]:
    """Return the runs, each once, best accuracy on ``valid`` first; those that came to no end, or diverged, last.

    Args:
        mlruns: Where the records are.
        sweep: Whose jobs to return, but for those that haven't begun; every run that there is, if left out.

    Raises:
        UserError: A record can't be read.
    """
    if sweep is not None:
        live = is_under_way(mlruns, sweep)
        names = {job.run_key: job.name for job in reversed(sweep.jobs)}  # two jobs may ask for the same run
        places = {key: run_directory(mlruns, key, anew=sweep.trains_anew) for key in reversed(names)}
        found = [load_run(place, names[key], live=live) for key, place in places.items()]
    else:
        found = [load_run(path.parent) for path in sorted(mlruns.glob("runs/*/config.yaml"))]
    return in_order(run for run in found if run is not None)


def load_run(directory: Path, name: str | None = None, *, live: bool = False) -> Run | None:
    """Return a run, or None if it hasn't begun.

    Args:
        directory: Its record.
        name: What it is called; None: to be named by its configuration.
        live: Whether a launch is at work on it.

    Raises:
        UserError: The record can't be read.
    """
    try:
        config = read_config(directory)
    except UserError:
        return None
    result: Result | None = None
    outcome: Outcome = "damaged"
    with contextlib.suppress(DamagedError):
        result = read_result(directory)
        outcome = result.outcome if result is not None else _state(directory, live=live)
    evaluations = {} if result is not None else _last_evaluations(directory)
    valid, test = evaluations.get("valid"), evaluations.get("test")
    return Run(
        name=name or run_name(config, tuple(HYPERPARAMETERS)),
        run_key=directory.name,
        directory=directory,
        outcome=outcome,
        values=decisive(config),
        held_out=held_out(config.data),
        valid_accuracy=result.valid_accuracy if result else valid and valid.accuracy,
        valid_loss=result.valid_loss if result else valid and valid.loss,
        test_accuracy=result.test_accuracy if result else test and test.accuracy,
        test_loss=result.test_loss if result else test and test.loss,
        result=result,
    )


def damaged_configurations(mlruns: Path, run_keys: Iterable[str]) -> list[Path]:
    """Return the configuration files that can't be read of runs that have begun: such runs are left out."""
    begun = [run_directory(mlruns, key) for key in run_keys]
    paths = [directory / CONFIG for directory in begun if (directory / EVENTS).exists()]
    damaged = []
    for path in paths:
        try:
            read_config(path.parent)
        except UserError:
            damaged.append(path)
    return damaged


def in_order(runs: Iterable[Run]) -> list[Run]:
    """Return runs with the best on ``valid`` first; those that came to no end, or diverged, last."""

    def rank(run: Run) -> tuple[bool, float, float]:
        return run.outcome != "finished", -(run.valid_accuracy or 0.0), run.valid_loss or 0.0

    return sorted(runs, key=rank)


def varied(runs: Sequence[Run], axes: Sequence[str] = ()) -> list[str]:
    """Return the configuration keys in which runs differ.

    Args:
        runs: The runs.
        axes: The keys that come first, in this order.
    """
    keys = list(dict.fromkeys(key for run in runs for key in run.values))
    differing = [key for key in keys if len({run.values.get(key) for run in runs}) > 1]
    first = [key for key in axes if key in differing]
    return first + [key for key in differing if key not in first]


def _state(directory: Path, *, live: bool) -> Outcome:
    """Say how a run stands that has no result."""
    if read_failure(directory) is not None:
        return "failed"
    return "running" if live else "killed"


def _last_evaluations(directory: Path) -> dict[str, Evaluation]:
    events = read_record(directory).events
    return {event.split: event for event in events if isinstance(event, Evaluation)}
