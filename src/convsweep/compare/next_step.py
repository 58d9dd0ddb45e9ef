"""What to run next to know more: the jobs that are missing, or the seeds that would tell configurations apart."""

import shlex
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from convsweep.compare.comparison import CONFIDENCE, Comparison, Standing
from convsweep.compare.statistics.power import seeds_to_tell
from convsweep.naming import overrides
from convsweep.records.sweep import Sweep

FIRST_SEEDS = 5  # to ask for where there is one: few, and enough to see how much seeds matter
MOST_SEEDS = 20  # to ask for, or twice as many as there are


class NextStep(NamedTuple):
    """Commands that train what is missing, and what they are good for."""

    commands: tuple[str, ...]  # as a shell takes them; all of them are needed
    purpose: str  # what comes after "To"
    num_runs: int  # that they train: finished runs are not trained again
    seconds: float | None  # that these take one after the other; None: no run has finished yet


def next_step(comparisons: Sequence[Comparison], sweep: Sweep | None) -> NextStep | None:
    """Return how to answer what comparisons leave open; None if more seeds would answer nothing.

    Args:
        comparisons: Of the runs of a sweep, or of all runs.
        sweep: Whose command is to be given again, or with more seeds; None: every configuration is trained by a
            command of its own, which `convsweep compare --all` takes in.
    """
    ended = {run.run_key for comparison in comparisons for run in comparison.runs if run.result is not None}
    unfinished = {job.run_key for job in sweep.jobs} - ended if sweep is not None else set()
    found = (_of_one(comparison, sweep) for comparison in comparisons)
    step = next((one for one in found if one is not None), None)
    if sweep is not None and unfinished:
        step = NextStep((_command(sweep),), "have a result of every job", len(unfinished), None)
    if step is None:
        return None
    finished = [one.configuration.seconds for comparison in comparisons for one in comparison.standings if one.runs]
    return step._replace(seconds=step.num_runs * float(np.mean(finished)) if finished else None)


def _of_one(comparison: Comparison, sweep: Sweep | None) -> NextStep | None:
    if comparison.left_out:
        wanted = sorted({run.seeds for one in comparison.standings for run in one.runs})
        return _with_seeds(comparison, sweep, wanted, "compare all of them with the same seeds")
    leader, candidates = comparison.leader, comparison.candidates
    if leader is None or not candidates:
        return None
    seeds = comparison.seeds or tuple(run.seeds for run in leader.runs)
    if len(seeds) < 2:
        purpose, number = "learn what other seeds change", FIRST_SEEDS
    else:
        purpose, number = _to_tell_apart(comparison, leader, candidates)
    orders = sorted({order for _, order in seeds})
    numbers = sorted({seed for seed, _ in seeds})
    while len(numbers) * len(orders) < number:
        numbers.append(numbers[-1] + 1)
    return _with_seeds(comparison, sweep, [(seed, order) for seed in numbers for order in orders], purpose)


def _to_tell_apart(comparison: Comparison, leader: Standing, candidates: Sequence[Standing]) -> tuple[str, int]:
    """Return what more seeds promise, and how many there have to be."""
    most = max(MOST_SEEDS, 2 * comparison.num_seeds)
    best = np.array([run.valid_accuracy for run in leader.runs], float)
    needed = [
        seeds_to_tell(
            best - np.array([run.valid_accuracy for run in one.runs], float),
            num_comparisons=len(comparison.compared) - 1,
            most=most,
            step=1 / comparison.num_valid,
            confidence=CONFIDENCE,
        )
        for one in candidates
    ]
    enough = [number for number in needed if number is not None]
    if not enough:
        return f"look closer, though {most} seeds may not tell them apart either", most
    of = "the other one" if len(candidates) == 1 else f"{len(enough)} of the {len(candidates)}"
    return f"tell {of} from the best, probably", max(enough)


def _with_seeds(
    comparison: Comparison, sweep: Sweep | None, seeds: Sequence[tuple[int, ...]], purpose: str
) -> NextStep:
    """Return the commands that give every configuration these seeds."""
    trained = comparison.standings if sweep is not None else (*comparison.compared, *comparison.left_out)
    lacking = [set(seeds) - {run.seeds for run in one.configuration.runs if run.result} for one in trained]
    num_runs = sum(map(len, lacking))
    if sweep is not None:
        return NextStep((_command(sweep, {seed for seed, _ in seeds}),), purpose, num_runs, None)
    commands = []
    for one, of_one in zip(trained, lacking, strict=True):
        for order in sorted({order for _, order in of_one}):
            own = _listed(seed for seed, its_order in of_one if its_order == order)
            words = [*overrides(one.configuration.values), f"train.order_seed={order}", f"train.seed={own}"]
            commands.append(shlex.join(["convsweep", "train", "-m", *words]))
    return NextStep(tuple(commands), purpose, num_runs, None)


def _command(sweep: Sweep, seeds: Iterable[int] = ()) -> str:
    """Return a sweep's command, with other seeds if some are given; runs that have finished are not trained again."""
    words = [word for word in sweep.command if word != "rerun=true"]
    if seeds:
        words = [
            *(word for word in words if not word.lstrip("+").startswith("train.seed=")),
            f"train.seed={_listed(seeds)}",
        ]
    if not sweep.multirun:
        words.insert(0, "-m")
    return shlex.join(["convsweep", "train", *words])


def _listed(seeds: Iterable[int]) -> str:
    """Return seeds as an axis.

    >>> _listed([2, 0, 1, 3, 4]), _listed([3, 7])
    ('range(0,5)', '3,7')
    """
    numbers = sorted(seeds)
    if len(numbers) > 3 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"range({numbers[0]},{numbers[-1] + 1})"
    return ",".join(map(str, numbers))
