"""What each hyperparameter does to accuracy on ``valid``, over the runs of a comparison.

A mean over the runs that are left, where others diverged, flatters its level. So every mean comes with the number of
runs that diverged, and a combination of levels that lost a run is in no test of which one is best. If the comparison
speaks of certain seeds, so do effects: a sweep that gave some configurations more seeds is still a complete grid.
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple, cast

import numpy as np

from convsweep.compare.comparison import Comparison
from convsweep.compare.runs import Run
from convsweep.compare.statistics.best import best_candidates
from convsweep.compare.statistics.effects import PairedEffect, VarianceShares, paired_effect, variance_shares

MOST_LEVELS = 12  # of a hyperparameter: a random search has a level a run, of which no two can be paired

Setting = tuple[Hashable, ...]
Slot = tuple[Setting, tuple[int, ...]]  # where a run stands: a setting and the seeds
Level = dict[Slot, Run]  # the runs with a level of a hyperparameter, or with one of each of two


class Tally(NamedTuple):
    """How many runs, or pairs of runs, a mean is of, and how many it lacks."""

    finished: int
    diverged: int  # of pairs: of which a run diverged
    missing: int  # combinations that failed, were stopped, haven't begun, or are no part of the sweep

    @property
    def total(self) -> int:
        """How many there are in all."""
        return sum(self)

    @property
    def lost(self) -> str:
        """``5 diverged, 1 missing``; empty if nothing is."""
        found = zip(self._fields[1:], self[1:], strict=True)
        return ", ".join(f"{number:,} {name}" for name, number in found if number)

    def __str__(self) -> str:
        """Return ``9``; ``3 of 9 (5 diverged, 1 missing)``."""
        return f"{self.finished:,} of {self.total:,} ({self.lost})" if self.lost else f"{self.finished:,}"


class Step(NamedTuple):
    """From a level of a hyperparameter to the next one of which a run finished."""

    key: str  # of the configuration
    baseline: object
    level: object
    pairs: Tally
    effect: PairedEffect  # the intervals of all steps hold at once

    @property
    def is_certain(self) -> bool:
        """Whether the interval leaves out 0."""
        low, high = self.effect.interval
        return low > 0 or high < 0


class Losses(NamedTuple):
    """A level of a hyperparameter at which runs diverged."""

    key: str
    level: object
    runs: Tally


class Cell(NamedTuple):
    """The runs with one level of each of two hyperparameters."""

    mean: float | None  # of those that finished; None: none has
    runs: Tally
    may_be_highest: bool | None  # of the table's means over all seeds; None: not tested


class Interaction(NamedTuple):
    """The two strongest hyperparameters, and the mean accuracy of every two of their levels."""

    row_key: str
    column_key: str
    rows: tuple[object, ...]  # levels, in order
    columns: tuple[object, ...]
    cells: Mapping[Setting, Cell]  # by row and column


class Effects(NamedTuple):
    """What hyperparameters do."""

    steps: tuple[Step, ...]  # in the order of the keys, then of their levels
    diverged: tuple[Losses, ...]  # in the order of the keys, then of the levels
    left_out: tuple[str, ...]  # keys that have too many levels for steps
    shares: VarianceShares | None  # in the order of the comparison's keys
    no_shares: str  # why there are none, a sentence; empty if there are
    interaction: Interaction | None  # None: fewer than two hyperparameters have steps


def find_effects(comparison: Comparison) -> Effects:
    """Return what each hyperparameter does, paired over the others, and how they interact."""
    seeds = comparison.seeds if comparison.method == "seeds" else ()
    all_runs = [run for standing in comparison.standings for run in standing.configuration.runs]
    runs = [run for run in all_runs if not seeds or run.seeds in seeds or run.outcome == "diverged"]
    tables = {key: _table(runs, comparison.keys, key) for key in comparison.keys}
    few = {key: table for key, table in tables.items() if 2 <= len(table) <= MOST_LEVELS}
    steps = _steps(few, step=1 / comparison.num_valid)
    shares, no_shares = _shares(comparison, runs)
    strongest = _by_strength(comparison, list(few), steps, shares)
    return Effects(
        steps=tuple(steps),
        diverged=tuple(
            Losses(key, level[0], tally)
            for key, table in few.items()
            for level, of_level in table.items()
            if (tally := _tally(_slots(table.values()), of_level)).diverged
        ),
        left_out=tuple(key for key, table in tables.items() if len(table) > MOST_LEVELS),
        shares=shares,
        no_shares=no_shares,
        interaction=_interaction(comparison, runs, *strongest[:2]) if len(strongest) > 1 else None,
    )


def _table(runs: Iterable[Run], keys: Sequence[str], *chosen: str) -> dict[Setting, Level]:
    """Return the runs with each level of a hyperparameter, or with each of several, in the order of the levels."""
    others = [key for key in keys if key not in chosen]
    table: dict[Setting, Level] = defaultdict(dict)
    for run in runs:
        level, setting = (tuple(run.values.get(key) for key in some) for some in (chosen, others))
        table[level][setting, run.seeds] = run
    orders = [_in_order(values) for values in zip(*table, strict=True)]
    return {level: table[level] for level in itertools.product(*orders) if level in table}


def _in_order(values: Iterable[object]) -> list[object]:
    """Return different values, numbers by size, others by their text."""
    found = set(values)
    numbers = all(isinstance(value, int | float) for value in found)
    return sorted(found, key=None if numbers else str)  # type: ignore[type-var, arg-type] # numbers, if not by text


def _slots(levels: Iterable[Level]) -> list[Slot]:
    """Return every setting and seed with which some level has a run that didn't diverge: each level should have one."""
    return list(dict.fromkeys(slot for level in levels for slot, run in level.items() if run.outcome != "diverged"))


