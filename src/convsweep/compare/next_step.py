"""What to run next to know more: the jobs that are missing, or the seeds that would tell configurations apart."""

import re
import shlex
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from convsweep.compare.comparison import CONFIDENCE, Comparison, Standing
from convsweep.compare.runs import Run
from convsweep.compare.statistics.power import seeds_to_tell
from convsweep.errors import UserError
from convsweep.naming import overrides
from convsweep.records.files import DamagedError
from convsweep.records.journal import read_config, read_result, run_directory
from convsweep.records.sweep import Sweep

Seed = tuple[int, ...]  # of the initial parameters, and of the order: see ``Run.seeds``

FIRST_SEEDS = 5  # to ask for where there is one: few, and enough to see how much seeds matter
MOST_SEEDS = 20  # to ask for, or twice as many as there are


class NextStep(NamedTuple):
    """Commands that train what is missing, and what they are good for."""

    commands: tuple[str, ...]  # as a shell takes them; all of them are needed
    purpose: str  # what comes after "To"
    num_runs: int  # that they train: finished runs are not trained again
    seconds: float | None  # that these take one after the other; None: no run has finished yet


def next_step(comparisons: Sequence[Comparison], sweep: Sweep | None, mlruns: Path) -> NextStep | None:
    """Return how to answer what comparisons leave open; None if more seeds wouldn't, or are being trained.

    Args:
        comparisons: Of the runs of a sweep, or of all runs.
        sweep: Whose command is to be given again, or with more seeds; None: every configuration is trained by a
            command of its own, which `convsweep compare --all` takes in.
        mlruns: Where the records are.
    """
    runs = [run for comparison in comparisons for run in comparison.runs]
    unfinished = _unfinished(sweep, runs, mlruns) if sweep is not None else 0
    if unfinished and any(run.outcome == "running" for run in runs):
        return None
    step: NextStep | None
    if sweep is not None and unfinished:
        step = NextStep((_command(sweep, mlruns),), "have a result of every job", unfinished, None)
    else:
        found = (_of_one(comparison, comparisons, sweep, mlruns) for comparison in comparisons)
        step = next((one for one in found if one is not None), None)
    if step is None:
        return None
    finished = [one.configuration.seconds for comparison in comparisons for one in comparison.standings if one.runs]
    return step._replace(seconds=step.num_runs * float(np.mean(finished)) if finished else None)


def _unfinished(sweep: Sweep, runs: Iterable[Run], mlruns: Path) -> int:
    """Return how many runs of a sweep have no result."""
    # subtle: two jobs may be the same training, of which a comparison keeps one
    unknown = {job.run_key for job in sweep.jobs} - {run.run_key for run in runs if run.result is not None}
    return sum(not _has_result(run_directory(mlruns, key)) for key in unknown)


def _has_result(directory: Path) -> bool:
    try:
        return read_result(directory) is not None
    except DamagedError:
        return False


def _of_one(
    comparison: Comparison, comparisons: Sequence[Comparison], sweep: Sweep | None, mlruns: Path
) -> NextStep | None:
    if comparison.left_out or comparison.has_unused_seeds:
        most = max(comparison.compared, key=lambda one: len(one.configuration.finished))
        wanted = list(comparison.seeds) or [run.seeds for run in most.configuration.finished]
        purpose = "compare all of them with the same seeds"
    else:
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
        wanted = [(seed, order) for seed in numbers for order in orders]
    if len(comparisons) > 1:
        purpose += f" (judged on {comparison.group})"
    # without shuffling there is no order: runs of both kinds are compared if the others have the order 0
    fix_order = len({one.configuration.values["train.shuffle"] for one in comparison.standings}) > 1
    if fix_order:
        wanted = [(seed, 0) for seed in sorted({seed for seed, _ in wanted})]
    if sweep is None:
        step = _with_commands_of_their_own(comparison, wanted, mlruns)
    else:
        command = _command(sweep, mlruns, {seed for seed, _ in wanted}, fix_order=fix_order)
        step = (command,), sum(len(lacking) for one in comparisons for lacking in _lacking(one.standings, wanted))
    commands, num_runs = step
    return NextStep(commands, purpose, num_runs, None) if num_runs else None


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
    all_of = "the other one" if len(candidates) == 1 else f"all {len(candidates)}"
    of = all_of if len(enough) == len(candidates) else f"{len(enough)} of the {len(candidates)}"
    return f"tell {of} from the best, probably", max(enough)


def _lacking(standings: Iterable[Standing], seeds: Iterable[Seed]) -> list[set[Seed]]:
    """Return which of the seeds each configuration has no result of."""
    return [set(seeds) - {run.seeds for run in one.configuration.runs if run.result} for one in standings]


def _with_commands_of_their_own(
    comparison: Comparison, seeds: Sequence[Seed], mlruns: Path
) -> tuple[tuple[str, ...], int]:
    """Return a command for each configuration that lacks seeds, and how many runs these train."""
    standings = [*comparison.compared, *comparison.left_out]
    lacking = _lacking(standings, seeds)
    commands = []
    for one, of_one in zip(standings, lacking, strict=True):
        folder = None
        with suppress(UserError):
            folder = getattr(read_config(one.configuration.runs[0].directory).data, "dir", None)
        for order in sorted({order for _, order in of_one}):
            own = _listed(seed for seed, its_order in of_one if its_order == order)
            words = [*overrides(one.configuration.values), *([f"data.dir={_quoted(folder)}"] if folder else [])]
            words += [f"train.order_seed={order}", f"train.seed={own}", *_place(mlruns)]
            commands.append(shlex.join(["convsweep", "train", "-m", *words]))
    return tuple(commands), sum(map(len, lacking))


def _command(sweep: Sweep, mlruns: Path, seeds: Iterable[int] = (), *, fix_order: bool = False) -> str:
    """Return a sweep's command, with other seeds if some are given; runs that have finished are not trained again."""
    new = [f"train.seed={_listed(seeds)}"] if seeds else []
    new += ["train.order_seed=0"] if fix_order else []
    replaced = {"rerun", "mlruns", *(word.partition("=")[0] for word in new)}
    words = [word for word in sweep.command if word.partition("=")[0].lstrip("+") not in replaced]
    return shlex.join(["convsweep", "train", *(["-m"] if not sweep.multirun else []), *words, *new, *_place(mlruns)])


def _place(mlruns: Path) -> list[str]:
    """Return the word that says where the records are; none in the folder where they are by default."""
    return [] if mlruns.resolve() == Path("mlruns").resolve() else [f"mlruns={_quoted(mlruns)}"]


def _quoted(path: Path) -> str:
    """Return a path as Hydra takes it: in quotes if it has anything but letters, digits and a path's usual signs."""
    text = str(path)
    return text if re.fullmatch(r"[\w./+-]+", text) else "'" + text.replace("'", "\\'") + "'"


def _listed(seeds: Iterable[int]) -> str:
    """Return seeds as an axis.

    >>> _listed([2, 0, 1, 3, 4]), _listed([3, 7])
    ('range(0,5)', '3,7')
    """
    numbers = sorted(seeds)
    if len(numbers) > 3 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"range({numbers[0]},{numbers[-1] + 1})"
    return ",".join(map(str, numbers))
