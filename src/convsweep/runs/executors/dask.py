"""Dask: stacks are tasks of a cluster that somebody else started, through ``distributed``.

The scheduler keeps what was submitted under the sweep's name (a published data set), so that it goes on without the
launch, and the next launch of the same sweep finds it.
"""

import logging
import time
import uuid
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Future
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from convsweep.config import Data
from convsweep.errors import UserError
from convsweep.runs.executors.checks import Demands, Worker, examine
from convsweep.runs.executors.child import call_in_process, end_processes
from convsweep.runs.executors.environment import environment
from convsweep.runs.executors.worker import Stack, Trained, train_stack

if TYPE_CHECKING:
    import distributed

PATIENCE = 10.0  # seconds until a scheduler must have answered
SHORT_PATIENCE = 2.0  # the same for a question that can stay unanswered
RESTART = 60.0  # seconds that a scheduler may take to come back
RETRY_PAUSE = 1.0  # seconds between two tries of one that is starting


class Dask:
    """A Dask cluster.

    Args:
        address: Of the scheduler, ``tcp://host:8786``, or the path of its scheduler file.
        shares: Into how many parts a sweep is divided; None: one a thread of the workers.
        demands: What workers must be like.

    Raises:
        UserError: distributed is not installed, or no scheduler answers.
    """

    def __init__(self, address: str, shares: int | None, demands: Demands) -> None:
        self._address = address
        self._shares = shares
        self._demands = demands
        self._client = _connect(address, PATIENCE)
        self._pending: dict[distributed.Future, Stack] = {}

    @property
    def shares(self) -> int:
        """What was asked for, or the threads of all workers: each waits for a process that trains one stack."""
        return self._shares or max(sum(self._client.nthreads().values()), 1)

    def examine(self, data: Sequence[Data]) -> list[Worker]:
        """Have one worker of each host examined."""
        one_a_host = {urlsplit(worker).hostname: worker for worker in self._client.nthreads()}
        if not one_a_host:
            return []  # they come once there is something to do: each task examines its worker, too
        found: list[Worker] = []
        for of_data in data:
            answers = self._client.run(
                _in_process, examine, self._demands, of_data, workers=list(one_a_host.values()), on_error="return"
            )
            for address, answer in answers.items():
                if not isinstance(answer, Worker):
                    host = urlsplit(address).hostname
                    raise UserError(f"{host}: the worker '{address}' cannot run convsweep: {_in_a_line(answer)}")
                found.append(answer)
        return found

    def unfinished(self) -> list[tuple[Stack, Future[Trained]]]:
        """Return what an earlier launch submitted, and is not done."""
        if self._dataset not in self._client.list_datasets():
            return []
        kept = self._client.get_dataset(self._dataset)
        return [(stack, self._follow(stack, future)) for stack, future in kept if not future.done()]

    def submit(self, stacks: Sequence[Stack]) -> list[Future[Trained]]:
        """Hand over stacks, to a scheduler that was started anew if need be."""
        if self._client.status != "running":
            self._pending.clear()
            self._client = _connect_again(self._address)
        submitted = [
            self._client.submit(
                _in_process, train_stack, stack, self._demands, key=f"{self._dataset}-{uuid.uuid4().hex}", pure=False
            )
            for stack in stacks
        ]
        followed = [self._follow(stack, future) for stack, future in zip(stacks, submitted, strict=True)]
        # subtle: a thread of Dask's removes what ends, so the dictionary is copied before it is gone through
        pending = [(stack, future) for future, stack in list(self._pending.items())]
        self._client.publish_dataset(pending, name=self._dataset, override=True)
        return followed

    def cancel(self) -> None:
        """Cancel the tasks and kill their processes."""
        if self._client.status == "running":
            self.unfinished()  # also what an earlier launch submitted
            self._client.cancel(list(self._pending), force=True)
            self._client.run(end_processes, self._demands.sweep, on_error="ignore")
            self._forget()

    def close(self) -> None:
        """Let go of the scheduler; it forgets a sweep of which nothing is left to do."""
        if self._client.status == "running":
            if not self._pending:
                self._forget()
            self._client.close()

    @property
    def _dataset(self) -> str:
        return f"convsweep-{self._demands.sweep}"

    def _forget(self) -> None:
        if self._dataset in self._client.list_datasets():
            self._client.unpublish_dataset(self._dataset)

    def _follow(self, stack: Stack, of_dask: "distributed.Future") -> Future[Trained]:
        """Return a future of ``concurrent.futures`` that ends as one of Dask's does."""
        followed: Future[Trained] = Future()
        self._pending[of_dask] = stack

        def end(_: object) -> None:
            self._pending.pop(of_dask, None)
            try:
                error, result = _outcome(of_dask)
            except Exception as lost:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
                error, result = BrokenExecutor(f"Dask lost what came of it ({_in_a_line(lost)})"), None
            if error is not None:
                followed.set_exception(error)
            else:
                followed.set_result(result)

        of_dask.add_done_callback(end)
        return followed


def num_threads(address: str) -> int:
    """Return how many threads a cluster's workers have, which is how many stacks they train at a time.

    Raises:
        UserError: distributed is not installed, or no scheduler answers soon.
    """
    with _connect(address, SHORT_PATIENCE) as client:
        return sum(client.nthreads().values())


def _connect(address: str, patience: float) -> "distributed.Client":
    """Connect to a scheduler.

    Raises:
        UserError: distributed is not installed, or no scheduler answers.
    """
    try:
        import distributed
    except ImportError as error:
        needed = "'hydra.launcher.executor=dask' needs more packages"
        raise UserError(f"{needed}: `pip install 'convsweep[dask]'` (got: {error}).") from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what it logs in many lines is told in one
    where = {"address": address} if "://" in address else {"scheduler_file": address}
    rule = "'hydra.launcher.address' must be a Dask scheduler's, tcp://HOST:PORT, or its scheduler file"
    if "scheduler_file" in where and not Path(address).is_file():
        raise UserError(f"{rule} (got '{address}', which is no file).")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other versions: `checks` names those that matter
            return distributed.Client(**where, timeout=patience, set_as_default=False, name="convsweep")
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"{rule} (got '{address}': nothing answered within {patience:.0f} s).") from error


def _connect_again(address: str) -> "distributed.Client":
    """Connect to a scheduler that is being started anew: while it starts, it may break connections that it took.

    Raises:
        UserError: It doesn't come back.
    """
    deadline = time.monotonic() + RESTART
    while True:
        try:
            return _connect(address, RESTART)
        except UserError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(RETRY_PAUSE)


def _in_process(function: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401 - the function's own
    """Call ``examine`` or ``train_stack`` in a process of its own on a worker's host."""
    demands = next(argument for argument in arguments if isinstance(argument, Demands))
    return call_in_process(function, *arguments, sweep=demands.sweep, environment=environment(demands.kernel))


def _outcome(future: "distributed.Future") -> tuple[BaseException | None, Any]:
    """Return the error and the result of a future that has ended."""
    from distributed import KilledWorker

    match future.status:
        case "finished":
            return None, future.result()
        case "error":
            error = future.exception()
            lost = BrokenExecutor("Dask lost several workers that were at it")
            return lost if isinstance(error, KilledWorker) else error, None
        case _:
            return BrokenExecutor("Dask's scheduler gave it up"), None


def _in_a_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
