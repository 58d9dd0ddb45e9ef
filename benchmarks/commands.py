"""What whole commands cost: wall seconds and peak resident memory of a fresh process each.

Left out: what a command's children (git, asked for the commit) hold in memory beside it; ``tree_peak``
counts them.
"""

import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

PROGRAM = Path(sysconfig.get_path("scripts"), "convsweep")
UNITS = 1 if sys.platform == "darwin" else 1024  # bytes in one of ru_maxrss
SAMPLED_EVERY = 0.1  # seconds


class CommandError(Exception):
    """A command didn't end as it must."""


class Cost(NamedTuple):
    """What one process took."""

    seconds: float
    peak_mb: float  # 10^6 bytes


def cost(*arguments: str, status: int = 0, before: Sequence[str] = ()) -> Cost:
    """Run ``convsweep`` with these arguments in an empty folder, which is also its ``mlruns``' place.

    Args:
        arguments: Of the command.
        status: The exit status that it must end with.
        before: Arguments of a command to run in the folder first, uncounted.

    Raises:
        CommandError: It ended with another exit status than ``status``.
    """
    # subtle: a child's peak counts from its parent's size, so whoever calls this must still be small
    with tempfile.TemporaryDirectory() as folder:
        if before:
            with _started(folder, before) as first:
                first.wait()
        begun = time.perf_counter()
        with _started(folder, arguments, status) as child:
            _, wait_status, usage = os.wait4(child.pid, 0)
            seconds = time.perf_counter() - begun
            child.returncode = os.waitstatus_to_exitcode(wait_status)
    return Cost(seconds, usage.ru_maxrss * UNITS / 1e6)


def tree_peak(*arguments: str) -> float:
    """Return the peak memory, in MB, of ``convsweep`` with these arguments and of all processes under it.

    Sampled; what processes share counts once where the system tells (Linux), and not at all elsewhere.
    """
    peak = 0
    with tempfile.TemporaryDirectory() as folder, _started(folder, arguments) as child:
        root = psutil.Process(child.pid)
        while child.poll() is None:
            peak = max(peak, sum(_own_bytes(process) for process in (root, *_under(root))))
            time.sleep(SAMPLED_EVERY)
    return peak / 1e6


def start_up(repeats: int) -> dict[str, list[float]]:
    """Return the seconds of help and of a configuration error, ``repeats`` of each, in turns."""
    samples: dict[str, list[float]] = {"help_s": [], "train_help_s": [], "config_error_s": []}
    cost("train", "--help")  # the first after an installation compiles
    for _ in range(repeats):
        samples["help_s"].append(cost("--help").seconds)
        samples["train_help_s"].append(cost("train", "--help").seconds)
        samples["config_error_s"].append(cost("train", "train.epochs=0", status=1).seconds)
    return samples


def peak_memory(mnist: Path, num_train: int = 59_000) -> float:
    """Return the peak memory, in MB, of training on MNIST for one epoch, tracking and figures included."""
    images = ("data=mnist", f"data.dir={mnist.resolve()}", f"data.num_train={num_train}", "data.num_test=10000")
    return cost("train", *images, "data.num_valid=1000", "train.epochs=1").peak_mb


def first_sweep(repeats: int) -> list[float]:
    """Return the seconds of the sweep of ``make sweep``: 18 runs of 3 epochs, all of it recorded."""
    return [cost("train", "experiment=first_sweep").seconds for _ in range(repeats)]


@contextmanager
def _started(folder: str, arguments: Sequence[str], status: int = 0) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a command; raise CommandError if it has ended otherwise than it must."""
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    with tempfile.TemporaryFile("w+") as output:
        child = subprocess.Popen(
            [PROGRAM, *arguments], cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            yield child
        except BaseException:
            child.terminate()
            child.wait()
            raise
        if child.returncode != status:
            output.seek(0)
            command = f"convsweep {' '.join(arguments)}"
            raise CommandError(
                f"'{command}' must end with status {status} (got {child.returncode}).\n{output.read()[-2000:]}"
            )


def _under(root: psutil.Process) -> list[psutil.Process]:
    try:
        return root.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _own_bytes(process: psutil.Process) -> int:
    try:
        memory = process.memory_full_info()
    except psutil.Error:  # it has ended
        return 0
    return int(getattr(memory, "pss", memory.uss))
