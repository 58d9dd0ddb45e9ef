"""What a launch is going to do, job by job, found by reading the records; and how long it may take."""

import os
import socket
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from convsweep.config import RunConfig
from convsweep.errors import UserError
from convsweep.naming import decisive
from convsweep.records.files import DamagedError, modified
from convsweep.records.identity import code_digest
from convsweep.records.journal import Result, read_config, read_record, read_result, run_directory
from convsweep.records.mixtures import mixture
from convsweep.records.sweep import Sweep
from convsweep.runs.memory import fit_at_once, num_parameters, number_size
from convsweep.runs.partition import divide_into_stacks, training_cost
from convsweep.runs.stack import Job, missing_files

Action = Literal["train", "go on", "complete", "finished"]
IN_WORDS: dict[Action, str] = {
    "train": "to train",
    "go on": "to go on with",
    "complete": "to make files of again",
    "finished": "finished before",
}

PAST_RUNS = 40  # finished runs, the newest, that an estimate is made from
START_UP = 1.5  # seconds until the first process trains


class JobPlan(NamedTuple):
    """What is to be done about one job."""

    job: Job
    action: Action  # "complete": it is trained, only figures or predictions are missing
    epoch: int  # to go on after; 0 if nothing was trained yet
    result: Result | None  # of a finished run
    damage: tuple[str, ...]  # what can't be trusted of its record


class Room(NamedTuple):
    """Where stacks are going to train, and how many of them at a time, as far as that is known."""

    here: bool  # in processes of this machine; False: on a cluster
    shares: int | None  # into how many parts jobs are divided, at least, to keep all of it busy; None: not known
    at_once: int | None  # how many stacks train at a time, at most; None: not known


class Estimate(NamedTuple):
    """How much a plan may cost, going by finished runs: those of this machine, or on a cluster those of any."""

    work: float  # seconds that it takes one stack after the other
    seconds: float | None  # that it takes with as many at a time as there is room for; None: not known
    bytes: float  # on disk


class Plan(NamedTuple):
    """What is to be done about all jobs."""

    jobs: tuple[JobPlan, ...]
    stacks: tuple[tuple[int, ...], ...] | None  # places in ``jobs`` of the unfinished, longest first; None: not known
    room: Room  # for these stacks: no more at a time than there are, or than this machine's memory holds

    @property
    def unfinished(self) -> list[JobPlan]:
        """The jobs that there is something to do about."""
        return [planned for planned in self.jobs if planned.action != "finished"]

    def count(self, action: Action) -> int:
        """Return how many jobs have this to be done."""
        return sum(planned.action == action for planned in self.jobs)

    @property
    def mixture(self) -> str:
        """Say in a line what finished runs were not made alike with; empty if they were."""
        return mixture(planned.result for planned in self.jobs)

    @property
    def counts(self) -> str:
        """How many jobs have what to be done, in words: ``2 to train, 4 finished before``."""
        counts = ((self.count(action), words) for action, words in IN_WORDS.items())
        return ", ".join(f"{count} {words}" for count, words in counts if count)


def room_here(processes: int) -> Room:
    """Return the room for stacks in processes of this machine."""
    return Room(here=True, shares=processes, at_once=processes)


def make_plan(jobs: Sequence[Job], room: Room, *, anew: bool = False) -> Plan:
    """Find out what is to be done.

    Args:
        jobs: All jobs.
        room: Where they are going to train.
        anew: Train what is finished, too.
    """
    by_key: dict[str, JobPlan] = {}
    for job in jobs:
        if job.run_key not in by_key:
            by_key[job.run_key] = JobPlan(job, "train", 0, None, ()) if anew else _plan_job(job)
    plans = tuple(by_key[job.run_key]._replace(job=job) for job in jobs)
    places = [place for place, planned in enumerate(plans) if planned.action != "finished"]
    if places and room.shares is None:
        return Plan(plans, None, room)
    stacks = divide_into_stacks([plans[place].job.config for place in places], room.shares or 1) if places else []
    chosen = tuple(tuple(places[number] for number in stack) for stack in stacks)
    at_once = room.at_once
    if at_once is not None:
        at_once = max(min(at_once, len(chosen)), 1)
        if room.here:
            at_once = fit_at_once([[plans[place].job.config for place in stack] for stack in chosen], at_once)
    return Plan(plans, chosen, room._replace(at_once=at_once))


