"""How far a sweep has come, found by reading its records while others write them, here or on another machine."""

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from convsweep.errors import UserError
from convsweep.nn.training import EpochEnd, Evaluation, Window
from convsweep.records.files import DamagedError, modified
from convsweep.records.journal import EVENTS, Failure, Result, read_failure, read_result, run_directory
from convsweep.records.locks import is_held, run_lock
from convsweep.records.sweep import FILE, Sweep, SweepJob, sweep_directory
from convsweep.records.tail import Tail

QUIET = 60.0  # seconds without a line in any record until it is asked whether anybody is at a sweep


class JobEnd(NamedTuple):
    """A job is over: with a result, or a failure."""

    job: SweepJob
    result: Result | None
    failure: Failure | None


class JobProgress:
    """How far one job has come.

    Attributes:
        job: The job.
        step: Training images seen so far.
        epoch: The epoch under way.
        loss: Of the last window, in nats; None before it.
        valid_accuracy: Of the last evaluation; None before it.
        end: How it ended; None as long as it hasn't.
    """

    def __init__(self, mlruns: Path, job: SweepJob, *, anew: bool = False) -> None:
        self.job = job
        self.step = self.epoch = 0
        self.loss: float | None = None
        self.valid_accuracy: float | None = None
        self.end: JobEnd | None = None
        self.has_begun = False
        self._mlruns, self._anew = mlruns, anew
        self._place = run_directory(mlruns, job.run_key)  # that a run which is trained anew takes with its result
        self._tail = Tail(self._directory / EVENTS)

    @property
    def _directory(self) -> Path:
        return run_directory(self._mlruns, self.job.run_key, anew=self._anew)

    def poll(self) -> None:
        """Take up what was written since the last call."""
        for entry in self._tail.poll():
            self.has_begun = True
            match entry.event:
                case Window(epoch=epoch, step=step, loss=loss):
                    self.epoch, self.step, self.loss = epoch, step, loss
                case Evaluation(split="valid", accuracy=accuracy):
                    self.valid_accuracy = accuracy
                case EpochEnd(step=step):
                    self.step = step
        try:
            result = read_result(self._directory) if self._directory == self._place else None
        except DamagedError:
            result = None  # whoever goes on with the run will replace it
        failure = read_failure(self._directory) if result is None else None
        if result is not None or failure is not None:
            self.end = JobEnd(self.job, result, failure)


class Watch:
    """A sweep, watched.

    Args:
        mlruns: Where the records are.
        sweep: The sweep.
        jobs: The jobs to be watched.
    """

    def __init__(self, mlruns: Path, sweep: Sweep, jobs: Sequence[SweepJob]) -> None:
        self.jobs = [JobProgress(mlruns, job, anew=sweep.trains_anew) for job in jobs]

    def poll(self) -> list[JobEnd]:
        """Read on; return the jobs that have ended since the last call. What can't be read is left to the next call."""
        ended: list[JobEnd] = []
        for progress in self.jobs:
            if progress.end is None:
                with suppress(OSError, UserError):  # a stale handle of a shared disk, a loop of links
                    progress.poll()
                if progress.end is not None:
                    ended.append(progress.end)
        return ended

    @property
    def best(self) -> JobProgress | None:
        """The job with the best accuracy on ``valid`` so far, of those that didn't diverge or fail."""
        evaluated = [
            progress
            for progress in self.jobs
            if progress.valid_accuracy is not None
            and (progress.end is None or (progress.end.result and progress.end.result.outcome == "finished"))
        ]
        return max(evaluated, key=lambda progress: progress.valid_accuracy or 0, default=None)


class Rest:
    """Finds out whether a sweep that was left to a cluster is at rest: its tasks wait in a queue, or have died.

    Which of the two it is only the cluster knows. Hosts' clocks may differ, so times in the records are shown, and
    compared with each other only.

    Args:
        mlruns: Where the records are.
        sweep: The sweep.
    """

    def __init__(self, mlruns: Path, sweep: Sweep) -> None:
        keys = [job.run_key for job in sweep.jobs]
        self._events = [run_directory(mlruns, key, anew=sweep.trains_anew) / EVENTS for key in keys]
        self._locks = [run_lock(mlruns, key) for key in keys]
        self._record = sweep_directory(mlruns, sweep.id) / FILE
        self._looked, self._written = time.monotonic(), self._last_written()
        self._noticed = False

    def look(self) -> float | None:
        """Return since when a sweep is at rest, in seconds since 1970, as soon as that is noticed; None otherwise."""
        now = time.monotonic()
        if now < self._looked + QUIET:
            return None
        before, self._looked, self._written = self._written, now, self._last_written()
        if self._written != before:
            self._noticed = False
        elif not self._noticed and not any(map(_may_be_held, self._locks)):
            self._noticed = True
            return self._written
        return None

    def _last_written(self) -> float:
        return max(map(modified, [self._record, *self._events]))


def _may_be_held(lock: Path) -> bool:
    """Tell whether a process is at a run's record, or that can't be found out."""
    try:
        return lock.exists() and is_held(lock)
    except OSError:
        return True


def summary(end: JobEnd, sweep: Sweep) -> str:
    """Say in one line how a job ended."""
    result = end.result
    if result is None:
        assert end.failure is not None
        return f"{end.job.name}: failed: {end.failure.text}"
    if result.outcome == "diverged":
        outcome = f"diverged in epoch {result.epoch}, at step {result.step:,}"
    else:
        outcome = f"valid accuracy {result.valid_accuracy:.2%}, test accuracy {result.test_accuracy:.2%}"
    time_spent = f"{result.seconds:.1f} s" if result.sweep == sweep.id else f"trained by {result.sweep}"
    return f"{end.job.name}: {outcome} ({time_spent})"