def _finished(slots: Iterable[Slot], *levels: Level) -> list[Slot]:
    """Return the settings and seeds with which a run of each of these levels has finished."""
    return [slot for slot in slots if all(slot in level and level[slot].outcome == "finished" for level in levels)]


def _tally(slots: Sequence[Slot], *levels: Level) -> Tally:
    finished = _finished(slots, *levels)
    diverged = {slot for level in levels for slot, run in level.items() if run.outcome == "diverged"}
    return Tally(len(finished), len(diverged), len({*slots} | diverged) - len(finished) - len(diverged))


def _steps(tables: Mapping[str, Mapping[Setting, Level]], *, step: float) -> list[Step]:
    """Return the steps of all hyperparameters that have a pair, with intervals that hold for all of them at once."""
    paired = []
    for key, table in tables.items():
        slots = _slots(table.values())
        with_runs = [level for level in table.items() if _finished(slots, level[1])]
        for ((baseline,), before), ((level,), after) in itertools.pairwise(with_runs):
            if pairs := _finished(slots, before, after):
                differences = [_accuracy(after[slot]) - _accuracy(before[slot]) for slot in pairs]
                paired.append((key, baseline, level, _tally(slots, before, after), differences, pairs))
    steps = []
    for key, baseline, level, tally, differences, pairs in paired:
        settings, seeds = zip(*pairs, strict=True)
        effect = paired_effect(differences, settings, seeds, step=step, num_effects=len(paired))
        steps.append(Step(key, baseline, level, tally, effect))
    return steps


def _accuracy(run: Run) -> float:
    return cast(float, run.valid_accuracy)  # it has finished


def _shares(comparison: Comparison, runs: Sequence[Run]) -> tuple[VarianceShares | None, str]:
    """Return the shares of variance if every combination finished with every seed; or none, and why."""
    if not comparison.keys:
        return None, "Nothing but seeds varies, so there are no shares of variance."
    levels = [_in_order(one.configuration.values.get(key) for one in comparison.standings) for key in comparison.keys]
    seeds = sorted({run.seeds for run in runs})
    if len(levels) == len(seeds) == 1:
        return None, "With one hyperparameter and one seed there is nothing to divide the variance among."
    shape = [*map(len, levels), len(seeds)]
    finished = [run for run in runs if run.outcome == "finished"]
    if math.prod(shape) != len(finished):
        return None, (
            f"No shares of variance are claimed: they need every combination with every seed "
            f"({math.prod(shape):,} runs here), of which {len(finished):,} finished."
        )
    scores = np.empty(shape)
    for run in finished:
        place = [of_key.index(run.values.get(key)) for key, of_key in zip(comparison.keys, levels, strict=True)]
        scores[(*place, seeds.index(run.seeds))] = run.valid_accuracy
    shares = variance_shares(scores, step=1 / comparison.num_valid)
    return shares, "" if shares is not None else "All runs are equally accurate: there is no variance to share."


def _by_strength(
    comparison: Comparison, keys: Sequence[str], steps: Sequence[Step], shares: VarianceShares | None
) -> list[str]:
    """Return keys, the strongest first: by share of variance, or by the largest step where no share is known."""
    strength = {key: max((abs(step.effect.mean) for step in steps if step.key == key), default=0.0) for key in keys}
    if shares is not None:
        strength |= dict(zip(comparison.keys, (share.estimate for share in shares.main), strict=True))
    return sorted(keys, key=lambda key: -strength[key])


def _interaction(comparison: Comparison, runs: Sequence[Run], row_key: str, column_key: str) -> Interaction:
    """Return the mean of every two levels, and which may be the highest of those that lost no run.

    They are compared by seed, each with its mean over all other settings.
    """
    table = _table(runs, comparison.keys, row_key, column_key)
    slots = _slots(table.values())
    tallies = {levels: _tally(slots, of_levels) for levels, of_levels in table.items()}
    whole = [levels for levels, tally in tallies.items() if tally.finished == tally.total]
    seeds = sorted({seeds for _, seeds in slots})
    may_be_highest: dict[Setting, bool] = {}
    if len(whole) > 1 and len(seeds) > 1:
        means = [
            [np.mean([_accuracy(run) for slot, run in table[levels].items() if slot[1] == one]) for one in seeds]
            for levels in whole
        ]
        # rounding leaves the mean of m accuracies the variance step^2 / 12m
        step = 1 / comparison.num_valid / math.sqrt(len(slots) / len(seeds))
        may_be_highest = dict(zip(whole, best_candidates(means, step=step).is_candidate.tolist(), strict=True))
    cells = {}
    for levels, of_levels in table.items():
        finished = [_accuracy(of_levels[slot]) for slot in _finished(slots, of_levels)]
        mean = float(np.mean(finished)) if finished else None
        cells[levels] = Cell(mean, tallies[levels], may_be_highest.get(levels))
    rows, columns = (_in_order(values) for values in zip(*cells, strict=True))
    return Interaction(row_key, column_key, tuple(rows), tuple(columns), cells)
