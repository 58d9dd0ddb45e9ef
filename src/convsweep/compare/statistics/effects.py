"""What does each hyperparameter do? Paired effects, shares of variance, and means by two hyperparameters.

The unit of replication, of which intervals speak, is stated with each result. Runs with the same seed share their
initial parameters or order, and settings weren't drawn at random, so pairs are no independent sample. With several
seeds each seed gives one value, its mean over the settings, and the interval says where the mean over all seeds lies,
for these settings. With one seed each setting gives one value, and the interval says only how the effect varies over
settings like these.

A setting is the values of all hyperparameters but the one, or the two, in question. It can be anything hashable.
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from convsweep.compare.statistics.checks import Floats, finite
from convsweep.compare.statistics.intervals import Interval, student_interval

Unit = Literal["seed", "setting"]


class PairedEffect(NamedTuple):
    """How much the score changes from one level of a hyperparameter to another."""

    mean: float  # of the units' mean differences
    interval: Interval
    num_pairs: int
    unit: Unit  # of replication
    num_units: int


class VarianceShares(NamedTuple):
    """How the sum of squares of a complete grid divides; all shares add up to 1."""

    main: tuple[float, ...]  # of each hyperparameter
    pairs: dict[tuple[int, int], float]  # of each two hyperparameters' interaction
    higher: float  # of interactions of three and more
    between_seeds: float | None  # None: one seed, whose noise is in the highest interaction (one factor: in its effect)


class Cell(NamedTuple):
    """The runs with one level of each of two hyperparameters."""

    mean: float  # of the units' means
    interval: Interval
    num_runs: int
    unit: Unit  # of replication
    num_units: int


def paired_effect(
    scores: npt.ArrayLike,
    levels: Sequence[Hashable],
    settings: Sequence[Hashable],
    seeds: Sequence[Hashable],
    *,
    level: Hashable,
    baseline: Hashable,
    step: float = 0.0,
    confidence: float = 0.95,
) -> PairedEffect | None:
    """Return the effect of a level against a baseline, over all settings and seeds that have both.

    Args:
        scores: ``[n]``, one a run.
        levels: ``[n]``, of the hyperparameter in question.
        settings: ``[n]``, of the others.
        seeds: ``[n]``.
        level: Whose scores are compared with those of the baseline.
        baseline: Another level. The effect is the level's score less the baseline's.
        step: Between scores that can occur: 1 / N for an accuracy on N images, 0 for a loss.
        confidence: Of the interval.

    Returns:
        None if there is no pair.

    Raises:
        ValueError: A score isn't finite, or two runs have the same level, setting and seed.

    >>> found = paired_effect([1.0, 3.0, 2.0, 6.0], [8, 16, 8, 16], ["-"] * 4, [0, 0, 1, 1], level=16, baseline=8)
    >>> found.mean, found.unit, found.num_pairs
    (3.0, 'seed', 2)
    """
    values = finite("scores", scores).tolist()
    of_run: dict[tuple[Hashable, Hashable, Hashable], float] = {}
    for run, score in zip(zip(levels, settings, seeds, strict=True), values, strict=True):
        if run in of_run:
            raise ValueError(f"two runs have the level {run[0]}, the setting {run[1]} and the seed {run[2]}.")
        of_run[run] = score
    pairs = [
        (setting, seed, score - of_run[baseline, setting, seed])
        for (of_level, setting, seed), score in of_run.items()
        if of_level == level and (baseline, setting, seed) in of_run
    ]
    if not pairs:
        return None
    unit: Unit = "seed" if len({seed for _, seed, _ in pairs}) > 1 else "setting"
    of_unit: dict[Hashable, list[float]] = defaultdict(list)
    for setting, seed, difference in pairs:
        of_unit[seed if unit == "seed" else setting].append(difference)
    mean, interval = _mean_over_units(of_unit, math.sqrt(2) * step, confidence)
    return PairedEffect(mean, interval, len(pairs), unit, len(of_unit))


def mean_cells(
    scores: npt.ArrayLike,
    rows: Sequence[Hashable],
    columns: Sequence[Hashable],
    seeds: Sequence[Hashable],
    *,
    step: float = 0.0,
    confidence: float = 0.95,
) -> dict[tuple[Hashable, Hashable], Cell]:
    """Return the mean of every cell of the table of two hyperparameters.

    Args:
        scores: ``[n]``, one a run.
        rows: ``[n]``, levels of the one hyperparameter.
        columns: ``[n]``, of the other.
        seeds: ``[n]``. If there are several in the whole table, they are the unit of replication in every cell.
        step: Between scores that can occur: 1 / N for an accuracy on N images, 0 for a loss.
        confidence: Of the intervals.

    Returns:
        By row and column, in order of appearance; cells without a run are left out.

    Raises:
        ValueError: A score isn't finite.

    >>> cells = mean_cells([1.0, 3.0, 5.0], ["a", "a", "b"], ["x", "x", "x"], [0, 1, 0])
    >>> [(cell.mean, cell.num_runs) for cell in cells.values()]
    [(2.0, 2), (5.0, 1)]
    """
    values = finite("scores", scores).tolist()
    unit: Unit = "seed" if len(set(seeds)) > 1 else "setting"
    units: Sequence[Hashable] = seeds if unit == "seed" else range(len(values))  # with one seed each run has its own
    of_cell: dict[tuple[Hashable, Hashable], dict[Hashable, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row, column, seed_or_run, score in zip(rows, columns, units, values, strict=True):
        of_cell[row, column][seed_or_run].append(score)
    cells = {}
    for cell, of_unit in of_cell.items():
        mean, interval = _mean_over_units(of_unit, step, confidence)
        num_runs = sum(len(scores_of_unit) for scores_of_unit in of_unit.values())
        cells[cell] = Cell(mean, interval, num_runs, unit, len(of_unit))
    return cells


def _mean_over_units(of_unit: dict[Hashable, list[float]], step: float, confidence: float) -> tuple[float, Interval]:
    """Return the mean of the units' means and its interval."""
    means = np.array([np.mean(values) for values in of_unit.values()])
    # rounding leaves the mean of m values the variance step^2 / 12m
    of_mean = step * math.sqrt(np.mean([1 / len(values) for values in of_unit.values()]))
    return float(means.mean()), student_interval(means, step=of_mean, confidence=confidence)


