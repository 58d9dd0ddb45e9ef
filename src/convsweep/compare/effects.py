"""What each hyperparameter does to accuracy on ``valid``, over the finished runs of a comparison."""

import itertools
import math
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple, cast

import numpy as np

from convsweep.compare.comparison import Comparison
from convsweep.compare.runs import Run
from convsweep.compare.statistics.effects import (
    Cell,
    PairedEffect,
    VarianceShares,
    mean_cells,
    paired_effect,
    variance_shares,
)

MOST_LEVELS = 12  # of a hyperparameter: a random search has a level a run, of which no two can be paired


class Step(NamedTuple):
    """From a level of a hyperparameter to the next one."""

    key: str  # of the configuration
    baseline: object
    level: object
    effect: PairedEffect


class Interaction(NamedTuple):
    """The two strongest hyperparameters, and the mean accuracy of every two of their levels."""

    row_key: str
    column_key: str
    rows: tuple[object, ...]  # levels, in order
    columns: tuple[object, ...]
    cells: Mapping[tuple[object, object], Cell]  # by row and column; where nothing finished there is none


class Effects(NamedTuple):
    """What hyperparameters do."""

    steps: tuple[Step, ...]  # in the order of the keys, then of their levels
    left_out: tuple[str, ...]  # keys that have too many levels for steps
    shares: VarianceShares | None  # in the order of the comparison's keys
    no_shares: str  # why there are none, a sentence; empty if there are
    interaction: Interaction | None  # None: fewer than two hyperparameters have steps


def find_effects(comparison: Comparison) -> Effects:
    """Return what each hyperparameter does, paired over the others, and how they interact."""
    runs = _finished(comparison)
    levels = {key: _levels(runs, key) for key in comparison.keys}
    few = [key for key in comparison.keys if 2 <= len(levels[key]) <= MOST_LEVELS]
    steps = [step for key in few for step in _steps(comparison, runs, key, levels[key])]
    shares, no_shares = _shares(comparison, runs)
    return Effects(
        steps=tuple(steps),
        left_out=tuple(key for key in comparison.keys if len(levels[key]) > MOST_LEVELS),
        shares=shares,
        no_shares=no_shares,
        interaction=_interaction(comparison, runs, levels, _by_strength(comparison, few, steps, shares)),
    )


def _finished(comparison: Comparison) -> list[Run]:
    """Return the finished runs, one for each configuration and seed: other code may have trained it again."""
    first: dict[tuple[Hashable, ...], Run] = {}
    for standing in comparison.standings:
        for run in standing.configuration.finished:
            first.setdefault((*_setting(run, comparison.keys), run.seeds), run)
    return list(first.values())


def _setting(run: Run, keys: Sequence[str]) -> tuple[Hashable, ...]:
    return tuple(run.values.get(key) for key in keys)


def _levels(runs: Sequence[Run], key: str) -> list[object]:
    """Return the values of a key, numbers by size."""
    found = {run.values.get(key) for run in runs}
    numbers = all(isinstance(value, int | float) for value in found)
    return sorted(found, key=None if numbers else str)  # type: ignore[type-var, arg-type] # numbers, if not by text


def _steps(comparison: Comparison, runs: Sequence[Run], key: str, levels: Sequence[object]) -> list[Step]:
    others = [other for other in comparison.keys if other != key]
    columns = (
        [cast(float, run.valid_accuracy) for run in runs],
        _setting_of(runs, key),
        [_setting(run, others) for run in runs],
        [run.seeds for run in runs],
    )
    steps = []
    for baseline, level in itertools.pairwise(levels):
        effect = paired_effect(
            *columns,
            level=level,
            baseline=baseline,
            step=1 / comparison.num_valid,
        )
        if effect is not None:
            steps.append(Step(key, baseline, level, effect))
    return steps


def _setting_of(runs: Sequence[Run], key: str) -> list[Hashable]:
    return [run.values.get(key) for run in runs]


def _shares(comparison: Comparison, runs: Sequence[Run]) -> tuple[VarianceShares | None, str]:
    """Return the shares of variance if every combination finished with every seed; or none, and why."""
    if not comparison.keys:
        return None, "Nothing but seeds varies, so there are no shares of variance."
    wanted = [run for standing in comparison.standings for run in standing.configuration.runs]
    levels = {key: _levels(wanted, key) for key in comparison.keys}
    seeds = sorted({run.seeds for run in wanted})
    if len(comparison.keys) == 1 and len(seeds) == 1:
        return None, "With one hyperparameter and one seed there is nothing to divide the variance among."
    shape = [*(len(levels[key]) for key in comparison.keys), len(seeds)]
    size = math.prod(shape)
    if size != len(runs) or size == 0:
        return None, (
            f"No shares of variance are claimed: they need every combination with every seed ({size:,} runs here), "
            f"of which {len(runs):,} finished."
        )
    scores = np.full(shape, math.nan)
    for run in runs:
        place = (levels[key].index(run.values.get(key)) for key in comparison.keys)
        scores[(*place, seeds.index(run.seeds))] = run.valid_accuracy
    shares = variance_shares(scores)
    return shares, "" if shares is not None else "All runs are equally accurate: there is no variance to share."


def _by_strength(
    comparison: Comparison, keys: Sequence[str], steps: Sequence[Step], shares: VarianceShares | None
) -> list[str]:
    """Return keys, the strongest first: by share of variance, or by the largest step where no share is known."""
    strength = {key: max((abs(step.effect.mean) for step in steps if step.key == key), default=0.0) for key in keys}
    if shares is not None:
        strength |= dict(zip(comparison.keys, shares.main, strict=True))
    return sorted(keys, key=lambda key: -strength[key])


def _interaction(
    comparison: Comparison, runs: Sequence[Run], levels: Mapping[str, Sequence[object]], strongest: Sequence[str]
) -> Interaction | None:
    if len(strongest) < 2:
        return None
    row_key, column_key = strongest[:2]
    cells = mean_cells(
        [cast(float, run.valid_accuracy) for run in runs],
        _setting_of(runs, row_key),
        _setting_of(runs, column_key),
        [run.seeds for run in runs],
        step=1 / comparison.num_valid,
    )
    return Interaction(
        row_key,
        column_key,
        tuple(levels[row_key]),
        tuple(levels[column_key]),
        cast("Mapping[tuple[object, object], Cell]", cells),
    )