def estimate(plan: Plan, mlruns: Path) -> Estimate | None:
    """Return what a plan may cost, or None if nothing was finished yet that it could be told by."""
    rates, overheads = [], []
    for directory, result in _past_results(mlruns, here=plan.room.here):
        try:
            config = read_config(directory)
            size = sum(Path(folder, name).stat().st_size for folder, _, names in os.walk(directory) for name in names)
        except (UserError, OSError):
            continue  # another command is just replacing or completing it
        rates.append(result.seconds / training_cost(config))
        overheads.append(size - _checkpoint_bytes(config) * _num_checkpoints(config, result.epoch + 1))
    if not rates:
        return None
    rate = statistics.median(rates)
    work = rate * sum(map(_cost, plan.unfinished))
    seconds = None
    if plan.stacks is not None and plan.room.at_once is not None:
        longest = max((sum(_cost(plan.jobs[place]) for place in stack) for stack in plan.stacks), default=0)
        seconds = max(work / plan.room.at_once, rate * longest) + START_UP
    configs = [planned.job.config for planned in plan.unfinished]
    checkpoints = sum(
        _checkpoint_bytes(planned.job.config)
        * _num_checkpoints(planned.job.config, planned.job.config.train.epochs + 1 - planned.epoch)
        for planned in plan.unfinished
    )
    return Estimate(work, seconds, checkpoints + statistics.median(overheads) * len(configs))


def changes(job: Job, mlruns: Path, earlier: Sweep | None) -> list[str]:
    """Say in what a job that isn't finished differs from the one that the same command ran before.

    Args:
        job: The job.
        mlruns: Where the records are.
        earlier: The last sweep of the same command, if there is one.

    Returns:
        Values with what they were, or ``data`` or ``code``; nothing if the job is the same or new.
    """
    keys = {} if earlier is None else {of_earlier.number: of_earlier.run_key for of_earlier in earlier.jobs}
    key = keys.get(job.number, job.run_key)
    if key == job.run_key:
        return []
    directory = run_directory(mlruns, key)
    try:
        before, result = decisive(read_config(directory)), read_result(directory)
    except (UserError, DamagedError):
        return []
    now = decisive(job.config)
    values = [f"{name} was {before.get(name)}" for name, value in now.items() if before.get(name) != value]
    if values:
        return values
    return ["code"] if result is not None and result.code_digest != code_digest() else ["data"]


def _plan_job(job: Job) -> JobPlan:
    record = read_record(job.directory)
    if record.result is not None:
        missing = missing_files(record)
        if not missing:
            return JobPlan(job, "finished", record.result.epoch, record.result, record.damage)
        sentence = f"'{record.directory}' lacks {', '.join(missing)}: to be made again."
        return JobPlan(job, "complete", record.result.epoch, None, (sentence,))
    action: Action = "train" if record.last_epoch is None else "go on"
    return JobPlan(job, action, record.last_epoch or 0, None, record.damage)


def _past_results(mlruns: Path, *, here: bool) -> Iterable[tuple[Path, Result]]:
    """Yield the newest finished runs: this machine's only, or any's."""
    paths = sorted(mlruns.glob("runs/*/result.json"), key=modified, reverse=True)
    for path in paths[:PAST_RUNS]:
        try:
            result = read_result(path.parent)
        except (UserError, DamagedError):
            continue
        if result is None or result.outcome != "finished" or (here and result.host != socket.gethostname()):
            continue
        yield path.parent, result


def _cost(planned: JobPlan) -> float:
    if planned.action == "complete":
        return 0.0
    epochs = planned.job.config.train.epochs
    return training_cost(planned.job.config) * (epochs - planned.epoch) / epochs


def _num_checkpoints(config: RunConfig, written: int) -> int:
    """Return how many of a run's checkpoints stay, given how many are written."""
    return min(written, 1) if config.checkpoints == "last" else written


def _checkpoint_bytes(config: RunConfig) -> int:
    """Return about how many bytes one of a run's checkpoints has."""
    return num_parameters(config) * number_size(config) + 2000