def variance_shares(scores: npt.ArrayLike) -> VarianceShares | None:
    """Return the shares of an analysis of variance with every interaction, over a complete grid.

    The model is the plain, fixed one (Fisher 1925; Montgomery, "Design and Analysis of Experiments", chapter 5): the
    effect of a set of factors is the mean over all other axes, less the effects of all its subsets. Its sum of squares
    runs over all runs. What differs between runs of one configuration is left over to seeds.

    Args:
        scores: ``[L1, ..., Lk, S]``, k >= 1: a level of each hyperparameter, and the seed.

    Returns:
        None if all scores are equal: there is nothing to share.

    Raises:
        ValueError: A score isn't finite (the grid isn't complete), or there is no hyperparameter.

    >>> shares = variance_shares([[[1.0], [2.0]], [[3.0], [4.0]]])  # one seed; the first factor adds 2, the second 1
    >>> shares.main, shares.pairs, shares.between_seeds
    ((0.8, 0.2), {(0, 1): 0.0}, None)
    """
    dimensions = np.ndim(scores)
    if dimensions < 2:
        raise ValueError(
            f"'scores' must have an axis for a hyperparameter and one for seeds (got {dimensions} in all)."
        )
    values = finite("scores", scores, dimensions)
    total = _squares(values - values.mean())
    if np.ptp(values) <= 1e-12 * np.abs(values).max():
        return None
    num_factors, num_seeds = dimensions - 1, values.shape[-1]
    cells = values.mean(axis=-1)  # [L1, ..., Lk]

    def share(*factors: int) -> float:
        return _squares(_effect(cells, factors)) * (values.size / _size(cells, factors)) / total

    main = tuple(share(factor) for factor in range(num_factors))
    pairs = {pair: share(*pair) for pair in itertools.combinations(range(num_factors), 2)}
    between_cells = _squares(cells - cells.mean()) * num_seeds / total
    higher = max(0.0, between_cells - sum(main) - sum(pairs.values())) if num_factors > 2 else 0.0
    between_seeds = None if num_seeds == 1 else _squares(values - cells[..., None]) / total
    return VarianceShares(main, pairs, higher, between_seeds)


def _effect(cells: Floats, factors: tuple[int, ...]) -> Floats:
    """Return the effect of a set of factors, with an axis for each."""
    effect: Floats = cells.mean(axis=tuple(axis for axis in range(cells.ndim) if axis not in factors))
    for axis in range(effect.ndim):
        effect = effect - effect.mean(axis=axis, keepdims=True)
    return effect


def _size(cells: Floats, factors: tuple[int, ...]) -> int:
    return math.prod(cells.shape[factor] for factor in factors)


def _squares(values: Floats) -> float:
    return float((values**2).sum())
