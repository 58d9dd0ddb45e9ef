"""Functions called in a fresh process: it has imported nothing, and keeps to the cores it is given.

Whoever measures a child's memory must be small itself, so the process that runs the benchmark never
imports NumPy, and each measurement finds the machine as the others do.
"""

import importlib
import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any


def cores() -> list[int]:
    """Return the numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def call(module: str, function: str, *arguments: object, on: Sequence[int] = ()) -> Any:  # noqa: ANN401 - as the function
    """Call a function of one of this package's modules in a process of its own, and return what it returns.

    Args:
        module: Its module's name.
        function: Its name.
        arguments: Its arguments.
        on: The cores to use, where the system can bind a process to some; all, if left out.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=_bind, initargs=(on,)) as process:
        return process.submit(_call, module, function, arguments).result()


def _bind(to: Sequence[int]) -> None:
    """Bind this process to cores; libraries that start a thread a core then start as many."""
    if to and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, to)


def _call(module: str, function: str, arguments: tuple[object, ...]) -> object:
    return getattr(importlib.import_module(f"{__package__}.{module}"), function)(*arguments)
