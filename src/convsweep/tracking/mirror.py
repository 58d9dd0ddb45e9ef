"""MLflow as a view of the records: a process that follows one sweep, and ``sync`` for all that are over.

It reads what the launch and its workers write, and is told nothing. It goes on until the launch is over, then sends
what is left. It can be killed at any moment and run again: what is in MLflow by then is found there, and nothing is
sent twice. ``mirror_process`` is the process that does it beside a launch.

Where one process can't keep up, others help: each sends a share of the jobs and nothing else. The one that leads looks
through all jobs once they are through, sends what they left, and then what came of the sweep. So it doesn't matter
whether a helper was killed.
"""

import importlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from convsweep.errors import UserError
from convsweep.records.files import DamagedError
from convsweep.records.mirrored import forget_other_mirrors
from convsweep.records.sweep import Sweep, is_live, is_under_way, mark_mirrored, read_sweep, read_sweeps
from convsweep.runs.launch import settle
from convsweep.tracking.helpers import Helpers
from convsweep.tracking.mirror_locks import helpers_lock, leaders_lock
from convsweep.tracking.models import model_template
from convsweep.tracking.session import Session
from convsweep.tracking.shares import WHOLE, Share
from convsweep.tracking.store import Store, StoreDeletedError, StoreError, StoreForbidsError, connect

SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 10.0  # seconds between two looks at the records
SHARE = 0.03  # of one core is what following a sweep may take while it trains
RETRY_PAUSE = 3.0  # seconds between two tries of a store that doesn't answer
FIRST_RETRY_PAUSE = 0.5  # the same after its first refusal: two programs may just have been in each other's way
LAST_PATIENCE = 10.0  # seconds that such a store is tried for, after its first refusal, once the launch is over
FEW_JOBS = 20  # to be sent by ``sync``: helpers would be ready when it is done


def follow(
    mlruns: Path, sweep_id: str, closed: threading.Event, tell: Callable[[str], None], *, mirrors: int = 1
) -> bool:
    """Mirror a sweep until its launch is over.

    Args:
        mlruns: The folder of everything.
        sweep_id: The sweep.
        closed: Set once there is nothing more to wait for.
        tell: Called with each line that a person must be told.
        mirrors: How many processes do it side by side, this one included.

    Returns:
        Whether MLflow has everything.
    """
    with leaders_lock(mlruns, sweep_id, closed) as held:
        if not held:
            tell(f"Another process still sends sweep {sweep_id} to MLflow; `convsweep sync` sends what it leaves.")
            return False
        helpers = Helpers(mlruns, sweep_id, mirrors) if mirrors > 1 else None
        return _Follower(mlruns, sweep_id, closed, tell, share=Share(0, mirrors), helpers=helpers).run()


def help_to_follow(mlruns: Path, sweep_id: str, closed: threading.Event, share: Share, leader: int) -> bool:
    """Mirror a share of a sweep's jobs until its launch is over; tell nobody, for the leader meets the same problems.

    Args:
        mlruns: The folder of everything.
        sweep_id: The sweep.
        closed: Set once there is nothing more to wait for.
        share: Which jobs.
        leader: The process that started this one.

    Returns:
        Whether MLflow has everything of them.
    """
    with helpers_lock(mlruns, sweep_id, share.number, closed) as held:
        # subtle: another leader must wait for the lock, so it is held before the leader is looked for
        if not held or os.getppid() != leader:
            return False
        return _Follower(mlruns, sweep_id, closed, lambda _: None, share=share, helpers=None).run()


