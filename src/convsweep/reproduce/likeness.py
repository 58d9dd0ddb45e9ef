"""Which of several programs can have printed a log? Statistics on what their seeds print.

A program's seeds are taken for draws of a normal distribution of all its numbers together. Its correlations are
those of the seeds, shrunk towards independence, for there are fewer seeds than numbers. The log-density of a run
under it says how well the program explains the run.

Whether a log can be one more run of a program A is then a rank test. The statistic is how much better A explains
the run than all else does: the other programs, and a program unlike any of them (A with ``ELSE`` times the spread).
Each of the n + 1 runs, the log and A's seeds, is left out in turn and A's distribution taken from the n others; p is
the share of the n + 1 runs that A explains as badly as the log, or worse. That p is exact whatever the
distributions are: if A printed the log, the n + 1 runs are exchangeable. The normal distributions decide only how
often other programs are told apart. With n seeds p is at least 1 / (n + 1): 19 are needed for 0.05.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from convsweep.reproduce.statistics import Floats

SHRINKAGE = 0.7  # of the correlations; from 0.3 to 1 the power differs little
ELSE = 2.0  # times a program's spread
NOT_FINITE = 1e3  # stands for a loss that is no finite number: far from all that are


class Rounding(NamedTuple):
    """How a log's numbers are rounded."""

    log: Floats  # [Q]; the numbers
    half: Floats  # [Q]; half a unit of the last digit, 0 where nothing is rounded

    def applied(self, sample: Floats) -> Floats:
        """Return numbers ``[n, Q]`` rounded as the log's are; what is not finite becomes ``NOT_FINITE``."""
        unit = 2 * self.half
        rounded = np.where(unit > 0, np.round(sample / np.where(unit > 0, unit, 1)) * unit, sample)
        return np.where(np.isfinite(rounded), rounded, NOT_FINITE)


class Likeness(NamedTuple):
    """How like a program's seeds a log is."""

    p: float  # the share of the n + 1 runs that the program explains as badly as the log, or worse
    log_density: float  # of the log under the program's distribution
    distances: Floats  # [Q]; of each number from the seeds' mean, in standard deviations of one more run


class Distribution:
    """The normal distribution of what a program prints.

    Args:
        sample: ``[n, Q]``, n >= 2.
        half: ``[Q]``, of the rounding.
    """

    def __init__(self, sample: Floats, half: Floats) -> None:
        self._n, self._num_values = sample.shape
        self.mean = sample.mean(axis=0)
        # a number that is the same for all seeds can still be off by its rounding, uniform over a unit
        self.spread = np.sqrt(sample.var(axis=0, ddof=1) + (2 * half) ** 2 / 12 + 1e-10)
        scaled = (sample - self.mean) / self.spread  # [n, Q]
        # correlations (1 - s) Z.T Z / (n - 1) + s I, by the singular values of Z: never a matrix of Q x Q
        _, singular, self._axes = np.linalg.svd(scaled, full_matrices=False)
        self._along = (1 - SHRINKAGE) * singular**2 / (self._n - 1) + SHRINKAGE
        self._log_determinant = (
            np.log(self._along).sum()
            + (self._num_values - len(self._along)) * np.log(SHRINKAGE)
            + 2 * np.log(self.spread).sum()
        )

    def log_density(self, values: Floats, widened: float = 1.0) -> float:
        """Return the log-density of one more run ``[Q]``, up to a constant; with so many times the spread."""
        scaled = (values - self.mean) / self.spread
        along = self._axes @ scaled
        squared = (scaled @ scaled - along @ along) / SHRINKAGE + (along**2 / self._along).sum()
        squared /= widened**2 * (1 + 1 / self._n)
        return float(-(self._log_determinant + squared) / 2 - self._num_values * np.log(widened))

    def distances(self, values: Floats) -> Floats:
        """Return each number's distance from the mean, in standard deviations of one more run: ``[Q]``."""
        distances: Floats = (values - self.mean) / (self.spread * np.sqrt(1 + 1 / self._n))
        return distances


def likenesses(rounding: Rounding, samples: Mapping[str, Floats]) -> dict[str, Likeness]:
    """Judge a log by what programs print.

    Args:
        rounding: The log's numbers, and how they are rounded.
        samples: By program: ``[n, Q]``, in full precision, n >= 3.
    """
    log = rounding.applied(rounding.log[None])[0]
    rounded = {name: rounding.applied(sample) for name, sample in samples.items()}
    whole = {name: Distribution(sample, rounding.half) for name, sample in rounded.items()}
    found = {}
    for name, sample in rounded.items():
        others = [distribution for other, distribution in whole.items() if other != name]
        runs = np.vstack([log, sample])  # [n + 1, Q]
        statistics = np.empty(len(runs))
        for left_out, run in enumerate(runs):
            own = Distribution(np.delete(runs, left_out, axis=0), rounding.half)
            rivals = [own.log_density(run, ELSE), *(other.log_density(run) for other in others)]
            statistics[left_out] = own.log_density(run) - np.logaddexp.reduce(rivals)
        found[name] = Likeness(
            float((statistics <= statistics[0]).mean()),
            whole[name].log_density(log),
            whole[name].distances(log),
        )
    return found
