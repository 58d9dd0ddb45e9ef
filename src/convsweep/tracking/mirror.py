"""MLflow as a view of the records: a process that follows one sweep, and ``sync`` for all that are over.

It reads what the launch and its workers write, and is told nothing. It goes on until the launch is over, then sends
what is left. It can be killed at any moment and run again: what is in MLflow by then is found there, and nothing is
sent twice. ``mirror_process`` is the process that does it beside a launch.
"""

import importlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import filelock
from mlflow.entities import Run

from convsweep.errors import UserError
from convsweep.records.files import DamagedError
from convsweep.records.sweep import Sweep, is_live, mark_mirrored, read_sweep, read_sweeps, sweep_directory
from convsweep.tracking.models import model_template, search_models
from convsweep.tracking.names import JOB_TAG, ROLE_TAG, tagged
from convsweep.tracking.parent_files import ParentFiles
from convsweep.tracking.runs import Family, MirroredRun, job_id
from convsweep.tracking.store import Store, StoreDeletedError, StoreError, answering, connect, search
from convsweep.tracking.sweeps import Parent

LOCK = "mirror.lock"
SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 10.0  # seconds between two looks at the records
SHARE = 0.03  # of one core is what following a sweep may take while it trains
RETRY_PAUSE = 3.0  # seconds between two tries of a store that doesn't answer
FIRST_RETRY_PAUSE = 0.5  # the same after its first refusal: two programs may just have been in each other's way
LAST_PATIENCE = 10.0  # seconds that such a store is tried for, after its first refusal, once the launch is over
LOCK_PATIENCE = 30.0  # seconds that another mirror of the same sweep is waited for then


class Session:
    """A sweep's runs in an open store: whoever loses touch with the store begins a new one.

    Args:
        mlruns: The folder of everything.
        sweep: The sweep.
        store: The store.
        files: The files for the sweep's page.

    Raises:
        StoreError: The store refuses.
    """

    def __init__(self, mlruns: Path, sweep: Sweep, store: Store, files: ParentFiles) -> None:
        self._mlruns, self._store, self._files = mlruns, store, files
        self._problems: dict[int, str] = {}
        with answering(store.uri):
            mine = tagged(sweep=sweep.id)
            found = _only_one_each(store, search(store, mine))
            models = search_models(store, mine) if found else {}
        self._parent = Parent(store, sweep, found.get("sweep")) if sweep.multirun else None
        family = Family(mlruns, sweep, store, self._parent.run_id if self._parent else None)
        self._runs = {}
        for job in sweep.jobs:
            run = found.get(job_id(sweep, job))
            self._runs[job] = MirroredRun(family, job, run, models.get(run.info.run_id) if run else None)

    @property
    def problems(self) -> list[str]:
        """What could not be mirrored the last time, a line each."""
        damage = [run.damage for run in self._runs.values() if run.damage]
        return list(dict.fromkeys([*self._problems.values(), *damage]))

    @property
    def num_sent(self) -> int:
        """How many jobs something was sent of."""
        return sum(run.calls > 0 for run in self._runs.values())

    @property
    def has_an_end_to_send(self) -> bool:
        """Whether some run has a result that MLflow doesn't show."""
        return any(run.has_an_end_to_send for run in self._runs.values())

    def send(self, sweep: Sweep, *, over: bool) -> None:
        """Send what is new.

        Args:
            sweep: The sweep's record as it is by now.
            over: Whether its launch is over.

        Raises:
            StoreError: The store doesn't take anything more.
        """
        self._problems = {}
        self._store.check_file()
        self._store.check_lock()
        try:
            if self._parent is not None and not over:
                self._parent.send_running()
            elif self._parent is not None and self.has_an_end_to_send:
                self._files.begin()  # made while the last runs are sent
            for job, run in self._runs.items():
                self._send_job(job.number, run, over=over)
            if over:
                self._send_summary(sweep)
        finally:
            self._store.check_file()  # if it was deleted, this is what matters

    def _send_summary(self, sweep: Sweep) -> None:
        from convsweep.tracking.summary import send_summary

        parent, files, runs = self._parent, self._files, self._runs
        send_summary(self._mlruns, sweep, self._store, parent=parent, files=files, runs=runs)

    def _send_job(self, number: int, run: MirroredRun, *, over: bool) -> None:
        try:
            run.send(over=over)
        except StoreError as error:
            if error.away:
                raise
            self._problems[number] = str(error)
        except UserError as error:
            self._problems[number] = str(error)


