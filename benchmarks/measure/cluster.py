"""What a Dask cluster costs beyond local processes: the sweep of 32 runs, on two workers that stand ready.

Scheduler and workers are on this machine, so that both ways have the same cores; they take turns.
"""

import importlib.util
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.measure.sweeps import GRID
from benchmarks.measure.workplace import CommandError, new_workplace

PATIENCE = 60.0  # seconds until the cluster must stand


def beyond_local(epochs: int, repeats: int) -> dict[str, list[float]]:
    """Time the sweep here and on the cluster, in turns.

    Args:
        epochs: That each run trains.
        repeats: Turns.

    Returns:
        Nothing if distributed is not installed.
    """
    if importlib.util.find_spec("distributed") is None:
        return {}
    names = ("sweep32_local_s", "sweep32_dask_s", "dask_beyond_local_s")
    samples: dict[str, list[float]] = {name: [] for name in names}
    with _standing_cluster() as scheduler_file:
        options = ("hydra.launcher.executor=dask", f"hydra.launcher.address={scheduler_file}")
        for _ in range(repeats):
            seconds = []
            for launcher in ((), options):
                with new_workplace(with_store=True) as workplace:
                    command = ("train", "-m", *GRID, f"train.epochs={epochs}", *launcher)
                    seconds.append(workplace.run(*command).seconds)
            for name, value in zip(names, (*seconds, seconds[1] - seconds[0]), strict=True):
                samples[name].append(value)
    return samples


@contextmanager
def _standing_cluster() -> Iterator[Path]:
    """Start a scheduler and two workers of one thread; yield the scheduler file."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as programs:
        folder = Path(name)
        file = folder / "scheduler.json"
        at = ("--scheduler-file", str(file), "--no-dashboard")
        worker = ("dask_worker", "--nthreads", "1", "--local-directory", name, *at)
        programs.enter_context(_program(folder / "log", "dask_scheduler", "--host", "127.0.0.1", "--port", "0", *at))
        for _ in range(2):
            programs.enter_context(_program(folder / "log", *worker))
        deadline = time.monotonic() + PATIENCE
        while (folder / "log").read_text().count("Registered to") < 2:
            if time.monotonic() > deadline:
                raise CommandError(f"Dask's workers did not start.\n{(folder / 'log').read_text()[-2000:]}")
            time.sleep(0.1)
        yield file


@contextmanager
def _program(log: Path, module: str, *arguments: str) -> Iterator[None]:
    with log.open("a") as output:
        program = subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{module}", *arguments], stdout=output, stderr=output
        )
    try:
        yield
    finally:
        program.terminate()
        program.wait()
