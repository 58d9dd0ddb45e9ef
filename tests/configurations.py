"""Configurations made by hand, without Hydra: the defaults, and jobs that train in the blink of an eye."""

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from convsweep.config import RunConfig, validate
from convsweep.records.identity import run_key
from convsweep.records.sweep import Sweep, SweepJob, new_id
from convsweep.runs.stack import Job

DEFAULTS = {  # an integration test holds them equal to those of conf/
    "model": {"num_filters": 8, "init_scale": 1.0, "padding": "valid", "undivided": []},
    "train": {
        "learning_rate": 0.005,
        "epochs": 10,
        "seed": 0,
        "shuffle": False,
        "order_seed": 0,
        "dtype": "float32",
        "gradient": "exact",
        "ties": "all",
        "frozen": [],
        "window": 500,
    },
    "data": {"name": "mnist_5k", "num_train": 4200, "num_valid": 400, "num_test": 400, "pixels": "centred"},
    "tracking": {"enabled": True, "experiment": "convsweep"},
    "mlruns": "mlruns",
    "rerun": False,
}

MNIST: dict[str, object] = {
    "name": "mnist",
    "dir": None,
    "mirrors": [],
    "num_train": 5000,
    "num_valid": 1000,
    "num_test": 400,
    "pixels": "centred",
}

SMALL = {  # trains in some 20 ms
    "model.num_filters": 2,
    "train.learning_rate": 0.02,
    "train.epochs": 3,
    "train.window": 25,
    "data.num_train": 60,
    "data.num_valid": 10,
    "data.num_test": 10,
}


def values_with(changes: Mapping[str, object]) -> dict[str, Any]:
    """Return the default values in their sections, those under the given dotted keys changed or added."""
    values: dict[str, Any] = copy.deepcopy(DEFAULTS)
    for key, value in changes.items():
        *sections, name = key.split(".")
        place = values
        for section in sections:
            place = place[section]
        place[name] = copy.deepcopy(value)
    return values


def make_config(changes: Mapping[str, object] | None = None) -> RunConfig:
    """Return the default configuration with some values changed, given by their dotted keys."""
    return validate(values_with(changes or {}))


def small_job(mlruns: Path, number: int = 0, changes: Mapping[str, object] | None = None) -> Job:
    """Return a job of three epochs of 60 images."""
    config = make_config({**SMALL, "mlruns": str(mlruns), **(changes or {})})
    return Job(number, config, run_key(config), "2026-01-01_00-00-00.000000")


def small_sweep(jobs: Sequence[Job], sweep_id: str | None = None, **changes: Any) -> Sweep:
    """Return the record of a sweep of these jobs, with some of its fields changed."""
    sweep = Sweep(
        id=sweep_id or new_id(),
        multirun=True,
        command=("-m", "train.seed=0,1"),
        axes=("train.seed",),
        experiment="convsweep",
        folder="folder",
        rerun=False,
        created=1.0,
        user="somebody",
        host="here",
        git_commit=None,
        state="running",
        ended=None,
        jobs=tuple(SweepJob(number, f"seed={job.number}", job.run_key, 180) for number, job in enumerate(jobs)),
    )
    return sweep._replace(**changes)
