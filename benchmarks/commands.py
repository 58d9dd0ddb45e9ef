"""What whole commands cost: wall seconds and peak resident memory of a fresh process each.

Left out: what a command's children (git, asked for the commit) hold in memory beside it.
"""

import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

PROGRAM = Path(sysconfig.get_path("scripts"), "convsweep")
UNITS = 1 if sys.platform == "darwin" else 1024  # bytes in one of ru_maxrss


class CommandError(Exception):
    """A command didn't end as it must."""


class Cost(NamedTuple):
    """What one process took."""

    seconds: float
    peak_mb: float  # 10^6 bytes


def cost(*arguments: str, status: int = 0) -> Cost:
    """Run ``convsweep`` with these arguments in an empty folder, which is also its ``mlruns``' place.

    Raises:
        CommandError: It ended with another exit status than ``status``.
    """
    # subtle: a child's peak counts from its parent's size, so whoever calls this must still be small
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as output:
        begun = time.perf_counter()
        child = subprocess.Popen(
            [PROGRAM, *arguments], cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        _, wait_status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - begun
        child.returncode = os.waitstatus_to_exitcode(wait_status)
        if child.returncode != status:
            output.seek(0)
            command = f"convsweep {' '.join(arguments)}"
            raise CommandError(
                f"'{command}' must end with status {status} (got {child.returncode}).\n{output.read()[-2000:]}"
            )
    return Cost(seconds, usage.ru_maxrss * UNITS / 1e6)


def start_up(repeats: int) -> dict[str, list[float]]:
    """Return the seconds of help and of a configuration error, ``repeats`` of each, in turns."""
    samples: dict[str, list[float]] = {"help_s": [], "train_help_s": [], "config_error_s": []}
    cost("train", "--help")  # the first after an installation compiles
    for _ in range(repeats):
        samples["help_s"].append(cost("--help").seconds)
        samples["train_help_s"].append(cost("train", "--help").seconds)
        samples["config_error_s"].append(cost("train", "train.epochs=0", status=1).seconds)
    return samples


def peak_memory(mnist: Path, repeats: int) -> list[float]:
    """Return the peak memory, in MB, of training on all of MNIST for one epoch, tracking and figures included."""
    images = ("data=mnist", f"data.dir={mnist.resolve()}", "data.num_train=59000", "data.num_test=10000")
    return [cost("train", *images, "data.num_valid=1000", "train.epochs=1").peak_mb for _ in range(repeats)]


def first_sweep(repeats: int) -> list[float]:
    """Return the seconds of the sweep of ``make sweep``: 18 runs of 3 epochs, all of it recorded."""
    return [cost("train", "experiment=first_sweep").seconds for _ in range(repeats)]
