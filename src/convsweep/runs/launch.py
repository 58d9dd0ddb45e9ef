"""A launch: one process that sees to a sweep's jobs, from the record of what is asked to that of how it ended."""

import getpass
import shutil
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import filelock

from convsweep.errors import UserError
from convsweep.records.anew import begin_anew, take_place
from convsweep.records.files import remove, remove_temporary_files, writing
from convsweep.records.journal import FAILURE, Journal, run_directory
from convsweep.records.locks import run_lock
from convsweep.records.provenance import Provenance, write_provenance
from convsweep.records.sweep import (
    SLURM,
    Launched,
    State,
    Sweep,
    launch_lock,
    make_sweep,
    mark_mirrored,
    new_id,
    read_sweep,
    read_sweeps,
    sweep_directory,
    write_sweep,
)
from convsweep.runs.plan import JobPlan
from convsweep.runs.watch import Watch


class Launch:
    """A sweep, as one process sees to it. It holds the sweep's lock as long as it lives.

    Attributes:
        sweep: The sweep; one that was there before, if the same jobs are asked for again.
    """

    def __init__(self, mlruns: Path, sweep: Sweep) -> None:
        self.sweep = sweep
        self._mlruns = mlruns
        self._lock = launch_lock(mlruns, sweep.id)

    def try_lock(self) -> bool:
        """Take the sweep's lock; return False if another launch is at it."""
        try:
            self._lock.acquire(blocking=False)
        except filelock.Timeout:
            return False
        remove_temporary_files(sweep_directory(self._mlruns, self.sweep.id), alone=False)  # mirrors write there
        if self.sweep.trains_anew:
            for run_key in sorted({job.run_key for job in self.sweep.jobs}):
                with _locked(self._mlruns, run_key) as locked:
                    if locked:  # a process may have been killed before a run that was trained anew took its place
                        take_place(self._mlruns, run_key)
        # another launch may have ended it meanwhile
        found = read_sweep(self._mlruns, self.sweep.id) or self.sweep
        if found.artifacts != self.sweep.artifacts:  # of which runs MLflow is to hold the files has changed
            mark_mirrored(self._mlruns, self.sweep.id, mirrored=False)
        self.sweep = found.asked_for_as(self.sweep)
        return True

    def begin(self, jobs: list[JobPlan], found: Provenance) -> None:
        """Leave nothing in the records of unfinished jobs that says they failed, or can't be trusted.

        Args:
            jobs: What there is to do.
            found: Where this launch's code and libraries come from.

        Raises:
            UserError: The disk refuses.
        """
        if jobs:
            directory = sweep_directory(self._mlruns, self.sweep.id)
            with writing(directory):
                write_provenance(directory, found, later=True)
            this = Launched(round(time.time(), 3), getpass.getuser(), socket.gethostname(), *found.code)
            self.sweep = self.sweep._replace(launches=(*self.sweep.launches, this))
        self._write(state="running", ended=None)
        mark_mirrored(self._mlruns, self.sweep.id, mirrored=False)
        for planned in jobs:
            directory = planned.job.directory
            with writing(directory):
                remove(directory / FAILURE)
            if planned.damage:
                _repair(planned)

    def end(self, state: State) -> None:
        """Write how it ended, or that a cluster goes on with it, and let go of the sweep."""
        if state == "finished":  # a task may still write its last line there: what is left then is left
            shutil.rmtree(sweep_directory(self._mlruns, self.sweep.id) / SLURM, ignore_errors=True)
        self._write(state=state, ended=None if state == "detached" else round(time.time(), 3))
        self._lock.release()

    def release(self) -> None:
        """Let go of a sweep that there is nothing to do about."""
        self._lock.release()

    def _write(self, *, state: State, ended: float | None) -> None:
        self.sweep = self.sweep._replace(state=state, ended=ended)
        write_sweep(self._mlruns, self.sweep)


def open_launch(mlruns: Path, wanted: Sweep, provenance: Callable[[], Provenance]) -> Launch:
    """Find the sweep that has the wanted jobs, or write its record.

    Args:
        mlruns: Where the records are.
        wanted: What is asked for. Its id is a wish: another one is taken if it is in use.
        provenance: Where the code comes from; only asked if the sweep is new.

    Raises:
        UserError: The disk refuses, or a run that is to be trained anew is being trained.
    """
    with writing(mlruns):
        mlruns.mkdir(parents=True, exist_ok=True)
        guard = filelock.FileLock(mlruns / "sweeps.lock")
        guard.acquire()  # two launches of the same jobs must not both find none
    try:
        sweep = sweep_to_continue(read_sweeps(mlruns), wanted)
        if sweep is not None:
            return Launch(mlruns, sweep.asked_for_as(wanted))
        if wanted.rerun:
            _begin_anew(mlruns, sorted({job.run_key for job in wanted.jobs}))
        while sweep_directory(mlruns, wanted.id).exists():
            wanted = wanted._replace(id=new_id())
        make_sweep(mlruns, wanted, provenance())
        return Launch(mlruns, wanted)
    finally:
        guard.release()


def sweep_to_continue(sweeps: Iterable[Sweep], wanted: Sweep) -> Sweep | None:
    """Return the sweep that has the wanted jobs, if there is one; what is to be trained anew, only an unfinished one.

    Args:
        sweeps: All that there are, newest first.
        wanted: What is asked for.
    """
    alike = (sweep for sweep in sweeps if sweep.has_the_jobs_of(wanted))
    return next((sweep for sweep in alike if sweep.trains_anew or not wanted.rerun), None)


def settle(mlruns: Path, sweep: Sweep) -> Sweep:
    """Write that a sweep which a cluster may have gone on with is finished, or failed, if all its jobs have ended.

    Returns:
        The sweep, as it is recorded then.

    Raises:
        UserError: The disk refuses.
    """
    if not sweep.may_go_on_alone:
        return sweep
    jobs = Watch(mlruns, sweep, sweep.jobs)
    jobs.poll()
    ends = [progress.end for progress in jobs.jobs]
    if None in ends:
        return sweep
    failed = any(end is not None and end.result is None for end in ends)
    launch = Launch(mlruns, sweep)
    if launch.try_lock():
        if launch.sweep.may_go_on_alone:
            launch.end("failed" if failed else "finished")
        else:
            launch.release()  # another launch has ended it meanwhile
    return launch.sweep


def _repair(planned: JobPlan) -> None:
    """Cut a damaged record back to what can be trusted, unless another process is at it."""
    job = planned.job
    with _locked(job.config.mlruns, job.run_key) as locked:
        if locked:
            Journal(job.directory, job.config).close()


def _begin_anew(mlruns: Path, run_keys: Sequence[str]) -> None:
    """Have runs trained anew, beside the records that there are.

    Raises:
        UserError: One of them is being trained; nothing has changed.
    """
    for act in (False, True):  # first see that all of them are free
        for run_key in run_keys:
            with _locked(mlruns, run_key) as locked:
                if not locked:
                    rule = "'rerun=true' needs that no other command trains the same"
                    raise UserError(f"{rule} (got '{run_directory(mlruns, run_key)}').")
                if act:
                    begin_anew(mlruns, run_key)


@contextmanager
def _locked(mlruns: Path, run_key: str) -> Iterator[bool]:
    """Hold a run's lock while the body runs, if nobody else does."""
    path = run_lock(mlruns, run_key)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(path)
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
