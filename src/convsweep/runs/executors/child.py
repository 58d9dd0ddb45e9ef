"""A process of its own for a task of a Dask worker, on the worker's host.

A worker may have several threads, has imported whatever others asked of it, and can't end a thread. A process has one
stack, the BLAS kernels it is told to use, and can be killed: by the worker, or with the worker, whose end it notices
because its standard input closes.
"""

import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import BrokenExecutor
from typing import Any

from convsweep.errors import FaultError

_running: dict[subprocess.Popen[bytes], str] = {}  # this worker's processes, each with the sweep that it is for


def call_in_process(
    function: Callable[..., Any], *arguments: object, sweep: str, environment: Mapping[str, str]
) -> Any:  # noqa: ANN401 - what the function returns
    """Call a function in a process of its own; return what it returns.

    Args:
        function: Can be pickled.
        arguments: Its own.
        sweep: What it is done for; see ``end_processes``.
        environment: Variables beside this process' own.

    Raises:
        BrokenExecutor: The process was killed.
        FaultError: The function raised something.
    """
    command = [sys.executable, "-m", __name__]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | environment
    ) as process:
        _running[process] = sweep
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            try:
                pickle.dump((function, arguments), process.stdin)
                process.stdin.flush()
            except BrokenPipeError:
                answer = b""
            else:
                answer = process.stdout.read()
        finally:
            process.kill()
            _running.pop(process, None)
    if not answer:
        raise BrokenExecutor(f"its process on {socket.gethostname()} ended with status {process.returncode}")
    error, result = pickle.loads(answer)  # noqa: S301 - written by the process that this one started
    if error is not None:
        raise FaultError(error)
    return result


def end_processes(sweep: str) -> None:
    """Kill the processes of this worker that are there for a sweep."""
    for process, purpose in list(_running.items()):
        if purpose == sweep:
            process.kill()


def _main() -> None:
    """Call the function that standard input holds; write what it returns to standard output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for the worker
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
    error = result = None
    try:
        function, arguments = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by the process that started this one
        threading.Thread(target=_end_with_worker, daemon=True).start()
        result = function(*arguments)
    except Exception:  # noqa: BLE001 - handed on
        error = traceback.format_exc()
    pickle.dump((error, result), answers)
    answers.close()


def _end_with_worker() -> None:
    sys.stdin.buffer.read()  # returns once the worker has ended
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    _main()