class _Follower:
    """What ``follow`` keeps in mind."""

    def __init__(
        self,
        mlruns: Path,
        sweep_id: str,
        closed: threading.Event,
        tell: Callable[[str], None],
        *,
        share: Share,
        helpers: Helpers | None,
    ) -> None:
        self._mlruns, self._sweep_id, self._closed, self._tell = mlruns, sweep_id, closed, tell
        self._share, self._helpers = share, helpers
        self._told: set[str] = set()
        self._session: Session | None = None
        self._store: Store | None = None
        self._closed_at: float | None = None  # when it was first known that the launch is over
        self._refused_at: float | None = None  # when the store first refused, if it has since the last success
        self._spent = 0.0  # CPU-seconds that sending took the last time
        self._looked_twice = True  # whether all was looked up in MLflow since something was last refused

    def run(self) -> bool:
        """Send until all is sent or nothing more can be; leave a database in one file then."""
        try:
            return self._send_until_over()
        finally:
            if self._helpers is not None:
                self._helpers.kill()
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
        ended = sweep.state not in ("running", "detached") or not is_under_way(self._mlruns, sweep)
        over = is_last and ended
        session = self._open(sweep)
        begun = time.process_time()
        if is_last and self._helpers is not None:
            self._helpers.close()
            session.send(over=over)
            self._helpers.wait()
            self._leave()
            self._helpers, self._share = None, WHOLE
            session = self._open(sweep)
        session.send(over=over)
        if over and self._share == WHOLE:
            session.send_summary(sweep)
        self._spent = time.process_time() - begun
        return session.problems

    def _open(self, sweep: Sweep) -> Session:
        """Return the session, begun anew if touch with the store was lost."""
        if self._session is None:
            self._store = connect(self._mlruns, sweep.experiment)
            for line in self._store.told:
                self._say(line)
            if self._share.leads:
                forget_other_mirrors(self._mlruns, self._sweep_id, self._share.of)
            self._session = Session(self._mlruns, sweep, self._store, self._share)
            if self._helpers is not None:
                self._helpers.start()  # not before the store is known to answer, so that one line is told if not
        return self._session

    def _prepare(self) -> None:
        """Make ready what takes long, better now than once all runs have ended."""
        model_template("centred")  # as most are
        if self._share.leads:
            importlib.import_module("convsweep.tracking.summary")

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
        may_answer = not isinstance(error, StoreForbidsError)
        if may_answer and now + pause < max(self._closed_at, self._refused_at) + LAST_PATIENCE:
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


def sync(mlruns: Path, *, mirrors: int = 1) -> Iterator[Synced]:
    """Send to MLflow what it lacks of all sweeps that are over, the oldest first.

    Args:
        mlruns: The folder of everything.
        mirrors: How many processes do it side by side, this one included, where a sweep has many runs to be sent.

    Yields:
        What was done, once it is.

    Raises:
        StoreError: The store refuses.
    """
    stores: dict[str, Store] = {}
    for sweep in reversed(read_sweeps(mlruns)):
        with leaders_lock(mlruns, sweep.id, None) as held:
            if not held or is_live(mlruns, sweep.id):
                yield Synced(sweep, 0, live=True, told=(), problems=())
                continue
            sweep = read_sweep(mlruns, sweep.id) or sweep  # noqa: PLW2901 - a launch may have ended it meanwhile
            told: tuple[str, ...] = ()
            if sweep.experiment not in stores:
                stores[sweep.experiment] = connect(mlruns, sweep.experiment)
                told = stores[sweep.experiment].told
            settled, store = settle(mlruns, sweep), stores[sweep.experiment]
            over = not settled.may_go_on_alone
            session = Session(mlruns, settled, store)
            missing = session.unfinished
            if over and mirrors > 1 and len(missing) > FEW_JOBS:
                _send_side_by_side(mlruns, settled, store, mirrors)
                session = Session(mlruns, settled, store)
            forget_other_mirrors(mlruns, sweep.id, 1)
            session.send(over=over)
            if over:
                session.send_summary(settled)
            if over and not session.problems:
                mark_mirrored(mlruns, sweep.id, mirrored=True)
            num_sent = len(session.sent | (missing - session.unfinished))
            yield Synced(settled, num_sent, live=False, told=told, problems=tuple(session.problems))


def _send_side_by_side(mlruns: Path, sweep: Sweep, store: Store, mirrors: int) -> None:
    """Send what several mirrors can share of a sweep that is over; whatever they leave is still to be sent."""
    helpers = Helpers(mlruns, sweep.id, mirrors)
    try:
        helpers.start()
        helpers.close()
        Session(mlruns, sweep, store, Share(0, mirrors)).send(over=True)
        helpers.wait()
    finally:
        helpers.kill()
