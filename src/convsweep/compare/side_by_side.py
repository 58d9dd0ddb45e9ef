"""Two or more subjects beside each other: what differs between them, and whether one does better.

Each is compared with the first: seed by seed if they share two seeds or more, else image by image, one run of each.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from convsweep.compare.comparison import answers
from convsweep.compare.lookup import Subject
from convsweep.compare.runs import SEEDS, Run
from convsweep.compare.statistics.intervals import Interval, student_interval
from convsweep.compare.statistics.paired import mcnemar_p, paired_t_p
from convsweep.naming import as_text, column
from convsweep.nn.training import Split
from convsweep.records.journal import Result
from convsweep.records.mixtures import commit_name
from convsweep.records.predictions import SPLITS
from convsweep.records.provenance import ENVIRONMENT, difference_of_commits, read_changes
from convsweep.records.sweep import read_sweep, sweep_directory

Metric = Literal["valid_accuracy", "test_accuracy", "valid_loss", "test_loss"]
METRICS: tuple[Metric, ...] = ("valid_accuracy", "test_accuracy", "valid_loss", "test_loss")


class Facts(NamedTuple):
    """Something that differs, with each subject's side of it."""

    name: str
    sides: tuple[str, ...]


class MeanDifference(NamedTuple):
    """By how much a subject's mean of a metric exceeds that of the first one."""

    metric: Metric
    difference: float  # over the seeds in common
    interval: Interval
    p: float  # of the paired t test
    num_seeds: int  # in common


class Disagreement(NamedTuple):
    """The images of a split that only one of two runs gets right."""

    split: Split
    only_first: tuple[int, ...]  # places in the split, from 0
    only_second: tuple[int, ...]
    p: float  # McNemar's, that both are equally accurate


def differing_values(subjects: Sequence[Subject]) -> list[Facts]:
    """Return the configuration values in which subjects differ, seeds apart."""
    values = [subject.runs[0].values for subject in subjects]
    keys = dict.fromkeys(key for one in values for key in one if key not in SEEDS)
    sides = {key: tuple(as_text(one[key]) if key in one else "-" for one in values) for key in keys}
    return [Facts(column(key), of_key) for key, of_key in sides.items() if len(set(of_key)) > 1]


def differing_origins(mlruns: Path, subjects: Sequence[Subject]) -> list[Facts]:
    """Return in what else subjects differ: seeds, code, data, packages, machine."""
    found = [_origin(mlruns, subject) for subject in subjects]
    names = dict.fromkeys(name for one in found for name in one)
    sides = {name: tuple(one.get(name, "-") for one in found) for name in names}
    return [Facts(name, of_name) for name, of_name in sides.items() if len(set(of_name)) > 1]


def code_between(mlruns: Path, first: Subject, second: Subject) -> str:
    """Say what changed between the commits that trained two subjects, if they differ and git has both."""
    commits = [_commit(mlruns, one.runs[0].result) for one in (first, second)]
    if commits[0] is None or commits[1] is None or commits[0] == commits[1]:
        return ""
    found = difference_of_commits(commits[0], commits[1])
    return "" if found is None else f"`git diff {commits[0][:12]} {commits[1][:12]}`: {found or 'nothing changed'}."


def mean(subject: Subject, metric: Metric) -> float:
    """Return a metric's mean over a subject's runs."""
    return float(np.mean([getattr(run, metric) for run in subject.runs]))


def mean_differences(first: Subject, second: Subject) -> list[MeanDifference]:
    """Return by how much the second exceeds the first, for each metric; nothing unless they share two seeds.

    Both must be judged on the same images.
    """
    ours, theirs = ({run.seeds: run for run in subject.runs} for subject in (first, second))
    shared = sorted(ours.keys() & theirs.keys())
    num_images = {"valid": first.runs[0].values["data.num_valid"], "test": first.runs[0].values["data.num_test"]}
    found = []
    for metric in METRICS if len(shared) >= 2 else ():
        differences = [getattr(theirs[seeds], metric) - getattr(ours[seeds], metric) for seeds in shared]
        split, _, kind = metric.partition("_")
        step = 1 / int(str(num_images[split])) if kind == "accuracy" else 0.0
        interval = student_interval(differences, step=np.sqrt(2) * step)
        p = paired_t_p(differences, step=step)
        found.append(MeanDifference(metric, float(np.mean(differences)), interval, p, len(shared)))
    return found


def disagreements(first: Run, second: Run) -> list[Disagreement]:
    """Return the images that only one of two runs gets right.

    Raises:
        DamagedError: A run's predictions are missing or damaged.
    """
    found = []
    for split in SPLITS:
        ours, theirs = answers(first, split), answers(second, split)
        only_first, only_second = _places(ours & ~theirs), _places(theirs & ~ours)
        found.append(Disagreement(split, only_first, only_second, mcnemar_p(len(only_first), len(only_second))))
    return found


def comparable_runs(first: Subject, second: Subject) -> tuple[Run, Run]:
    """Return a run of each: with the same seed if they share one."""
    theirs = {run.seeds: run for run in second.runs}
    shared = [run for run in first.runs if run.seeds in theirs]
    return (shared[0], theirs[shared[0].seeds]) if shared else (first.runs[0], second.runs[0])


def _seeds(run: Run) -> str:
    seed, order_seed = run.seeds
    return f"{seed}, order {order_seed}" if run.values["train.shuffle"] else str(seed)


def _places(chosen: npt.NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(np.flatnonzero(chosen).tolist())


def _commit(mlruns: Path, result: Result | None) -> str | None:
    """Return the commit that trained a run, the last one of several."""
    if result is None:
        return None
    if result.attempts and result.attempts[-1].commit is not None:
        return result.attempts[-1].commit
    sweep = read_sweep(mlruns, result.sweep)
    return sweep.git_commit if sweep is not None else None


def _code(result: Result) -> str:
    """Return the states of the code that trained a run; empty if its record doesn't say."""
    names = (commit_name(attempt.commit, attempt.diff) for attempt in result.attempts)
    return ", ".join(dict.fromkeys(filter(None, names)))


def _origin(mlruns: Path, subject: Subject) -> dict[str, str]:
    """Return where a subject's results come from, as text by what it is."""
    run = subject.runs[0]
    assert run.result is not None
    known = {
        "seeds": ", ".join(_seeds(run) for run in subject.runs),
        "data": run.result.data_digest[:12],
        "code": run.result.code_digest[:12],
        "machine": run.result.host,
    }
    sweep = read_sweep(mlruns, run.result.sweep)
    if sweep is None:
        return known
    directory = sweep_directory(mlruns, sweep.id)
    changed = " with changes" if read_changes(directory).are_there else ""
    known["commit"] = _code(run.result) or (sweep.git_commit or "none")[:12] + changed
    try:
        environment = json.loads((directory / ENVIRONMENT).read_text())
    except (OSError, ValueError):
        return known
    packages = environment.get("packages", {})
    of_machine = {name: environment[name] for name in ("python", "cpu", "blas") if name in environment}
    return known | {name: str(version) for name, version in (of_machine | packages).items()}
