"""How a sweep's costs grow with its jobs, up to 10,000 of a few images: each term by itself, on local processes.

Training is told to MLflow afterwards, so that each of the two is measured alone. A job is so short that what is
measured is what a job costs beyond its training.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks.measure.workplace import Workplace, new_workplace, own_bytes
from benchmarks.results import Series

SIZES = (300, 1000, 3000, 10_000)
QUICK_SIZES = (100, 300)
OPTIONS_SIZE, QUICK_OPTIONS_SIZE = 1000, 100  # jobs of the sweeps that show what options change

SEEDS, SCALES = 5, 10
FEW_IMAGES = ("data.num_train=50", "data.num_valid=20", "data.num_test=20", "train.epochs=2", "train.window=25")
UNTOLD = "tracking.enabled=false"

OPTIONS = {  # of each sweep that shows one: overrides, and the number of mirrors
    "defaults": ((), 1),
    "checkpoints=last": (("checkpoints=last",), 1),
    "tracking.artifacts=best": (("tracking.artifacts=best",), 1),
    "tracking.artifacts=none": (("tracking.artifacts=none",), 1),
    "two mirrors": ((), 2),
    "last, none, two mirrors": (("checkpoints=last", "tracking.artifacts=none"), 2),
}


class Disk(NamedTuple):
    """What a folder takes."""

    files: int  # each once, however many names it has
    names: int  # of files, and folders
    mb: float  # 10^6 bytes, as the file system counts


class _Head:
    """The process that sees to a sweep, sampled while others train."""

    def __init__(self) -> None:
        self.cpu_seconds = 0.0

    def sample(self, process: psutil.Process) -> int:
        """Note how much time it took so far; return its memory."""
        times = process.cpu_times()
        self.cpu_seconds = times.user + times.system
        return own_bytes(process)


def growth(*, quick: bool) -> Series:
    """Return each term's cost, by the number of jobs."""
    measured: Series = {}
    for number in QUICK_SIZES if quick else SIZES:
        with new_workplace(with_store=True) as workplace:
            for name, value in _terms(workplace, number):
                measured.setdefault(name, []).append(value)
    return measured


def options(*, quick: bool) -> dict[str, Series]:
    """Return what options change, by the option: files, disk, and how fast MLflow is told."""
    number = QUICK_OPTIONS_SIZE if quick else OPTIONS_SIZE
    return {name: _with_options(number, overrides, mirrors) for name, (overrides, mirrors) in OPTIONS.items()}


def _terms(workplace: Workplace, number: int) -> Iterator[tuple[str, float]]:
    sweep = _sweep(number)
    yield "jobs", number
    yield "plan_cpu_s", workplace.run("plan", *sweep).cpu_seconds
    head = _Head()
    trained = workplace.run("train", *sweep, UNTOLD, sample=head.sample)
    yield "train_s", trained.seconds
    yield "head_cpu_ms_per_job", head.cpu_seconds / number * 1000
    yield "worker_cpu_ms_per_job", (trained.cpu_seconds - head.cpu_seconds) / number * 1000
    yield "head_mb", trained.sampled_mb
    disk = _disk(workplace.mlruns)
    yield "files_per_job", disk.files / number
    yield "kb_per_job", disk.mb / number * 1000
    told = workplace.run("sync", sample=own_bytes)
    yield "mirror_runs_per_s", number / told.seconds
    yield "mirror_cpu_ms_per_run", told.cpu_seconds / number * 1000
    yield "mirror_mb", told.sampled_mb
    with_store = _disk(workplace.mlruns)
    yield "names_per_job_with_mlflow", with_store.names / number
    yield "kb_per_job_with_mlflow", with_store.mb / number * 1000
    yield "database_kb_per_job", (workplace.mlruns / "mlflow.db").stat().st_size / number / 1000
    yield "sync_again_cpu_s", workplace.run("sync").cpu_seconds
    yield "train_again_cpu_s", workplace.run("train", *sweep, UNTOLD).cpu_seconds
    report = workplace.run("compare", "--html", "report.html", sample=own_bytes)
    yield "report_cpu_s", report.cpu_seconds
    yield "report_mb", report.sampled_mb


def _with_options(number: int, overrides: tuple[str, ...], mirrors: int) -> Series:
    with new_workplace(with_store=True) as workplace:
        workplace.run("train", *_sweep(number), *overrides, UNTOLD)
        disk = _disk(workplace.mlruns)
        told = workplace.run("sync", "--mirrors", str(mirrors))
        with_store = _disk(workplace.mlruns)
    return {
        "files_per_job": [disk.files / number],
        "kb_per_job": [disk.mb / number * 1000],
        "names_per_job_with_mlflow": [with_store.names / number],
        "mirror_runs_per_s": [number / told.seconds],
        "mirror_cpu_ms_per_run": [told.cpu_seconds / number * 1000],
    }


def _sweep(number: int) -> list[str]:
    """Return the arguments of a sweep of so many jobs: rates, scales and five seeds."""
    num_rates = number // (SEEDS * SCALES)
    rates = ",".join(f"{0.001 + 0.01 * i / num_rates:.6f}" for i in range(num_rates))
    scales = ",".join(f"{(i + 1) / 4}" for i in range(SCALES))
    axes = (f"train.learning_rate={rates}", f"model.init_scale={scales}", f"train.seed=range({SEEDS})")
    return ["-m", *FEW_IMAGES, *axes]


def _disk(folder: Path) -> Disk:
    inodes, names, blocks = set(), 0, 0
    for path, folders, files in os.walk(folder):
        names += len(folders) + len(files)
        for name in [*folders, *files]:
            state = os.lstat(os.path.join(path, name))  # noqa: PTH118 - a Path for each of a million would take minutes
            if state.st_ino not in inodes:
                inodes.add(state.st_ino)
                blocks += state.st_blocks
    return Disk(len(inodes), names, blocks * 512 / 1e6)
