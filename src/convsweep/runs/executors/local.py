"""Local processes, through loky: executors with the interface of ``concurrent.futures``.

Each process is an executor of its own, so that one that is killed (by the kernel, when memory runs out) takes
nothing along but its own task. Its task is submitted once more, then given up.
"""

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Any, Generic, NamedTuple, Self, TypeVar

from convsweep.errors import UserError
from convsweep.runs.executors.environment import environment

TRIES = 2  # how often a task is submitted whose process is killed

Task = TypeVar("Task")


class Done(NamedTuple, Generic[Task]):
    """A task that is over."""

    task: Task
    result: Any  # None if it failed
    error: BaseException | None


class _Submitted(NamedTuple, Generic[Task]):
    task: Task
    executor: Executor
    tries: int


class Processes(Generic[Task]):
    """Local processes that call one function with many tasks.

    Args:
        function: Can be pickled; is called with a task.
        number: Of processes. They start at once, in the background.
        kernel: Which BLAS kernels they use; None: those that suit this machine's processor.
    """

    def __init__(self, function: Callable[[Task], Any], number: int, kernel: str | None = None) -> None:
        self._function = function
        self._environment = environment(kernel)
        self._executors: list[Executor] = []  # all of them, so that none outlives this process' Ctrl-C
        self._idle: list[Executor] = []
        self._submitted: dict[Future[Any], _Submitted[Task]] = {}
        try:
            for _ in range(number):
                self._start()
        except BaseException:
            self.kill()
            raise

    def __enter__(self) -> Self:
        """Return the processes."""
        return self

    def __exit__(self, *_: object) -> None:
        """End all processes, whatever they are at."""
        self.kill()

    @property
    def idle(self) -> int:
        """How many tasks can be submitted now."""
        return len(self._idle)

    @property
    def busy(self) -> int:
        """How many tasks are under way."""
        return len(self._submitted)

    def submit(self, task: Task) -> None:
        """Hand a task to an idle process."""
        self._submit(task, self._idle.pop(), tries=1)

    def wait(self) -> Iterator[Done[Task]]:
        """Wait until tasks are over, at least one; yield them."""
        finished, _ = wait(self._submitted, return_when=FIRST_COMPLETED)
        for future in finished:
            task, executor, tries = self._submitted.pop(future)
            error = future.exception()
            if isinstance(error, BrokenExecutor):
                executor.shutdown(wait=False)
                self._executors.remove(executor)
                self._start()
                if tries < TRIES:
                    self._submit(task, self._idle.pop(), tries=tries + 1)
                    continue
                error = UserError(f"the process that worked at it was killed {TRIES} times: is there enough memory?")
            else:
                self._idle.append(executor)
            yield Done(task, None if error else future.result(), error)

    def work_off(self, tasks: Iterable[Task]) -> Iterator[Done[Task]]:
        """Do tasks, as many at a time as there are processes; yield each once it is over, in any order.

        Raises:
            Exception: The first error of a task.
        """
        waiting = deque(tasks)
        while waiting or self.busy:
            while waiting and self.idle:
                self.submit(waiting.popleft())
            for done in self.wait():
                if done.error is not None:
                    raise done.error
                yield done

    def kill(self) -> None:
        """End all processes, whatever they are at."""
        with _without_ctrl_c():  # a second one would leave some alive
            for executor in self._executors:
                executor.shutdown(wait=True, kill_workers=True)  # type: ignore[call-arg] # loky's
        self._executors, self._idle, self._submitted = [], [], {}

    def _start(self) -> None:
        with _without_ctrl_c():
            executor = _local_process(self._environment)
            self._executors.append(executor)
        self._idle.append(executor)

    def _submit(self, task: Task, executor: Executor, tries: int) -> None:
        with _without_ctrl_c():
            future = executor.submit(self._function, task)
            self._submitted[future] = _Submitted(task, executor, tries)


def _local_process(environment: dict[str, str]) -> Executor:
    """Start a process that works off one task after another; to be called without Ctrl-C."""
    from loky import ProcessPoolExecutor

    executor: Executor = ProcessPoolExecutor(
        1, initializer=_end_with, initargs=(os.getpid(),), env=environment, timeout=None
    )
    executor.submit(int)  # starts it
    return executor


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait for the end of the body, and keep Ctrl-C from the processes that it starts.

    A process that is told of its work in part only would end with a traceback. A terminal sends Ctrl-C to all
    processes, but it is for the first one to end the others. A mask is inherited, so that not even one that is half
    started takes notice.
    """
    _start_trackers()
    came: list[int] = []
    # subtle: a signal that this thread blocks may be taken by another one, and its handler runs in this one anyway
    handlers = {
        number: signal.signal(number, lambda number, _frame: came.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


def _start_trackers() -> None:
    """Start the processes that clean up semaphores after killed ones, if they aren't there.

    They would be started with the first worker otherwise, and whoever starts one lets Ctrl-C through again. They warn
    of what a worker leaves that is killed while it starts, though cleaning that up is what they are for.
    """
    from loky.backend import resource_tracker as tracker_of_loky

    outside = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = "ignore"
    try:
        resource_tracker.ensure_running()
        tracker_of_loky.ensure_running()
    finally:
        if outside is None:
            del os.environ["PYTHONWARNINGS"]
        else:
            os.environ["PYTHONWARNINGS"] = outside


def _end_with(parent: int) -> None:
    """End this process within a second of its parent's end, which may have been killed outright."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def num_cores() -> int:
    """Return how many processor cores this process may use."""
    from loky import cpu_count

    return int(cpu_count())
