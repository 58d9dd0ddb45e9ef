"""Which of several programs can have printed a log? Statistics on what their seeds print.

A program's seeds are taken for draws of a multivariate t distribution of all its numbers together, with as many
degrees of freedom as one value's prediction has. The log-density of a run under it says how well the program explains
the run. (A normal distribution would let one seed that strays hide that a log strays farther.)

- Losses are compared by their logarithms: a program's later ones vary less, a diverging program's over magnitudes.
- An epoch's windows are compared by their mean and by their course: how they run against that mean. A seed moves all
  windows of an epoch up or down together, but hardly their course, which comes from the images and their order. (They
  are transformed to cosines, the first of which is the mean. The transform is orthonormal: nothing is lost.)
- Correlations are those of the seeds, shrunk towards independence, for there are fewer seeds than numbers.

Whether a log can be one more run of a program A is then a rank test. The statistic is how much better A explains
a run than all else does: the other programs, and a program unlike any of them (A with 2, 10 or 100 times the spread).
Each of the n + 1 runs, the log and A's seeds, is left out in turn and judged by the n that stay: all are treated
alike, and p, the share of them that are explained as badly as the log or worse, holds whatever the distributions are (a
conformal p; Vovk, Gammerman and Shafer 2005). They decide how often other programs are told apart. One thing is
particular: a seed means the same initial parameters in all programs, so that A's seed and the log are compared beside
the others' seeds but that one. With n seeds p is at least 1 / (n + 1): 19 are needed for 0.05.

Over sets of 20 seeds, p <= 0.05 has a probability of 1/21. For one such set it may lie anywhere from 0 to 0.15, as the
rank among 20 values has it: experiments/08_which_program measures both.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from scipy.fft import dct

from convsweep.reproduce.statistics import Floats

SHRINKAGE = 0.9  # of the correlations; 0.7 and 0.99 tell fewer programs apart
SPREADS = (1.0, 2.0, 10.0, 100.0)  # times a program's spread: itself, and programs unlike any
TINY = 1e-10  # of variance: what is equal in all seeds and not rounded
NOT_FINITE = 1e4  # nats; stands for a loss that is no finite number
STRAY = 1e9  # takes a run that diverged, where no other did, or the reverse, below all that can be explained
LEAST = 0.01  # nats; added to losses before their logarithms are taken
EQUAL = 1e-6  # relative; advantages that differ by rounding are equal

Hypothesis = TypeVar("Hypothesis", bound=Hashable)


class Numbers(NamedTuple):
    """What the Q numbers of a log are."""

    half: Floats  # [Q]; half a unit of the last digit, 0 where nothing is rounded
    are_losses: npt.NDArray[np.bool_]  # [Q]
    courses: Sequence[Sequence[int]] = ()  # the columns of each epoch's windows, one metric at a time

    def rounded(self, sample: Floats) -> Floats:
        """Return numbers ``[..., Q]`` rounded as the log's are, losses as logarithms."""
        unit = 2 * self.half
        finite = np.where(np.isfinite(sample), np.minimum(sample, NOT_FINITE), NOT_FINITE)
        finite = np.where(unit > 0, np.round(finite / np.where(unit > 0, unit, 1)) * unit, finite)
        logarithms: Floats = np.where(self.are_losses, np.log(np.where(self.are_losses, finite, 0) + LEAST), finite)
        return logarithms

    def noise(self, mean: Floats) -> Floats:
        """Return the variance that rounding adds to numbers with this mean ``[..., Q]``: uniform over a unit."""
        unit = 2 * self.half / np.where(self.are_losses, np.exp(mean), 1)
        noise: Floats = unit**2 / 12 + TINY
        return noise

    def cosines(self) -> Floats:
        """Return the orthonormal transform ``[Q, Q]`` that parts each epoch's mean from its course."""
        transform = np.eye(len(self.half))
        for columns in self.courses:
            transform[np.ix_(columns, columns)] = dct(np.eye(len(columns)), axis=0, norm="ortho")
        return transform

    def deviations(self, sample: Floats) -> Floats:
        """Return each window less its epoch's mean, of ``[..., Q]``; 0 for numbers that are in no course."""
        found = np.zeros_like(sample)
        for columns in self.courses:
            windows = sample[..., list(columns)]
            found[..., list(columns)] = windows - windows.mean(axis=-1, keepdims=True)
        return found


class Likeness(NamedTuple):
    """How like a program's seeds a log is."""

    p: float  # the share of n + 1 runs that the program explains as badly as the log, or worse
    log_density: float  # of the log under the program's distribution
    distances: Floats  # [Q]; of each number from the seeds' mean, in standard deviations of one more run
    course_distances: Floats  # [Q]; of each window less its epoch's mean, likewise


