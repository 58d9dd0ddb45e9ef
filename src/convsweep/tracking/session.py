"""A sweep's runs in an open store: which of them there is anything to be sent of, and sending it.

Looking costs little however many jobs a sweep has: only runs that have begun and aren't whole in MLflow are read.
"""

import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import filelock
from mlflow.entities import Run

from convsweep.errors import UserError
from convsweep.records.mirrored import write_num_mirrored
from convsweep.records.sweep import Sweep, SweepJob, sweep_directory
from convsweep.tracking.models import search_models
from convsweep.tracking.names import JOB_TAG, ROLE_TAG, tagged
from convsweep.tracking.runs import Family, MirroredRun, job_id
from convsweep.tracking.shares import WHOLE, Share
from convsweep.tracking.store import Store, StoreError, answering, search
from convsweep.tracking.sweeps import Parent

SHARE_OF_LISTING = 0.03  # of the time may go into finding out which runs have begun
TOLD_EVERY = 1.0  # seconds at least between two notes of how many runs MLflow has


class Session:
    """A sweep's runs, or a share of them, in an open store: whoever loses touch with the store begins a new one.

    Args:
        mlruns: The folder of everything.
        sweep: The sweep.
        store: The store.
        share: Which of its jobs.

    Attributes:
        parent: The sweep's parent run; None: it is a single run.
        runs: The jobs' runs.

    Raises:
        StoreError: The store refuses.
    """

    def __init__(self, mlruns: Path, sweep: Sweep, store: Store, share: Share = WHOLE) -> None:
        self._mlruns, self._sweep_id, self._store, self._share = mlruns, sweep.id, store, share
        self._problems: dict[int, str] = {}
        jobs = sweep.jobs[share.jobs]
        shown = {job_id(sweep, job) for job in jobs} | ({"sweep"} if share.leads else set())
        with answering(store.uri):
            mine = tagged(sweep=sweep.id)
            found = _only_one_each(store, search(store, mine), shown)
            models = search_models(store, mine) if found else {}
        self.parent = _parent(mlruns, sweep, store, found.get("sweep")) if sweep.multirun else None
        family = Family(mlruns, sweep, store, self.parent.run_id if self.parent else None)
        self.runs: dict[SweepJob, MirroredRun] = {}
        for job in jobs:
            run = found.get(job_id(sweep, job))
            self.runs[job] = MirroredRun(family, job, run, models.get(run.info.run_id) if run else None)
        self._waiting = dict(self.runs)  # those that haven't begun, as far as is known
        self._open: dict[SweepJob, MirroredRun] = {}  # those that have, and aren't whole in MLflow
        self._next_listing = 0.0
        self._told: tuple[float, int] = (0.0, -1)  # when it was noted how many runs MLflow has, and how many

    @property
    def problems(self) -> list[str]:
        """What could not be mirrored the last time, a line each."""
        damage = [run.damage for run in self._open.values() if run.damage]
        return list(dict.fromkeys([*self._problems.values(), *damage]))

    @property
    def sent(self) -> set[SweepJob]:
        """The jobs that something was sent of."""
        return {job for job, run in self.runs.items() if run.calls > 0}

    @property
    def unfinished(self) -> set[SweepJob]:
        """The jobs whose run MLflow doesn't show as finished."""
        return {job for job, run in self.runs.items() if run.status != "FINISHED"}

    @property
    def has_an_end_to_send(self) -> bool:
        """Whether some run has a result that MLflow doesn't show."""
        return any(run.has_an_end_to_send for run in self._open.values())

    def send(self, *, over: bool) -> None:
        """Send what is new of the runs.

        Args:
            over: Whether the sweep's launch is over.

        Raises:
            StoreError: The store doesn't take anything more.
        """
        self._problems = {}
        self._store.check_file()
        self._store.check_lock()
        try:
            if self.parent is not None and self._share.leads and not over:
                self.parent.send_running()
            self._find_begun(always=over)
            for job, run in list(self._open.items()):
                self._send_job(job, run, over=over)
            self._tell_how_many(at_once=True)
        finally:
            self._store.check_file()  # if it was deleted, this is what matters

    def send_summary(self, sweep: Sweep) -> None:
        """Send what came of the sweep, whose launch is over, once all of its runs are sent.

        Args:
            sweep: The sweep's record as its launch left it.

        Raises:
            StoreError: The store doesn't take anything more.
        """
        from convsweep.tracking.summary import send_summary

        try:
            send_summary(self._mlruns, sweep, self._store, parent=self.parent, runs=self.runs)
        finally:
            self._store.check_file()

    def _find_begun(self, *, always: bool) -> None:
        """Find out which runs have begun since the last time; a sweep of many jobs isn't asked about each one."""
        begun = time.monotonic()
        if not self._waiting or (begun < self._next_listing and not always):
            return
        try:
            there = {path.name for path in (self._mlruns / "runs").iterdir()}
        except FileNotFoundError:
            there = set()
        for job in [job for job in self._waiting if job.run_key in there]:
            self._open[job] = self._waiting.pop(job)
        now = time.monotonic()
        self._next_listing = now + (now - begun) / SHARE_OF_LISTING

    def _send_job(self, job: SweepJob, run: MirroredRun, *, over: bool) -> None:
        try:
            run.send(over=over)
        except StoreError as error:
            if error.away:
                raise
            self._problems[job.number] = str(error)
        except UserError as error:
            self._problems[job.number] = str(error)
        if run.is_complete:
            del self._open[job]
            self._tell_how_many(at_once=False)

    def _tell_how_many(self, *, at_once: bool) -> None:
        """Note how many runs MLflow has, for whoever watches: now and then while many are sent, and at the end."""
        told_at, told = self._told
        now = time.monotonic()
        if not at_once and now < told_at + TOLD_EVERY:
            return
        failed = sum(run.status == "FAILED" for run in self._open.values())
        number = len(self.runs) - len(self._waiting) - len(self._open) + failed
        if number != told:
            with suppress(UserError):  # nothing but the note is lost
                write_num_mirrored(self._mlruns, self._sweep_id, self._share.number, number)
        self._told = now, number


def _parent(mlruns: Path, sweep: Sweep, store: Store, found: Run | None) -> Parent:
    """Return the sweep's parent, made if there is none by the first of the mirrors that work side by side."""
    if found is not None:
        return Parent(store, sweep, found)
    with filelock.FileLock(sweep_directory(mlruns, sweep.id) / "parent.lock"):
        with answering(store.uri):
            parents = search(store, tagged(sweep=sweep.id, role="sweep"))
        return Parent(store, sweep, parents[-1] if parents else None)


def _only_one_each(store: Store, runs: list[Run], shown: set[str]) -> Mapping[str, Run]:
    """Return runs by what they show: a job, or ``sweep``.

    Args:
        store: The store.
        runs: All runs of a sweep.
        shown: What is seen to here: of two runs that show the same of these, the younger is deleted.
    """
    found: dict[str, Run] = {}
    for run in sorted(runs, key=lambda run: (run.info.start_time, run.info.run_id)):
        shows = "sweep" if run.data.tags[ROLE_TAG] == "sweep" else run.data.tags.get(JOB_TAG, "")
        if found.setdefault(shows, run) is not run and shows in shown:
            store.client.delete_run(run.info.run_id)
    return found
