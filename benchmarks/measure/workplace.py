"""Folders in which commands run one after the other, and what each of them costs."""

import os
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Self

import psutil

CONVSWEEP = Path(sysconfig.get_path("scripts"), "convsweep")
TINY = ("train", "data.num_train=10", "train.epochs=1")
RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes in one of ru_maxrss
SAMPLED_EVERY = 0.1  # seconds

Bytes = Callable[[psutil.Process], int]  # how much memory is in use, of a command's first process


class CommandError(Exception):
    """A command didn't end as it must."""


class Cost(NamedTuple):
    """What a command took."""

    seconds: float
    cpu_seconds: float  # of its process and of all processes below that were waited for
    largest_mb: float  # peak memory of the largest of those processes, in 10^6 bytes
    sampled_mb: float  # peak of what was sampled; 0 if nothing was
    ended: float  # seconds since 1970


class Workplace:
    """A folder for commands to run in, with its ``mlruns``.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.mlruns = folder / "mlruns"

    def run(self, *arguments: str, status: int = 0, sample: Bytes | None = None) -> Cost:
        """Run ``convsweep`` with these arguments.

        Args:
            arguments: Of the command.
            status: The exit status that it must end with.
            sample: Called again and again while it runs.

        Raises:
            CommandError: It ended with another exit status than ``status``.
        """
        return self.run_program([str(CONVSWEEP), *arguments], status=status, sample=sample)

    def run_program(self, command: Sequence[str], *, status: int = 0, sample: Bytes | None = None) -> Cost:
        """Run any program; otherwise as ``run``."""
        # subtle: a child's peak counts from its parent's size, so whoever calls this must still be small
        environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
        with tempfile.TemporaryFile("w+") as output:
            begun = time.perf_counter()
            child = subprocess.Popen(
                command,
                cwd=self._folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            try:
                with _Sampler(child.pid, sample) as sampler:
                    _, wait_status, usage = os.wait4(child.pid, 0)
            except BaseException:
                child.terminate()
                child.wait()
                raise
            seconds, ended = time.perf_counter() - begun, time.time()
            child.returncode = os.waitstatus_to_exitcode(wait_status)
            if child.returncode != status:
                output.seek(0)
                raise CommandError(
                    f"'{' '.join(command)}' must end with status {status} (got {child.returncode}).\n"
                    f"{output.read()[-2000:]}"
                )
        cpu_seconds = usage.ru_utime + usage.ru_stime
        return Cost(seconds, cpu_seconds, usage.ru_maxrss * RSS_UNIT / 1e6, sampler.peak / 1e6, ended)


@contextmanager
def new_workplace(*, with_store: bool = False) -> Iterator[Workplace]:
    """Make an empty folder; remove it in the end.

    Args:
        with_store: Run something tiny in it first, uncounted, so that MLflow's database is there.
    """
    with tempfile.TemporaryDirectory() as folder:
        workplace = Workplace(Path(folder))
        if with_store:
            workplace.run(*TINY)
        yield workplace


def own_bytes(process: psutil.Process) -> int:
    """Return the memory of one process, without those below it."""
    return int(process.memory_info().rss)


def tree_bytes(root: psutil.Process) -> int:
    """Return the memory of a process and of all below it.

    What they share counts once where the system tells (Linux), and not at all elsewhere.
    """
    return sum(_unshared_bytes(process) for process in (root, *root.children(recursive=True)))


def _unshared_bytes(process: psutil.Process) -> int:
    try:
        memory = process.memory_full_info()
    except psutil.Error:  # it has ended
        return 0
    return int(getattr(memory, "pss", memory.uss))


class _Sampler:
    """Calls a function again and again, in a thread, and keeps the largest value.

    Attributes:
        peak: That value, in bytes.
    """

    def __init__(self, pid: int, sample: Bytes | None) -> None:
        self.peak = 0
        self._process, self._sample = psutil.Process(pid), sample
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        if self._sample is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._sample is not None:
            self._thread.join()

    def _follow(self) -> None:
        assert self._sample is not None
        while not self._over.wait(SAMPLED_EVERY):
            try:
                self.peak = max(self.peak, self._sample(self._process))
            except psutil.Error:  # it has ended
                return