class Distributions:
    """Distributions of what programs print.

    Args:
        samples: ``[..., n, Q]``, n >= 2: one distribution for each of the leading axes.
        numbers: What is printed.
    """

    def __init__(self, samples: Floats, numbers: Numbers) -> None:
        self._n, self._num_values = samples.shape[-2:]
        self._transform = numbers.cosines()
        mean = samples.mean(axis=-2)
        transformed = samples @ self._transform.T
        noise = numbers.noise(mean) @ self._transform.T**2
        self._mean = mean @ self._transform.T  # [..., Q]
        # a number that is the same for all seeds can still be off by its rounding
        self._spread = np.sqrt(transformed.var(axis=-2, ddof=1) + noise)  # [..., Q]
        self._scaled = (transformed - self._mean[..., None, :]) / self._spread[..., None, :]  # Z, [..., n, Q]
        # correlations C = (1 - s) Z.T Z / (n - 1) + s I = s (I + r Z.T Z): inverted as I + r Z Z.T, which is n x n
        ratio = (1 - SHRINKAGE) / (SHRINKAGE * (self._n - 1))
        small = np.eye(self._n) + ratio * self._scaled @ self._scaled.swapaxes(-1, -2)
        self._solved = ratio * np.linalg.solve(small, self._scaled)  # r (I + r Z Z.T)^-1 Z, [..., n, Q]
        self._log_determinant = (
            np.linalg.slogdet(small)[1] + self._num_values * np.log(SHRINKAGE) + 2 * np.log(self._spread).sum(axis=-1)
        )

    def log_densities(self, runs: Floats) -> Floats:
        """Return the log-densities of runs ``[..., M, Q]`` under each of ``SPREADS``, up to a constant.

        Returns:
            ``[S, ..., M]``.
        """
        scaled = (runs @ self._transform.T - self._mean[..., None, :]) / self._spread[..., None, :]
        # x.T C^-1 x = (x.T x - (Z x).T r (I + r Z Z.T)^-1 (Z x)) / s
        along, solved = (scaled @ side.swapaxes(-1, -2) for side in (self._scaled, self._solved))
        squared = ((scaled**2).sum(axis=-1) - (along * solved).sum(axis=-1)) / SHRINKAGE / (1 + 1 / self._n)
        freedom = self._n - 1
        # log t(x) = -log(det) / 2 - (v + Q) / 2 log(1 + x.T C^-1 x / v)
        return np.stack(
            [
                -self._log_determinant[..., None] / 2
                - (freedom + self._num_values) / 2 * np.log1p(squared / (freedom * spread**2))
                - self._num_values * np.log(spread)
                for spread in SPREADS
            ]
        )


class Judge(Generic[Hypothesis]):
    """What programs' seeds print, to judge logs by.

    Args:
        numbers: What a log holds.
        samples: By program: ``[n, Q]``, in full precision, the same n >= 3 seeds of each.
    """

    def __init__(self, numbers: Numbers, samples: Mapping[Hypothesis, Floats]) -> None:
        self._numbers = numbers
        self._names = list(samples)
        raw = np.stack(list(samples.values()))  # [P, n, Q]
        self._diverged = np.asarray(~np.isfinite(raw).all(axis=-1))  # [P, n]
        self._samples = numbers.rounded(raw)
        n = raw.shape[1]
        others = np.array([np.delete(np.arange(n), seed) for seed in range(n)])  # [n, n - 1]
        self._without_seed = self._samples[:, others]  # [P, n, n - 1, Q]
        self._rivals = Distributions(self._without_seed, numbers)  # of each program, by the seed left out
        # of each seed under every program without it: [P of the distribution, n, P whose seed]
        self._of_seeds = self._rivals.log_densities(self._samples.swapaxes(0, 1))[0]
        self._whole = Distributions(self._samples, numbers)

    def likenesses(self, log: Floats) -> dict[Hypothesis, Likeness]:
        """Judge a log ``[Q]``."""
        log_diverged, log = not np.isfinite(log).all(), self._numbers.rounded(log)
        programs, n, num_values = self._samples.shape
        with_log = np.broadcast_to(log, (programs, n, 1, num_values))
        pools = Distributions(np.concatenate([self._without_seed, with_log], axis=2), self._numbers)
        own_seeds = pools.log_densities(self._samples[:, :, None])[..., 0]  # [S, P, n]
        own_log = self._whole.log_densities(log[None])  # [S, P, 1]
        of_log = self._rivals.log_densities(log[None])[0, ..., 0]  # [P, n]
        distances = self._distances(log, self._samples)
        course_distances = self._distances(*map(self._numbers.deviations, (log, self._samples)))
        found = {}
        for program, name in enumerate(self._names):
            at_seeds = _advantages(own_seeds[:, program], np.delete(self._of_seeds[..., program], program, axis=0))
            at_log = _advantages(own_log[:, program], np.delete(of_log, program, axis=0))  # beside each seed: [n]
            diverged = np.append(self._diverged[program], log_diverged)  # [n + 1]
            stray = np.array([(diverged == one).sum() == 1 for one in diverged])  # no other did as this one
            at_seeds -= STRAY * stray[:-1]
            at_log -= STRAY * stray[-1]
            as_badly = at_seeds <= at_log + EQUAL * (1 + np.abs(at_log))
            likelihood = float(own_log[0, program, 0]) - STRAY * stray[-1]
            found[name] = Likeness(
                float(1 + as_badly.sum()) / (n + 1), likelihood, distances[program], course_distances[program]
            )
        return found

    def _distances(self, log: Floats, samples: Floats) -> Floats:
        """Return each number's distance from seeds' means, in standard deviations of one more run: ``[P, Q]``."""
        mean, n = samples.mean(axis=1), samples.shape[1]
        spread = np.sqrt((samples.var(axis=1, ddof=1) + self._numbers.noise(self._samples.mean(axis=1))) * (1 + 1 / n))
        distances: Floats = (log - mean) / spread
        return distances


def _advantages(own: Floats, rivals: Floats) -> Floats:
    """Return how much better a program explains runs than all else does.

    Args:
        own: Log-densities under the program, with each of ``SPREADS``: ``[S, M]``.
        rivals: Under the other programs: ``[P - 1, M]``.

    Returns:
        ``[M]``.
    """
    rest = np.concatenate([np.broadcast_to(own[1:], (len(own) - 1, rivals.shape[1])), rivals])
    advantages: Floats = own[0] - np.logaddexp.reduce(rest, axis=0)
    return advantages
