"""Processes that work tasks off and tell what happens meanwhile.

Unlike a pool of futures this one hands on what a task says while it runs, loses only the task of a
process that is killed, and ends its processes by SIGTERM so that they can put their affairs in order.
"""

import multiprocessing
import multiprocessing.connection
import signal
import time
import traceback
from collections.abc import Callable, Generator, Iterable, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any, NamedTuple, NoReturn

PATIENCE = 20  # seconds that processes have to end after SIGTERM

Say = Callable[[object], None]
Work = Callable[[Any, Say], None]


class Said(NamedTuple):
    """A task's process says something."""

    task: int
    what: Any


class Handed(NamedTuple):
    """A task is about to be handed to a process."""

    task: int


class Over(NamedTuple):
    """A task's process is through with it, or gone."""

    task: int
    exit_code: int | None  # None: through; otherwise how the process ended, as multiprocessing has it


class _Through(NamedTuple):
    """What a process says when it wants the next task."""


class _Failed(NamedTuple):
    """What a process says when its task raised something."""

    error: Exception


class _Stopped(KeyboardInterrupt):
    """SIGTERM, or nobody listens any more."""


class Pool:
    """Processes that all start as copies of one that has imported what they need.

    Args:
        modules: What to import.
    """

    def __init__(self, modules: Sequence[str]) -> None:
        methods = multiprocessing.get_all_start_methods()
        self._context: Any = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
        self._modules = list(modules)

    def warm_up(self) -> None:
        """Begin to import, in the background."""
        if self._context.get_start_method() != "forkserver":
            return
        from multiprocessing import forkserver, resource_tracker

        self._context.set_forkserver_preload(self._modules)
        resource_tracker.ensure_running()  # otherwise started below, and it would unblock SIGINT
        # Ctrl-C reaches all processes of a terminal, but it is for the first one to end the others. A mask is
        # inherited, so that not even one that is half started takes notice
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            forkserver.ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def run(self, work: Work, tasks: Sequence[object], processes: int) -> Generator[Handed | Said | Over]:
        """Call ``work(task, say)`` for each task, in processes of their own; pass on what they say.

        If the caller stops listening, the processes get SIGTERM, which raises KeyboardInterrupt in them.

        Raises:
            Exception: What a task raised.
        """
        self.warm_up()
        waiting = list(enumerate(tasks))
        workers: dict[Connection, tuple[BaseProcess, int]] = {}  # and the task each is at
        try:
            while waiting or workers:
                while waiting and len(workers) < processes:
                    number, task = waiting.pop(0)
                    yield Handed(number)
                    connection, process = self._start(work)
                    workers[connection] = process, number
                    connection.send(task)
                for connection in _readable(workers):
                    process, number = workers[connection]
                    try:
                        said = connection.recv()
                    except (EOFError, ConnectionError):
                        process.join()
                        del workers[connection]
                        yield Over(number, process.exitcode)
                        continue
                    if isinstance(said, _Failed):
                        raise said.error
                    if not isinstance(said, _Through):
                        yield Said(number, said)
                        continue
                    yield Over(number, None)
                    if waiting:
                        number, task = waiting.pop(0)
                        yield Handed(number)
                        workers[connection] = process, number
                        connection.send(task)
                    else:
                        del workers[connection]
                        connection.close()
                        process.join()
        finally:
            _end(workers)

    def _start(self, work: Work) -> tuple[Connection, BaseProcess]:
        ours, theirs = self._context.Pipe()
        process: BaseProcess = self._context.Process(target=_serve, args=(theirs, work), daemon=True)
        process.start()
        theirs.close()
        return ours, process


def _readable(connections: Iterable[Connection], timeout: float | None = None) -> list[Connection]:
    ready = multiprocessing.connection.wait(list(connections), timeout)
    return [connection for connection in ready if isinstance(connection, Connection)]


def _end(workers: dict[Connection, tuple[BaseProcess, int]]) -> None:
    """End processes that are still at a task, and wait until they are gone."""
    for process, _ in workers.values():
        process.terminate()
    deadline = time.monotonic() + PATIENCE
    while workers and time.monotonic() < deadline:
        for connection in _readable(workers, timeout=0.1):
            try:
                connection.recv()  # lest it waits for somebody to listen
            except (EOFError, ConnectionError):
                workers.pop(connection)[0].join()
    for process, _ in workers.values():
        process.kill()


def _serve(connection: Connection, work: Work) -> None:
    """Work off tasks until there are no more: the life of a process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where there is no mask
    signal.signal(signal.SIGTERM, _on_sigterm)

    def say(what: object) -> None:
        try:
            connection.send(what)
        except OSError as error:
            raise _Stopped from error

    try:
        while True:
            task = connection.recv()
            try:
                work(task, say)
            except Exception as error:  # noqa: BLE001 - raised again where the task came from
                error.add_note(traceback.format_exc())
                say(_Failed(error))
            say(_Through())
    except (EOFError, ConnectionError, _Stopped):
        pass


def _on_sigterm(_number: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: what follows is the orderly end
    raise _Stopped
