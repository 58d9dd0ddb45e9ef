"""How cost grows: a step with the stack, the filters and the cores; memory with the images, the stack and the jobs.

Each part of the result has its axis first and beside it, value by value, what was measured.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.measure import fresh
from benchmarks.measure.commands import peak_memory
from benchmarks.measure.workplace import new_workplace, tree_bytes

Series = dict[str, list[float | None]]
Growth = dict[str, Series]

STACKS = (1, 2, 4, 8, 16, 32, 64)
FILTERS = (2, 4, 8, 16, 32, 64)
IMAGES = (1000, 4000, 16_000, 59_000)
JOBS = (1, 4, 16, 48, 96)  # one process trains: the stack grows up to 16 networks, then the number of stacks does
NETWORKS_AT_ONCE = 16  # of 8 filters, in one stack of the launcher's

QUICK_STACKS = (1, 8, 64)
QUICK_FILTERS = (2, 8, 64)
QUICK_IMAGES = (1000, 59_000)
QUICK_JOBS = (1, 16)


def measure(mnist: Path | None, *, quick: bool) -> Growth:
    """Measure how cost grows.

    Args:
        mnist: The folder of MNIST's files; without it memory against images is left out.
        quick: Fewer values and repeats.
    """
    repeats = 3 if quick else 9
    last_core = fresh.cores()[-1:]
    growth: Growth = fresh.call(
        "growth_steps",
        "microseconds",
        QUICK_STACKS if quick else STACKS,
        QUICK_FILTERS if quick else FILTERS,
        repeats,
        on=last_core,
    )
    growth["cores"] = _cores(repeats)
    if mnist is not None:
        numbers = QUICK_IMAGES if quick else IMAGES
        peaks: list[float | None] = [peak_memory(mnist, number) for number in numbers]
        growth["images"] = {"images": list(numbers), "peak_mb": peaks}
    growth["jobs"] = _jobs(QUICK_JOBS if quick else JOBS)
    return growth


def _cores(repeats: int) -> Series:
    """Measure the steps a second, of all models together, of one process a core, each with a stack of 16."""
    available = fresh.cores()
    counts = [2**power for power in range(len(available).bit_length())]  # 1, 2, 4 ... as many as there are
    rates: list[float | None] = []
    for count in counts:
        with ThreadPoolExecutor(count) as threads:
            # each process waits for its own result; those that begin together end together, to a few percent
            calls = [
                threads.submit(fresh.call, "growth_steps", "steps_a_second", NETWORKS_AT_ONCE, repeats, on=[core])
                for core in available[:count]
            ]
            rates.append(sum(call.result() for call in calls))
    return {"cores": list(counts), "steps_a_second": rates}


def _jobs(numbers: Sequence[int]) -> Series:
    """Measure the peak memory of sweeps of short runs, all of their processes together."""
    short = ("hydra.launcher.n_jobs=1", "data.num_train=500", "train.epochs=1")
    peaks: list[float | None] = []
    for number in numbers:
        with new_workplace() as workplace:
            sweep = workplace.run("train", "-m", f"train.seed=range({number})", *short, sample=tree_bytes)
        peaks.append(sweep.sampled_mb)
    stacks = [min(number, NETWORKS_AT_ONCE) for number in numbers]
    return {"jobs": list(numbers), "stack": list(stacks), "peak_mb": peaks}
