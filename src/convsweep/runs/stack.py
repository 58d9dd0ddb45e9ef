"""A stack of jobs, brought to their results: what a worker does.

A worker imports NumPy, the schema and the records, and pictures once training is over. It tells nobody anything:
whoever wants to know reads the records. It can be killed at any moment; then the epoch under way is lost.
"""

import socket
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

import filelock
from threadpoolctl import threadpool_limits

from convsweep.config import RunConfig
from convsweep.data import Dataset, load
from convsweep.errors import UserError
from convsweep.nn.training import Checkpoint, Diverged, EpochEnd, Event
from convsweep.pictures import FIGURES
from convsweep.records.anew import take_place
from convsweep.records.attempts import Code
from convsweep.records.files import DamagedError, size_of, writing
from convsweep.records.identity import code_digest
from convsweep.records.journal import Failure, Journal, Record, run_directory, write_failure
from convsweep.records.locks import run_lock
from convsweep.records.machine import cpu_name
from convsweep.records.predictions import PREDICTIONS, load_predictions, save_predictions, to_rows
from convsweep.runs.training import beginning, class_probabilities, train_together


class Job(NamedTuple):
    """A run to be brought to its result, as a member of a sweep."""

    number: int
    config: RunConfig
    run_key: str
    sweep: str  # the sweep's id
    anew: bool = False  # whether the sweep trains its runs anew
    code: Code = Code()  # of the launch: found out once, not by each worker

    @property
    def directory(self) -> Path:
        """The run's record: while it is trained anew, not the one that others see."""
        return run_directory(self.config.mlruns, self.run_key, anew=self.anew)


def run_stack(jobs: Sequence[Job]) -> dict[int, Failure]:
    """Train jobs side by side as one stack; each has its own record and fails alone.

    A run that another process is at is waited for, once all others are done.

    Args:
        jobs: Alike in all that decides whether they can share a stack; see ``plan``.

    Returns:
        Why jobs failed, by their numbers. What became of the others stands in their records.
    """
    runs = [_Run(job) for job in jobs]
    with threadpool_limits(1), ExitStack() as opened:  # one thread: the products are too small to share
        for run in runs:
            opened.callback(run.close)
        busy = [run for run in runs if not run.open(blocking=False)]
        _bring_to_results(runs)
        for run in busy:
            run.open(blocking=True)
            _bring_to_results([run])
    return {run.job.number: run.failure for run in runs if run.failure is not None}


