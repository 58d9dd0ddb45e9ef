"""Which of several programs can have printed a log? Statistics on what their seeds print.

A program's seeds are taken for draws of a multivariate t distribution of all its numbers together, with as many
degrees of freedom as one value's prediction has. The log-density of a run under it says how well the program explains
the run. (A normal distribution would let one seed that strays hide that a log strays farther.)

- Losses are compared by their logarithms: a program's later ones vary less, a diverging program's over magnitudes.
- An epoch's windows are compared by their mean and by their course: how they run against that mean. A seed moves all
  windows of an epoch up or down together, but hardly their course, which comes from the images and their order. (They
  are transformed to cosines, the first of which is the mean. The transform is orthonormal: nothing is lost.)
- Correlations are those of the seeds, shrunk towards independence, for there are fewer seeds than numbers.

Whether a log can be one more run of a program A is decided by two tests:

- its own seeds: how far the log lies from A's seeds, as a squared Mahalanobis distance. A log that no program printed
  is far from the seeds of all of them, and none remains.
- its rivals: how much better the other programs explain the log than A does. It decides how often programs are told
  apart. A seed means the same initial parameters in all programs.

Both compare the log with each of A's seeds: that seed is left out of all programs, and both it and the log are
judged by the seeds that stay. A test's p is the share of the n + 1 runs, the log and A's seeds, that are as far off as
the log. Such a tournament of pairs rejects a program's own log in at most 2 alpha of cases, whatever the distributions
are (the jackknife+; Barber, Candes, Ramdas and Tibshirani 2021); simulated and measured, it is about alpha.

Ranks of n seeds can't give less than 1 / (n + 1), 0.048 for 20, and each of two tests may reject at half of 0.05 only.
So the p of a log that is farther off than all seeds is, if smaller, that of one more value in a t distribution through
the seeds' values. For distances these are the cube roots of the squares, which are about normal (Wilson and Hilferty
1931). A program is ruled out if the smaller p of the two, doubled, is at most 0.05. That takes 19 seeds: of fewer, the
ranks alone count. tests/unit/test_likeness.py simulates how often that is right, experiments/08_which_program measures
it.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from scipy.fft import dct

from convsweep.reproduce.statistics import ALPHA, Floats, prediction_p

SHRINKAGE = 0.9  # of the correlations; 0.7 and 0.99 tell fewer programs apart
TINY = 1e-10  # of variance: what is equal in all seeds and not rounded
NOT_FINITE = 1e4  # nats; stands for a loss that is no finite number
STRAY = 1e9  # the distance of a run that diverged where no other did, or the reverse
LEAST = 0.01  # nats; added to losses before their logarithms are taken
EQUAL = 1e-6  # relative; runs are equally far off if they differ by rounding

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

    p_own: float  # that one more run lies as far from the program's seeds
    p_rivals: float  # that the other programs explain one more run so much better
    log_density: float  # of the log under the program's distribution
    distances: Floats  # [Q]; of each number from the seeds' mean, in standard deviations of one more run
    course_distances: Floats  # [Q]; of each window less its epoch's mean, likewise

    @property
    def p(self) -> float:
        """The p of both tests together: each counts at half the level."""
        return min(1.0, 2 * min(self.p_own, self.p_rivals))


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

    def squared_distances(self, runs: Floats) -> Floats:
        """Return the squared Mahalanobis distances of runs ``[..., M, Q]`` from the means: ``[..., M]``."""
        scaled = (runs @ self._transform.T - self._mean[..., None, :]) / self._spread[..., None, :]
        # x.T C^-1 x = (x.T x - (Z x).T r (I + r Z Z.T)^-1 (Z x)) / s
        along, solved = (scaled @ side.swapaxes(-1, -2) for side in (self._scaled, self._solved))
        squared: Floats = ((scaled**2).sum(axis=-1) - (along * solved).sum(axis=-1)) / SHRINKAGE / (1 + 1 / self._n)
        return squared

    def log_densities(self, squared: Floats) -> Floats:
        """Return the log-densities, up to a constant, at squared distances ``[..., M]``."""
        freedom = self._n - 1
        # log t(x) = -log(det) / 2 - (v + Q) / 2 log(1 + x.T C^-1 x / v)
        densities: Floats = -self._log_determinant[..., None] / 2 - (freedom + self._num_values) / 2 * np.log1p(
            squared / freedom
        )
        return densities


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
        self._whole = Distributions(self._samples, numbers)
        self._without = Distributions(self._samples[:, others], numbers)  # of each program, by the seed left out
        # of each program's seed from every program without it: [P of the distribution, n, P whose seed]
        squared = self._without.squared_distances(self._samples.swapaxes(0, 1))
        self._of_seeds = self._without.log_densities(squared)
        self._own = np.diagonal(squared, axis1=0, axis2=2).T  # [P, n]

    def likenesses(self, log: Floats) -> dict[Hypothesis, Likeness]:
        """Judge a log ``[Q]``."""
        log_diverged, log = not np.isfinite(log).all(), self._numbers.rounded(log)
        squared = self._without.squared_distances(log[None])  # [P, n, 1], by the seed left out
        of_log = self._without.log_densities(squared)[..., 0]  # [P, n]
        whole = self._whole.log_densities(self._whole.squared_distances(log[None]))[:, 0]  # [P]
        distances = self._distances(log, self._samples)
        course_distances = self._distances(*map(self._numbers.deviations, (log, self._samples)))
        found = {}
        for program, name in enumerate(self._names):
            diverged = np.append(self._diverged[program], log_diverged)  # [n + 1]
            stray = STRAY * np.array([(diverged == one).sum() == 1 for one in diverged])  # no other did as this one
            found[name] = Likeness(
                _p(np.cbrt(squared[program, :, 0]) + stray[-1], np.cbrt(self._own[program]) + stray[:-1]),
                _p(_lead_of_rivals(of_log, program), _lead_of_rivals(self._of_seeds[..., program], program)),
                float(whole[program] - stray[-1]),
                distances[program],
                course_distances[program],
            )
        return found

    def _distances(self, log: Floats, samples: Floats) -> Floats:
        """Return each number's distance from seeds' means, in standard deviations of one more run: ``[P, Q]``."""
        mean, n = samples.mean(axis=1), samples.shape[1]
        spread = np.sqrt((samples.var(axis=1, ddof=1) + self._numbers.noise(self._samples.mean(axis=1))) * (1 + 1 / n))
        distances: Floats = (log - mean) / spread
        return distances


def _lead_of_rivals(densities: Floats, program: int) -> Floats:
    """Return how much better all programs but one explain runs than that one does.

    Args:
        densities: Logarithms, by program: ``[P, n]``.
        program: Which one.

    Returns:
        ``[n]``; zeros if there are no others.
    """
    rivals = np.delete(densities, program, axis=0)
    lead: Floats = np.logaddexp.reduce(rivals) - densities[program] if len(rivals) else np.zeros(densities.shape[1])
    return lead


def _p(of_log: Floats, of_seeds: Floats) -> float:
    """Return the p of a log's being as far off as it is.

    Args:
        of_log: How far off, by the seed left out: ``[n]``.
        of_seeds: How far off that seed is, judged by the same others: ``[n]``.
    """
    as_far = of_seeds >= of_log - EQUAL * (1 + np.abs(of_log))
    p = float(1 + as_far.sum()) / (len(of_seeds) + 1)
    if as_far.any() or p > ALPHA:
        return p
    return min(p, prediction_p(float(of_log.mean()), of_seeds) / 2)  # one-sided: it is farther off than the mean
