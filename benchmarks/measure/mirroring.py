"""What it costs to tell MLflow of a finished run: metrics, params, tags, figures and the model.

The records are of runs that train little but have as much to tell as the default one: 10 epochs of 9
windows. They are made without MLflow; then the mirror is run by itself. What it takes for a single run
is subtracted: importing MLflow and opening its store is paid once a sweep.
"""

from benchmarks.measure.workplace import Workplace, new_workplace

FEW_IMAGES = ("data.num_train=90", "train.window=10", "train.epochs=10")
RUNS = 32


def cpu_seconds_per_run(repeats: int) -> list[float]:
    """Return the mirror's CPU-seconds a run."""
    samples = []
    for _ in range(repeats):
        with new_workplace(with_store=True) as workplace:
            one = _mirror_cpu_seconds(workplace, "train.seed=1000")
            several = _mirror_cpu_seconds(workplace, f"train.seed=range({RUNS})")
        samples.append((several - one) / (RUNS - 1))
    return samples


def _mirror_cpu_seconds(workplace: Workplace, seeds: str) -> float:
    workplace.run("train", "-m", *FEW_IMAGES, seeds, "tracking.enabled=false")
    return workplace.run("sync").cpu_seconds