class _Run:
    """One job's run, while this process is at it.

    Attributes:
        job: The job.
        seconds: Spent training what the record holds: this run's share of its stacks' time, over all attempts.
        failure: Why it failed, if it did.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.seconds = 0.0
        self.failure: Failure | None = None
        self._lock = filelock.FileLock(run_lock(job.config.mlruns, job.run_key))
        self._journal: Journal | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is something left to do for it."""
        return self._journal is not None

    @property
    def has_result(self) -> bool:
        """Whether it is trained: only figures or predictions may be missing."""
        return self._journal is not None and self._journal.record.result is not None

    @property
    def start(self) -> Checkpoint:
        """Where training starts, or goes on."""
        assert self._journal is not None
        return self._journal.record.checkpoint() or beginning(self.job.config)

    def open(self, *, blocking: bool) -> bool:
        """Open the record, unless the run is finished; return False if another process holds its lock."""
        try:
            with writing(self.job.directory):
                Path(self._lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(blocking=blocking)
            self._take_place()
            with writing(self.job.directory):
                self.job.directory.mkdir(parents=True, exist_ok=True)
            self._journal = Journal(self.job.directory, self.job.config)
            record, self.seconds = self._journal.record, self._journal.seconds
            if record.result is None:
                self._journal.note_attempt(self.job.sweep, self.job.code)
            elif not missing_files(record):
                self.close()
        except filelock.Timeout:
            return False
        except Exception as error:  # noqa: BLE001 - recorded; the others go on
            self.fail(error)
        return True

    def take(self, event: Event, dataset: Dataset) -> None:
        """Record what happened; the last event finishes the run."""
        assert self._journal is not None
        try:
            self._journal.write(event, seconds=self.seconds)
            last = isinstance(event, EpochEnd) and event.epoch == self.job.config.train.epochs
            if last or isinstance(event, Diverged):
                self.finish(dataset)
        except Exception as error:  # noqa: BLE001 - recorded; the others go on
            self.fail(error)

    def finish(self, dataset: Dataset) -> None:
        """Write the predictions, draw the figures and write the result."""
        assert self._journal is not None
        record = self._journal.record
        last = record.checkpoint()
        if last is not None:  # there is none if the untrained network's loss was not finite
            from convsweep.pictures.figures import draw_figures  # heavy: not before training is over

            splits = dataset.splits
            valid, test = (
                class_probabilities(self.job.config, last.parameters, batch.images)
                for batch in (splits.valid, splits.test)
            )
            save_predictions(
                self.job.directory,
                {"valid": to_rows(splits.valid.labels, valid), "test": to_rows(splits.test.labels, test)},
            )
            with writing(self._journal.figures):
                draw_figures(
                    self._journal.figures,
                    self.job.config,
                    dataset,
                    record.events,
                    before=beginning(self.job.config).parameters,  # the first checkpoint may not have been kept
                    after=last.parameters,
                    probabilities=test,
                )
        if record.result is None:
            self._journal.finish(
                sweep=self.job.sweep,
                host=socket.gethostname(),
                cpu=cpu_name(),
                data_source=dataset.source,
                data_digest=dataset.digest,
                code_digest=code_digest(),
            )
        self._journal.close()
        self._take_place()
        self.close()

    def _take_place(self) -> None:
        """Put the run in the place of its earlier record, if it was trained anew and has a result."""
        take_place(self.job.config.mlruns, self.job.run_key)

    def fail(self, error: Exception) -> None:
        """Record why the run failed, and leave it."""
        self.failure = record_failure(self.job, error)
        self.close()

    def close(self) -> None:
        """Leave the run to others."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        self._lock.release()


def missing_files(record: Record) -> list[str]:
    """Return the names of the figures and predictions that a finished run should have, and has not."""
    if record.last_epoch is None:  # it diverged before there was anything to draw
        return []
    paths = [record.directory / "figures" / f"{name}.png" for name in FIGURES]
    missing = [path.name for path in paths if not size_of(path)]
    try:
        load_predictions(record.directory)
    except DamagedError:
        missing.append(PREDICTIONS)
    return missing


def record_failure(job: Job, error: Exception) -> Failure:
    """Write down why a job failed, unless the disk refuses this, too; return it in any case."""
    failure = failure_of(error)
    with suppress(UserError):
        write_failure(job.directory, failure)
    return failure


def failure_of(error: Exception) -> Failure:
    """Return the record of what went wrong; a traceback belongs to what is our fault, not the user's."""
    if isinstance(error, UserError):
        return Failure(type(error).__name__, str(error), "", time.time())
    text = "".join(traceback.format_exception(error))
    return Failure(type(error).__name__, f"{type(error).__name__}: {error}", text, time.time())


def _bring_to_results(runs: Iterable[_Run]) -> None:
    """Train those of the runs that are open, in as few stacks as the epochs they start from allow."""
    unfinished = [run for run in runs if run.is_open]
    if not unfinished:
        return
    try:
        dataset = load(unfinished[0].job.config.data)
        for run in unfinished:
            if run.has_result:
                run.finish(dataset)
        starts = [(run, run.start) for run in unfinished if run.is_open]
        for epoch in sorted({start.epoch for _, start in starts}):
            _train([(run, start) for run, start in starts if start.epoch == epoch], dataset)
    except Exception as error:  # noqa: BLE001 - what they share has failed, so each of them has
        for run in unfinished:
            if run.is_open:
                run.fail(error)


def _train(starts: Sequence[tuple[_Run, Checkpoint]], dataset: Dataset) -> None:
    """Train runs that start from the same epoch, until all are over."""
    runs = []
    for run, start in starts:
        if start.epoch == run.job.config.train.epochs:
            run.finish(dataset)  # it was stopped after its last epoch
        else:
            runs.append((run, start))
    if not runs:
        return
    events = train_together([run.job.config for run, _ in runs], [start for _, start in runs], dataset.splits)
    for (member, event), duration in _timed(events):
        training = [run for run, _ in runs if run.is_open]
        for run in training:
            run.seconds += duration / len(training)
        run, _ = runs[member]
        if run.is_open:
            run.take(event, dataset)
        if not any(run.is_open for run, _ in runs):
            return


def _timed(events: Iterator[tuple[int, Event]]) -> Iterator[tuple[tuple[int, Event], float]]:
    """Pass events on, each with the seconds that it took to come."""
    begun = time.perf_counter()
    for event in events:
        yield event, time.perf_counter() - begun
        begun = time.perf_counter()