def _only_one_each(store: Store, runs: list[Run]) -> dict[str, Run]:
    """Return runs by what they show: a job, or ``sweep``. Of two that show the same, the younger is deleted."""
    found: dict[str, Run] = {}
    for run in sorted(runs, key=lambda run: (run.info.start_time, run.info.run_id)):
        shows = "sweep" if run.data.tags[ROLE_TAG] == "sweep" else run.data.tags.get(JOB_TAG, "")
        if found.setdefault(shows, run) is not run:
            store.client.delete_run(run.info.run_id)
    return found


def follow(mlruns: Path, sweep_id: str, closed: threading.Event, tell: Callable[[str], None]) -> bool:
    """Mirror a sweep until its launch is over.

    Args:
        mlruns: The folder of everything.
        sweep_id: The sweep.
        closed: Set once there is nothing more to wait for.
        tell: Called with each line that a person must be told.

    Returns:
        Whether MLflow has everything.
    """
    with _lock(mlruns, sweep_id, closed) as held:
        if not held:
            tell(f"Another process still sends sweep {sweep_id} to MLflow; `convsweep sync` sends what it leaves.")
            return False
        return _Follower(mlruns, sweep_id, closed, tell).run()


class _Follower:
    """What ``follow`` keeps in mind."""

    def __init__(self, mlruns: Path, sweep_id: str, closed: threading.Event, tell: Callable[[str], None]) -> None:
        self._mlruns, self._sweep_id, self._closed, self._tell = mlruns, sweep_id, closed, tell
        self._told: set[str] = set()
        self._session: Session | None = None
        self._store: Store | None = None
        self._closed_at: float | None = None  # when it was first known that the launch is over
        self._refused_at: float | None = None  # when the store first refused, if it has since the last success
        self._spent = 0.0  # CPU-seconds that sending took the last time
        self._files = ParentFiles(mlruns, sweep_id)
        self._is_sweep = False  # rather than a single run; known once its record was read
        self._looked_twice = True  # whether all was looked up in MLflow since something was last refused

    def run(self) -> bool:
        """Send until all is sent or nothing more can be; leave a database in one file then."""
        try:
            return self._send_until_over()
        finally:
            self._files.abandon()
            self._leave()

    def _send_until_over(self) -> bool:
        while True:
            is_last = self._closed.is_set()  # asked first: whatever was written before it was set is read now
            if is_last and self._closed_at is None:
                self._closed_at = time.monotonic()
            try:
                problems = self._send(is_last=is_last)
            except StoreError as error:
                self._leave()
                self._looked_twice = False
                if not self._go_on(error, is_last=is_last):
                    return False
                continue
            except (UserError, DamagedError) as error:
                self._say(str(error))
                return False
            self._refused_at = None
            if is_last and not self._looked_twice:
                # an answer that was lost on its way may have made a second run
                self._leave()
                self._looked_twice = True
                continue
            if is_last:
                for problem in problems:
                    self._say(f"Not in MLflow: {problem}")
                return not problems
            self._prepare()
            self._pause()

    def _send(self, *, is_last: bool) -> list[str]:
        sweep = read_sweep(self._mlruns, self._sweep_id)
        if sweep is None:
            raise UserError(f"There is no sweep '{self._sweep_id}' in '{self._mlruns}'.")
        if self._session is None:
            self._store = connect(self._mlruns, sweep.experiment)
            for line in self._store.told:
                self._say(line)
            self._session = Session(self._mlruns, sweep, self._store, self._files)
            self._is_sweep = sweep.multirun
        over = is_last and (sweep.state != "running" or not is_live(self._mlruns, self._sweep_id))
        begun = time.process_time()
        self._session.send(sweep, over=over)
        self._spent = time.process_time() - begun
        return self._session.problems

    def _prepare(self) -> None:
        """Make ready what takes long, better now than once all runs have ended."""
        model_template("centred")  # as most are
        importlib.import_module("convsweep.tracking.summary")
        if self._is_sweep:
            self._files.prepare()

    def _pause(self) -> None:
        """Wait until it is time to look again: once the launch is over, or a run has ended, or after a while."""
        until = time.monotonic() + min(max(self._spent / SHARE, SHORTEST_PAUSE), LONGEST_PAUSE)
        while not self._closed.wait(SHORTEST_PAUSE) and time.monotonic() < until:
            if self._session is not None and self._session.has_an_end_to_send:
                return

    def _leave(self) -> None:
        """Forget all that is known of the store, to begin anew."""
        if self._store is not None:
            self._store.close()
        self._session = self._store = None

    def _go_on(self, error: StoreError, *, is_last: bool) -> bool:
        """Tell of a store that refuses; wait until it is to be tried again, or return False to give up.

        Args:
            error: What it says.
            is_last: Whether the launch is over.
        """
        if isinstance(error, StoreDeletedError):
            self._say(str(error))
            return True
        now = time.monotonic()
        is_first, self._refused_at = self._refused_at is None, self._refused_at or now
        pause = FIRST_RETRY_PAUSE if is_first else RETRY_PAUSE
        text = str(error).rstrip(".")
        if not is_last:
            if not is_first and not self._closed.is_set():
                self._say(f"{text}. Training goes on, and is sent once this is mended.")
            self._closed.wait(pause)
            return True
        assert self._closed_at is not None
        if now + pause < max(self._closed_at, self._refused_at) + LAST_PATIENCE:
            time.sleep(pause)
            return True
        self._say(f"{text}. The runs are complete in '{self._mlruns}': `convsweep sync` sends them.")
        return False

    def _say(self, line: str) -> None:
        if line not in self._told:
            self._told.add(line)
            self._tell(line)


