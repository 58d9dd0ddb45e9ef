"""Intervals of one mean or one accuracy.

Two kinds of chance, never mixed: ``student_interval`` says where the mean over all seeds lies, on the same images;
``wilson_interval`` says where one model's accuracy on all images lies.

An accuracy is a multiple of 1 / N, so a few seeds can agree exactly by chance, and their sample variance of 0 would
promise certainty. ``step`` guards against that: no variance is taken to be smaller than the one that rounding alone
leaves, step^2 / 12 (Sheppard 1898).
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from convsweep.compare.statistics.checks import Floats, finite


class Interval(NamedTuple):
    """Where the true value lies, at the confidence that was asked for."""

    low: float
    high: float


def student_interval(values: npt.ArrayLike, *, step: float = 0.0, confidence: float = 0.95) -> Interval:
    """Return Student's interval (1908) of the mean of normal values.

    Args:
        values: ``[S]``, such as the accuracy with each seed. One value alone has an unbounded interval.
        step: Between values that can occur: 1 / N for an accuracy on N images; 0 for a loss, which isn't rounded.
        confidence: 0..1.

    >>> low, high = student_interval([1.0, 2.0, 3.0])
    >>> round(low, 3), round(high, 3)
    (-0.484, 4.484)
    """
    sample = finite("values", values)
    n = len(sample)
    if n < 2:
        return Interval(-math.inf, math.inf)
    # mean -+ t((1 + confidence) / 2, n - 1) s / sqrt(n)
    mean = float(sample.mean())
    half_width = float(special.stdtrit(n - 1, (1 + confidence) / 2)) * math.sqrt(sample_variance(sample, step) / n)
    return Interval(mean - half_width, mean + half_width)


def sample_variance(sample: Floats, step: float) -> float:
    """Return s^2, but no less than rounding leaves.

    Args:
        sample: ``[n]``, n >= 2. Values that differ by the rounding of float64 only have the variance 0.
        step: Between values that can occur.
    """
    deviations = sample - sample.mean()
    if np.abs(deviations).max() <= 1e-12 * np.abs(sample).max():
        deviations = np.zeros_like(sample)
    return max(float(deviations @ deviations) / (len(sample) - 1), step**2 / 12)


def wilson_interval(num_correct: int, num_images: int, *, confidence: float = 0.95) -> Interval:
    """Return Wilson's interval (1927) of a model's accuracy on all images, of which these are a random sample.

    Raises:
        ValueError: There is no image, or there are fewer than correct ones.

    >>> low, high = wilson_interval(373, 400)
    >>> round(low, 3), round(high, 3)
    (0.904, 0.953)
    """
    if not 0 <= num_correct <= num_images or num_images == 0:
        raise ValueError(f"'num_correct' must be 0 to 'num_images' >= 1 (got {num_correct} of {num_images}).")
    # (p + z^2 / 2N -+ z sqrt(p (1 - p) / N + z^2 / 4N^2)) / (1 + z^2 / N)
    accuracy, z = num_correct / num_images, float(special.ndtri((1 + confidence) / 2))
    centre = accuracy + z**2 / (2 * num_images)
    half_width = z * math.sqrt(accuracy * (1 - accuracy) / num_images + z**2 / (4 * num_images**2))
    scale = 1 + z**2 / num_images
    return Interval(max(0.0, (centre - half_width) / scale), min(1.0, (centre + half_width) / scale))
