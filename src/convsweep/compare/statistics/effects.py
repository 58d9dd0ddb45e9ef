"""What does each hyperparameter do? Paired effects, and shares of variance.

The unit of replication, of which an effect's interval speaks, is stated with it. Runs with the same seed share their
initial parameters or order, and settings weren't drawn at random, so pairs are no independent sample. With several
seeds each seed gives one value, its mean over the settings, and the interval says where the mean over all seeds lies,
for these settings. With one seed each setting gives one value, and the interval says only how the effect varies over
settings like these.

A setting is the values of all hyperparameters but the one in question. It can be anything hashable.

Whoever looks at many effects finds some that seem real by chance: with intervals of 95% each, a sweep of 18 equal
configurations had one in 29% of simulated sweeps (tests/unit/test_effects_of_sweeps.py). So the intervals of m effects
have the level 1 - 5% / m each (Bonferroni) and hold for all effects at once in 95% at least, however the effects are
correlated: those of neighbouring steps are, as they share a level. Two tighter methods are not taken:

- Tukey's and the multivariate t need one variance for all levels, but at the edge of stability accuracies vary ten
  times as much as elsewhere;
- the largest t over all changes of sign of the seeds (Westfall and Young 1993) can't go below a p of 2^(1 - S): with
  three seeds 0.25.
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from convsweep.compare.statistics.checks import Floats, finite
from convsweep.compare.statistics.intervals import Interval, student_interval

Unit = Literal["seed", "setting"]
HIGHER = ()  # stands for all interactions of three hyperparameters and more


class PairedEffect(NamedTuple):
    """How much the score changes from one level of a hyperparameter to another."""

    mean: float  # of the units' mean differences
    interval: Interval
    num_pairs: int
    unit: Unit  # of replication
    num_units: int


class Share(NamedTuple):
    """What a source contributes to the variance between runs."""

    estimate: float  # if there is nothing, it is about as often below 0 as above
    p: float | None  # that there is nothing, times the number of sources, at most 1; None: there is one seed


class VarianceShares(NamedTuple):
    """How the variance between the runs of a complete grid divides; all estimates add up to 1."""

    main: tuple[Share, ...]  # of each hyperparameter
    pairs: dict[tuple[int, int], Share]  # of each two hyperparameters' interaction
    higher: Share | None  # of interactions of three and more
    residual: float  # of seeds; of one seed and the highest interaction together, which is then left out above
    num_seeds: int


def paired_effect(
    differences: npt.ArrayLike,
    settings: Sequence[Hashable],
    seeds: Sequence[Hashable],
    *,
    step: float = 0.0,
    num_effects: int = 1,
    confidence: float = 0.95,
) -> PairedEffect:
    """Return the mean of paired differences, and its interval.

    Args:
        differences: ``[n]``, n >= 1: the score at one level less that at another, of two runs that differ in it alone.
        settings: ``[n]``.
        seeds: ``[n]``.
        step: Between scores that can occur: 1 / N for an accuracy on N images, 0 for a loss.
        num_effects: Of how many effects the intervals are to hold at once.
        confidence: That all of them hold.

    Raises:
        ValueError: A difference isn't finite, or there is none.

    >>> found = paired_effect([2.0, 4.0], ["-", "-"], [0, 1])
    >>> found.mean, found.unit, found.num_pairs
    (3.0, 'seed', 2)
    """
    values = finite("differences", differences).tolist()
    unit: Unit = "seed" if len(set(seeds)) > 1 else "setting"
    of_unit: dict[Hashable, list[float]] = defaultdict(list)
    for difference, setting, seed in zip(values, settings, seeds, strict=True):
        of_unit[seed if unit == "seed" else setting].append(difference)
    means = np.array([np.mean(of_one) for of_one in of_unit.values()])
    # rounding leaves the mean of m differences of two scores the variance 2 step^2 / 12m
    of_mean = step * math.sqrt(2 * np.mean([1 / len(of_one) for of_one in of_unit.values()]))
    interval = student_interval(means, step=of_mean, confidence=1 - (1 - confidence) / num_effects)
    return PairedEffect(float(means.mean()), interval, len(values), unit, len(of_unit))


def variance_shares(scores: npt.ArrayLike, *, step: float = 0.0) -> VarianceShares | None:
    """Return the shares of an analysis of variance with every interaction, over a complete grid.

    The effect of a set of factors is the mean over all other axes, less the effects of all its subsets (Fisher 1925;
    Montgomery, "Design and Analysis of Experiments", chapter 5). Its sum of squares SS also holds what chance adds, so
    that pure noise would seem to have effects: 32% of the variance of 18 equal configurations with three seeds. Levels
    are fixed and seeds are a random sample, so the effect's interaction with seeds, with the sum of squares SS', says
    how much that is:

        variance = (SS - SS' / (S - 1)) / N,    F = SS / (SS' / (S - 1)).

    This is the numerator of omega squared (Hays 1963) with the error of a mixed model (Montgomery, chapter 13). It is
    unbiased even if seeds vary more at some levels than at others, or alike at several. For F to hold then, too, its
    degrees of freedom are those of Greenhouse and Geisser (1959). A share is a variance over the sum of all of them and
    of the mean variance between seeds.

    With one seed the highest interaction stands in for chance, which is right if it does nothing, and nothing is
    tested. What the seed does to a whole level then counts as the level's.

    No interval is given: those that follow from the noncentral F need equal variances. The standard deviation of a
    share's estimate was up to 0.13 for 18 configurations with three seeds, 0.1 with five, if all are equally noisy.

    Args:
        scores: ``[L1, ..., Lk, S]``, k >= 1: a level of each hyperparameter, and the seed.
        step: Between scores that can occur: 1 / N for an accuracy on N images, 0 for a loss.

    Returns:
        None if all scores are equal: there is nothing to share.

    Raises:
        ValueError: A score isn't finite (the grid isn't complete), a hyperparameter has one level, or there is none, or
            one alone with one seed.

    >>> shares = variance_shares([[[1.0, 1.0], [2.0, 2.0]], [[3.0, 3.0], [4.0, 4.0]]])  # the first factor adds 2
    >>> [share.estimate for share in shares.main], shares.residual
    ([0.8, 0.2], 0.0)
    """
    values = finite("scores", scores, np.ndim(scores))
    *levels, num_seeds = values.shape
    if min(levels, default=0) < 2 or len(levels) + num_seeds < 3:
        raise ValueError(f"'scores' must have two levels a factor, and two factors or seeds (got {[*values.shape]}).")
    if np.ptp(values) <= 1e-12 * np.abs(values).max():
        return None
    squares = {source: _squares(effect, values.size) for source, effect in _effects(values).items()}
    degrees = _degrees(levels)
    rounding = step**2 / 12  # the variance that it leaves
    if num_seeds > 1:
        residual = max(float(values.var(axis=-1, ddof=1).mean()), rounding)
        chance = {
            source: max(of_one.with_seeds / (num_seeds - 1), degrees[source] * rounding)
            for source, of_one in squares.items()
        }
    else:
        highest, of_highest = squares.popitem()
        residual = max(of_highest.effect / degrees[highest], rounding)
        chance = {source: degrees[source] * residual for source in squares}
    variances = {source: (of_one.effect - chance[source]) / values.size for source, of_one in squares.items()}
    total = sum(variances.values()) + residual
    shares = {
        source: Share(
            variances[source] / total,
            min(1.0, len(squares) * _p(of_one, chance[source], num_seeds)) if num_seeds > 1 else None,
        )
        for source, of_one in squares.items()
    }
    return VarianceShares(
        main=tuple(shares[factor,] for factor in range(len(levels))),
        pairs={(source[0], source[1]): share for source, share in shares.items() if len(source) == 2},
        higher=shares.get(HIGHER),
        residual=residual / total,
        num_seeds=num_seeds,
    )


def _sources(num_factors: int) -> list[tuple[int, ...]]:
    """Return each factor and each pair of them."""
    return [source for size in (1, 2) for source in itertools.combinations(range(num_factors), size)]


def _degrees(levels: Sequence[int]) -> dict[tuple[int, ...], int]:
    """Return the degrees of freedom of every source."""
    found = {source: math.prod(levels[factor] - 1 for factor in source) for source in _sources(len(levels))}
    return found | {HIGHER: math.prod(levels) - 1 - sum(found.values())}


def _effects(values: Floats) -> dict[tuple[int, ...], Floats]:
    """Return the effect of every source as each seed has it, ``[L1, ..., Lk, S]``; 1 for axes that are no part of it.

    Of three factors and more, ``HIGHER`` comes last.
    """
    factors = range(values.ndim - 1)
    found = {}
    for source in _sources(len(factors)):
        effect: Floats = values.mean(axis=tuple(axis for axis in factors if axis not in source), keepdims=True)
        for axis in source:
            effect = effect - effect.mean(axis=axis, keepdims=True)
        found[source] = effect
    if len(factors) > 2:
        found[HIGHER] = values - values.mean(axis=tuple(factors), keepdims=True) - sum(found.values())
    for effect in found.values():
        effect[np.abs(effect) <= 1e-12 * np.abs(values).max()] = 0.0  # but for the rounding of float64
    return found


class _Squares(NamedTuple):
    """Sums of squares over all runs."""

    effect: float
    with_seeds: float  # of the effect's interaction with seeds
    dimensions: float  # 1..S - 1, in how many the interaction with seeds varies


def _squares(effect: Floats, num_runs: int) -> _Squares:
    """Return the sums of squares of an effect as each seed has it."""
    mean = effect.mean(axis=-1, keepdims=True)
    runs = num_runs / effect.size  # that each of its values is the mean of
    deviations = (effect - mean).reshape(-1, effect.shape[-1])
    products = deviations.T @ deviations  # [S, S]; its eigenvalues are those of the covariance of levels over seeds
    with_seeds = float(np.trace(products))
    # (sum of eigenvalues)^2 / (sum of their squares)
    dimensions = with_seeds**2 / float((products**2).sum()) if with_seeds else 1.0
    return _Squares(float((mean**2).sum()) * effect.shape[-1] * runs, with_seeds * runs, dimensions)


def _p(squares: _Squares, chance: float, num_seeds: int) -> float:
    """Return the p of the F test with Greenhouse and Geisser's degrees of freedom."""
    if squares.effect == 0 or chance == 0:
        return float(squares.effect == 0)
    d = squares.dimensions
    return float(special.fdtrc(d, d * (num_seeds - 1), squares.effect / chance))
