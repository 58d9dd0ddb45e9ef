"""Which of several programs can have printed a log? Statistics on what their seeds print.

A program's seeds are taken for draws of a multivariate t distribution of all its numbers together, with as many
degrees of freedom as one value's prediction has. Its correlations are those of the seeds, shrunk towards
independence, for there are fewer seeds than numbers. The log-density of a run under it says how well the program
explains the run. (A normal distribution would let one seed that strays hide that a log strays farther.)

Losses are compared by their logarithms: a program's later ones vary less, a diverging program's over magnitudes.

Whether a log can be one more run of a program A is then a rank test. The statistic is how much better A explains
a run than all else does: the other programs, and a program unlike any of them (A with 2, 10 or 100 times the spread).
Each seed is left out in turn, of A and of all others; what remains judges both that seed of A and the log. p is
(1 + the number of seeds that are explained as badly as the log, or worse) / (n + 1). Seed and log are treated alike,
so that p hardly depends on whether the distributions are right: they decide how often other programs are told apart.
(This is the jackknife+ of Barber, Candes, Ramdas and Tibshirani, 2021: p <= a has a probability of at most 2a if A
printed the log, and of about a in practice; experiments/08_which_program measures it.) With n seeds p is at least
1 / (n + 1): 19 are needed for 0.05.
"""

from collections.abc import Hashable, Mapping
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from convsweep.reproduce.statistics import Floats

SHRINKAGE = 0.9  # of the correlations; 0.7 tells fewer shuffled programs apart
ELSE = (2.0, 10.0, 100.0)  # times a program's spread
TINY = 1e-10  # of variance: what is equal in all seeds and not rounded
NOT_FINITE = 1e4  # nats; stands for a loss that is no finite number
STRAY = 1e9  # takes a run that diverged, where no other seed did, or the reverse, below all that can be explained
LEAST = 0.01  # nats; added to losses before their logarithms are taken

Hypothesis = TypeVar("Hypothesis", bound=Hashable)


class Rounding(NamedTuple):
    """A log's numbers, and how they are rounded."""

    log: Floats  # [Q]
    half: Floats  # [Q]; half a unit of the last digit, 0 where nothing is rounded
    are_losses: npt.NDArray[np.bool_]  # [Q]

    def applied(self, sample: Floats) -> Floats:
        """Return numbers ``[n, Q]`` rounded as the log's are, losses as logarithms."""
        unit = 2 * self.half
        finite = np.where(np.isfinite(sample), np.minimum(sample, NOT_FINITE), NOT_FINITE)
        finite = np.where(unit > 0, np.round(finite / np.where(unit > 0, unit, 1)) * unit, finite)
        logarithms: Floats = np.where(self.are_losses, np.log(np.where(self.are_losses, finite, 0) + LEAST), finite)
        return logarithms

    def noise(self, mean: Floats) -> Floats:
        """Return the variance that rounding adds to numbers with this mean ``[Q]``: uniform over a unit."""
        unit = 2 * self.half / np.where(self.are_losses, np.exp(mean), 1)
        noise: Floats = unit**2 / 12 + TINY
        return noise


class Likeness(NamedTuple):
    """How like a program's seeds a log is."""

    p: float  # how rarely the program explains a run of its own as badly as the log
    log_density: float  # of the log under the program's distribution
    distances: Floats  # [Q]; of each number from the seeds' mean, in standard deviations of one more run


