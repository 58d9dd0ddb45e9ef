"""Whether a cluster's worker is fit for a sweep's runs: asked there, before anything is trained.

The same folder, the same code, Python, NumPy and BLAS, locks that hold across hosts: without these, runs would be
lost, differ, or be written by two workers at a time.
"""

import platform
import secrets
import socket
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from convsweep.config import Data
from convsweep.data import load
from convsweep.errors import UserError
from convsweep.records.files import DamagedError, read_file, temporary_name, write_whole, writing
from convsweep.records.identity import code_digest
from convsweep.records.machine import blas_kernel, blas_name, cpu_name
from convsweep.records.sweep import is_live, read_sweep, sweep_directory

NONCE, HEARTBEAT = "nonce", "heartbeat"
BEAT = 1.0  # seconds between two heartbeats of a launch
PATIENCE = 5.0  # seconds that a worker waits for one


class Demands(NamedTuple):
    """What a worker must be like: as the machine that the sweep is launched on."""

    mlruns: Path
    sweep: str  # its id
    nonce: str  # what the file of that name in the sweep's folder holds
    host: str
    python: str
    numpy: str
    blas: str
    code: str  # digest of the code that computes results
    kernel: str | None  # which BLAS kernels are wanted; None: whichever suit the worker's processor


class Worker(NamedTuple):
    """What was found out about a worker."""

    host: str
    cpu: str
    kernel: str
    problems: tuple[str, ...]  # why it can't train, a line each, with the host's name


def make_demands(mlruns: Path, sweep_id: str, kernel: str | None) -> Demands:
    """Say what workers must be like, and write the file that tells them whether they see the same folder.

    Raises:
        UserError: The disk refuses.
    """
    path = sweep_directory(mlruns, sweep_id) / NONCE
    nonce = (read_file(path) or b"").decode()  # an earlier launch's: its tasks may wait in the queue
    if not nonce:
        nonce = secrets.token_hex(16)
        with writing(path):
            write_whole(path, nonce.encode())
    return Demands(
        mlruns=mlruns,
        sweep=sweep_id,
        nonce=nonce,
        host=socket.gethostname(),
        python=platform.python_version(),
        numpy=np.__version__,
        blas=blas_name(),
        code=code_digest(),
        kernel=kernel,
    )


def beat(mlruns: Path, sweep_id: str) -> None:
    """Show workers that the launch lives."""
    path = sweep_directory(mlruns, sweep_id) / HEARTBEAT
    write_whole(path, secrets.token_hex(8).encode(), durable=False)


def examine(demands: Demands, data: Data) -> Worker:
    """Find out whether this process, on whatever host it is, can train runs of a sweep.

    Args:
        demands: What it must be like.
        data: The images that it must have.
    """
    host = socket.gethostname()
    found = [*_other_versions(demands), *_other_folder(demands)] or _missing_data(data)
    return Worker(host, cpu_name(), blas_kernel(), tuple(f"{host}: {problem}" for problem in found))


def _other_versions(demands: Demands) -> list[str]:
    """Say what of the program is another than on the launching host."""
    alike = f"must be the same as on {demands.host}"
    pairs = [
        ("Python", demands.python, platform.python_version()),
        ("NumPy", demands.numpy, np.__version__),
        ("NumPy's BLAS", demands.blas, blas_name()),
    ]
    problems = [f"{name} {alike}, {wanted} (got {there})." for name, wanted, there in pairs if wanted != there]
    if demands.code != code_digest():
        folder = Path(__file__).parents[2]
        problems.append(f"the code that computes results {alike} (it differs in '{folder}').")
    if demands.kernel is not None and demands.kernel.lower() != blas_kernel().lower():
        rule = "'hydra.launcher.blas_kernel' must be kernels that NumPy's BLAS has for the processor"
        problems.append(f"{rule}, {cpu_name()} (asked for {demands.kernel}, got {blas_kernel()}).")
    return problems


def _other_folder(demands: Demands) -> list[str]:
    """Say why records can't be shared with the launching host."""
    directory = sweep_directory(demands.mlruns, demands.sweep)
    if not sees_folder(demands):
        return [f"'{demands.mlruns}' must be the folder of that name on {demands.host} (it is another one)."]
    trial = directory / temporary_name("trial")  # the next launch removes it if this one is killed here
    try:
        with writing(directory):
            trial.touch()
            trial.unlink()
    except UserError as error:
        return [str(error)]
    if not _locks_hold(demands, directory / HEARTBEAT):
        rule = "must lie on a file system whose locks hold across hosts (NFS 4; Lustre mounted with `flock`)"
        return [f"'{demands.mlruns}' {rule}: the lock that {demands.host} holds is free here."]
    return []


def sees_folder(demands: Demands) -> bool:
    """Tell whether the folder of records here is that of the launching host."""
    try:
        return (read_file(sweep_directory(demands.mlruns, demands.sweep) / NONCE) or b"").decode() == demands.nonce
    except (UserError, DamagedError):
        return False


def _locks_hold(demands: Demands, heartbeat: Path) -> bool:
    """Tell whether the launch's lock is held, as seen from here, or there is no launch that could hold it.

    A launch that was killed, or left its sweep to the cluster, holds no lock, and writes no heartbeats either.
    """
    sweep = read_sweep(demands.mlruns, demands.sweep)
    if is_live(demands.mlruns, demands.sweep) or sweep is None or sweep.state != "running":
        return True
    before, deadline = read_file(heartbeat), time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        time.sleep(BEAT / 4)
        if read_file(heartbeat) != before:
            return is_live(demands.mlruns, demands.sweep)
    return True


def _missing_data(data: Data) -> list[str]:
    """Say why the images can't be had."""
    try:
        load(data)
    except UserError as error:
        return str(error).splitlines()
    return []
