"""What whole commands cost that users wait for: help, errors, a single run, a first sweep, a long training."""

from pathlib import Path

from benchmarks.measure import fresh
from benchmarks.measure.workplace import new_workplace


def start_up(repeats: int) -> dict[str, list[float]]:
    """Return the seconds of help and of a configuration error, ``repeats`` of each, in turns."""
    samples: dict[str, list[float]] = {"help_s": [], "train_help_s": [], "config_error_s": []}
    with new_workplace() as workplace:
        workplace.run("train", "--help")  # the first after an installation compiles
        for _ in range(repeats):
            samples["help_s"].append(workplace.run("--help").seconds)
            samples["train_help_s"].append(workplace.run("train", "--help").seconds)
            samples["config_error_s"].append(workplace.run("train", "train.epochs=0", status=1).seconds)
    return samples


def peak_memory(mnist: Path, num_train: int = 59_000) -> float:
    """Return the peak memory, in MB, of training on MNIST for one epoch, figures included."""
    images = ("data=mnist", f"data.dir={mnist.resolve()}", f"data.num_train={num_train}", "data.num_test=10000")
    with new_workplace() as workplace:
        return workplace.run("train", *images, "data.num_valid=1000", "train.epochs=1").largest_mb


FIRST_SWEEP = ("train", "experiment=first_sweep", "train.seed=0,1,2")  # 54 runs of 3 epochs


def first_sweep(repeats: int) -> list[float]:
    """Return the seconds of the sweep of ``make sweep`` with three of its seeds, all of it recorded."""
    return [_first_sweep() for _ in range(repeats)]


def _first_sweep() -> float:
    with new_workplace() as workplace:
        return workplace.run(*FIRST_SWEEP).seconds


def comparing(repeats: int) -> dict[str, list[float]]:
    """Return the seconds of comparing the first sweep's runs, and of comparing 5,000 runs with a report."""
    samples: dict[str, list[float]] = {"compare54_s": [], "compare5000_s": []}
    with new_workplace() as workplace:
        workplace.run(*FIRST_SWEEP)
        for _ in range(repeats):
            samples["compare54_s"].append(workplace.run("compare").seconds)
    with new_workplace() as workplace:
        fresh.call("invented_sweep", "write", str(workplace.mlruns), 5000)
        for _ in range(repeats):
            samples["compare5000_s"].append(workplace.run("compare", "--html", "report.html").seconds)
    return samples