class Distribution:
    """The distribution of what a program prints.

    Args:
        sample: ``[n, Q]``, n >= 2.
        rounding: How it was rounded.
    """

    def __init__(self, sample: Floats, rounding: Rounding) -> None:
        self._n, self._num_values = sample.shape
        self.mean = sample.mean(axis=0)
        # a number that is the same for all seeds can still be off by its rounding
        self.spread = np.sqrt(sample.var(axis=0, ddof=1) + rounding.noise(self.mean))
        scaled = (sample - self.mean) / self.spread  # [n, Q]
        # correlations (1 - s) Z.T Z / (n - 1) + s I, by the singular values of Z: never a matrix of Q x Q
        _, singular, self._axes = np.linalg.svd(scaled, full_matrices=False)
        self._along = (1 - SHRINKAGE) * singular**2 / (self._n - 1) + SHRINKAGE
        self._log_determinant = (
            np.log(self._along).sum()
            + (self._num_values - len(self._along)) * np.log(SHRINKAGE)
            + 2 * np.log(self.spread).sum()
        )

    def log_densities(self, runs: Floats, widened: float = 1.0) -> Floats:
        """Return the log-density of each of some runs ``[M, Q]``, up to a constant; with so many times the spread."""
        scaled = (runs - self.mean) / self.spread
        along = scaled @ self._axes.T
        squared = ((scaled**2).sum(axis=1) - (along**2).sum(axis=1)) / SHRINKAGE + (along**2 / self._along).sum(axis=1)
        squared /= widened**2 * (1 + 1 / self._n)
        freedom = self._n - 1
        # log t(x) = -log(det) / 2 - (v + Q) / 2 log(1 + x.T R^-1 x / v)
        tail = (freedom + self._num_values) / 2 * np.log1p(squared / freedom)
        densities: Floats = -self._log_determinant / 2 - tail - self._num_values * np.log(widened)
        return densities

    def distances(self, values: Floats) -> Floats:
        """Return each number's distance from the mean, in standard deviations of one more run: ``[Q]``."""
        distances: Floats = (values - self.mean) / (self.spread * np.sqrt(1 + 1 / self._n))
        return distances


def likenesses(rounding: Rounding, samples: Mapping[Hypothesis, Floats]) -> dict[Hypothesis, Likeness]:
    """Judge a log by what programs print.

    Args:
        rounding: The log's numbers, and how they are rounded.
        samples: By program: ``[n, Q]``, in full precision, the same n >= 3 seeds of each.
    """
    log = rounding.applied(rounding.log[None])[0]  # [Q]
    rounded = np.stack([rounding.applied(sample) for sample in samples.values()])  # [P, n, Q]
    programs, n, _ = rounded.shape
    of_log, of_seed = np.empty((2, n, programs, programs))  # by the seed left out, the distribution, and whose seed
    log_otherwise, seed_otherwise = np.empty((2, n, programs, len(ELSE)))  # under its own distribution, widened
    for seed in range(n):
        runs = np.vstack([log, rounded[:, seed]])  # [1 + P, Q]
        for program in range(programs):
            distribution = Distribution(np.delete(rounded[program], seed, axis=0), rounding)
            densities = distribution.log_densities(runs)
            of_log[seed, program], of_seed[seed, program] = densities[0], densities[1:]
            own_runs = runs[[0, 1 + program]]
            for number, widened in enumerate(ELSE):
                otherwise = distribution.log_densities(own_runs, widened)
                log_otherwise[seed, program, number], seed_otherwise[seed, program, number] = otherwise
    log_diverged = np.full(n, not np.isfinite(rounding.log).all())
    found = {}
    for program, (name, sample) in enumerate(samples.items()):
        at_log = _advantage(of_log[:, :, program], program, log_otherwise[:, program])
        at_seed = _advantage(of_seed[:, :, program], program, seed_otherwise[:, program])
        diverged = np.array([not np.isfinite(run).all() for run in sample])  # [n]
        alike = np.equal.outer(diverged, diverged).sum(axis=1) - 1  # of the others
        at_seed -= STRAY * (alike == 0)
        as_the_log = diverged == log_diverged
        at_log -= STRAY * (as_the_log.sum() - as_the_log == 0)  # of the others, too
        whole = Distribution(rounded[program], rounding)
        found[name] = Likeness(
            float(1 + (at_seed <= at_log).sum()) / (n + 1),
            float(whole.log_densities(log[None])[0]) - STRAY * (not as_the_log.any()),
            whole.distances(log),
        )
    return found


def _advantage(densities: Floats, program: int, otherwise: Floats) -> Floats:
    """Return how much better a program explains runs than all else.

    Args:
        densities: Of the runs under all programs, as logarithms: ``[n, P]``.
        program: Which one of them.
        otherwise: Under the program's own distributions, widened: ``[n, E]``.

    Returns:
        ``[n]``.
    """
    rivals = np.column_stack([np.delete(densities, program, axis=1), otherwise])
    advantage: Floats = densities[:, program] - np.logaddexp.reduce(rivals, axis=1)
    return advantage