class Synced(NamedTuple):
    """What ``sync`` did for a sweep."""

    sweep: Sweep
    num_sent: int  # jobs that something was sent of
    live: bool  # whether it was left to the process that follows it
    told: tuple[str, ...]  # what a person must be told
    problems: tuple[str, ...]  # what could not be sent, a line each


def sync(mlruns: Path) -> Iterator[Synced]:
    """Send to MLflow what it lacks of all sweeps that are over, the oldest first.

    Args:
        mlruns: The folder of everything.

    Yields:
        What was done, once it is.

    Raises:
        StoreError: The store refuses.
    """
    stores: dict[str, Store] = {}
    for sweep in reversed(read_sweeps(mlruns)):
        with _lock(mlruns, sweep.id, None) as held:
            if not held or is_live(mlruns, sweep.id):
                yield Synced(sweep, 0, live=True, told=(), problems=())
                continue
            told: tuple[str, ...] = ()
            if sweep.experiment not in stores:
                stores[sweep.experiment] = connect(mlruns, sweep.experiment)
                told = stores[sweep.experiment].told
            session = Session(mlruns, sweep, stores[sweep.experiment], ParentFiles(mlruns, sweep.id))
            session.send(sweep, over=True)
            if not session.problems:
                mark_mirrored(mlruns, sweep.id, mirrored=True)
            yield Synced(sweep, session.num_sent, live=False, told=told, problems=tuple(session.problems))


@contextmanager
def _lock(mlruns: Path, sweep_id: str, closed: threading.Event | None) -> Iterator[bool]:
    """Hold the lock of a sweep's mirror; yield whether it could be had.

    Args:
        mlruns: The folder of everything.
        sweep_id: The sweep.
        closed: The lock is waited for until some time after this is set; None: not at all.
    """
    lock = filelock.FileLock(sweep_directory(mlruns, sweep_id) / LOCK)
    deadline: float | None = None if closed is not None else 0.0
    while True:
        try:
            lock.acquire(timeout=0 if closed is None else SHORTEST_PAUSE)
            break
        except filelock.Timeout:
            if closed is not None and closed.is_set() and deadline is None:
                deadline = time.monotonic() + LOCK_PATIENCE
            if deadline is not None and time.monotonic() >= deadline:
                yield False
                return
    try:
        yield True
    finally:
        lock.release()
