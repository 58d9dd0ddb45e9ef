"""How far a sweep has come, found by reading its records while others write them, here or on another machine."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from convsweep.nn.training import EpochEnd, Evaluation, Window
from convsweep.records.files import DamagedError
from convsweep.records.journal import EVENTS, Failure, Result, read_failure, read_result, run_directory
from convsweep.records.sweep import Sweep, SweepJob
from convsweep.records.tail import Tail


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

    def __init__(self, mlruns: Path, job: SweepJob) -> None:
        self.job = job
        self.step = self.epoch = 0
        self.loss: float | None = None
        self.valid_accuracy: float | None = None
        self.end: JobEnd | None = None
        self.has_begun = False
        self._directory = run_directory(mlruns, job.run_key)
        self._tail = Tail(self._directory / EVENTS)

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
            result = read_result(self._directory)
        except DamagedError:
            result = None  # whoever goes on with the run will replace it
        failure = read_failure(self._directory) if result is None else None
        if result is not None or failure is not None:
            self.end = JobEnd(self.job, result, failure)


class Watch:
    """A sweep, watched.

    Args:
        mlruns: Where the records are.
        jobs: The jobs to be watched.
    """

    def __init__(self, mlruns: Path, jobs: Sequence[SweepJob]) -> None:
        self.jobs = [JobProgress(mlruns, job) for job in jobs]

    def poll(self) -> list[JobEnd]:
        """Read on; return the jobs that have ended since the last call."""
        ended: list[JobEnd] = []
        for progress in self.jobs:
            if progress.end is None:
                progress.poll()
                if progress.end is not None:
                    ended.append(progress.end)
        return ended

    @property
    def best(self) -> JobProgress | None:
        """The job with the best accuracy on ``valid`` so far."""
        evaluated = [progress for progress in self.jobs if progress.valid_accuracy is not None]
        return max(evaluated, key=lambda progress: progress.valid_accuracy or 0, default=None)


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
