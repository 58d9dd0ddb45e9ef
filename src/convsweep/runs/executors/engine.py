"""What a cluster's engine is asked for, and the wait for what it has in hand.

Futures are those of ``concurrent.futures``, and end as those of a pool of processes: a worker that was killed shows
as ``BrokenExecutor``.
"""

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Future, wait
from pathlib import Path
from typing import NamedTuple, Protocol

from convsweep.config import Data
from convsweep.errors import UserError
from convsweep.records.journal import RESULT
from convsweep.runs.executors.checks import Worker
from convsweep.runs.executors.local import TRIES, Done
from convsweep.runs.executors.worker import Stack, Trained
from convsweep.runs.stack import Job

LATE = 90.0  # seconds after which this host must see a file that another one has written: NFS takes up to 60
LOOK = 0.2  # seconds between two looks


class Engine(Protocol):
    """A cluster's own scheduler."""

    @property
    def shares(self) -> int:
        """Into how many parts jobs are divided, at least, so that all of the cluster is busy."""

    def examine(self, data: Sequence[Data]) -> list[Worker]:
        """Have one worker of each host examined, as far as workers are there before anything is submitted.

        Raises:
            UserError: A host can't be asked.
        """

    def unfinished(self) -> list[tuple[Stack, Future[Trained]]]:
        """Return what an earlier launch of this sweep submitted and the engine has not finished."""

    def submit(self, stacks: Sequence[Stack]) -> list[Future[Trained]]:
        """Hand over stacks.

        Raises:
            UserError: The engine refuses, or isn't there.
        """

    def cancel(self) -> None:
        """End all that was submitted; return once none of it is queued or running."""

    def close(self) -> None:
        """Let go of the engine. What was submitted goes on."""


class _Attempt(NamedTuple):
    stack: Stack
    number: int  # counts the attempts at this stack, from 1


class Stacks:
    """Stacks in the hands of an engine.

    Args:
        engine: Whose hands.
        workers: Those that were examined.
    """

    def __init__(self, engine: Engine, workers: Iterable[Worker]) -> None:
        self._engine = engine
        self._workers = {worker.host: worker for worker in workers}
        self._submitted: dict[Future[Trained], _Attempt] = {}

    @property
    def busy(self) -> int:
        """How many stacks are under way."""
        return len(self._submitted)

    @property
    def under_way(self) -> list[Stack]:
        """The stacks under way, in the order in which they were handed over."""
        return [stack for stack, _ in self._submitted.values()]

    @property
    def workers(self) -> Collection[Worker]:
        """Those that were examined or have trained, one a host."""
        return self._workers.values()

    def take_over(self, numbers: Collection[int]) -> list[Stack]:
        """Take over what an earlier launch of the sweep submitted: it is waited for, too.

        Args:
            numbers: Of the jobs that are waited for.

        Returns:
            Its stacks.
        """
        found = [(stack, future) for stack, future in self._engine.unfinished() if stack[0].number in numbers]
        self._submitted |= {future: _Attempt(stack, 1) for stack, future in found}
        return [stack for stack, _ in found]

    def submit(self, stacks: Sequence[Stack], attempt: int = 1) -> None:
        """Hand stacks to the engine."""
        if stacks:
            futures = self._engine.submit(stacks)
            attempts = (_Attempt(stack, attempt) for stack in stacks)
            self._submitted |= dict(zip(futures, attempts, strict=True))

    def wait(self) -> Iterator[Done[Stack]]:
        """Wait until stacks are over, at least one; yield them. One whose worker was killed is submitted again.

        Raises:
            UserError: A worker isn't fit for the sweep, or the engine is gone.
        """
        finished, _ = wait(self._submitted, return_when=FIRST_COMPLETED)
        again: list[Stack] = []
        for future in finished:
            stack, attempt = self._submitted.pop(future)
            error = CancelledError() if future.cancelled() else future.exception()
            if not isinstance(error, BrokenExecutor | CancelledError):
                yield self._done(stack, future, error)
            elif attempt < TRIES:
                again.append(stack)
            else:
                yield Done(stack, None, UserError(f"the worker that trained it was killed {TRIES} times: {error}"))
        self.submit(again, TRIES)

    def _done(self, stack: Stack, future: Future[Trained], error: BaseException | None) -> Done[Stack]:
        if error is not None:
            return Done(stack, None, error)
        worker, failures = future.result()
        if worker.problems:
            raise UserError("\n".join(worker.problems))
        self._workers[worker.host] = worker
        _wait_for_results([job for job in stack if job.number not in failures])
        return Done(stack, failures, None)


def _wait_for_results(jobs: Iterable[Job]) -> None:
    """Wait until this host sees the results that a worker has written: a shared disk may show new files late."""
    deadline = time.monotonic() + LATE
    for job in jobs:
        while not _is_there(job.directory / RESULT) and time.monotonic() < deadline:
            time.sleep(LOOK)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # of a shared disk: a handle that was stale is looked up anew
        return False


def different_kernels(workers: Iterable[Worker]) -> str:
    """Say that workers use different BLAS kernels; an empty string if they don't."""
    hosts: dict[str, set[str]] = {}
    for worker in workers:
        hosts.setdefault(worker.kernel, set()).add(worker.host)
    if len(hosts) < 2:
        return ""
    named = ", ".join(f"{kernel} on {', '.join(sorted(hosts[kernel]))}" for kernel in sorted(hosts))
    return (
        f"Workers use different BLAS kernels ({named}): a run's last bits depend on where it trains. "
        f"'hydra.launcher.blas_kernel={min(hosts)}' has all use the same."
    )
