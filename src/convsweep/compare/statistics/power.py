"""How many seeds would tell a configuration from a better one?

The answer takes the differences of the seeds there are for the truth. The best of a sample is ahead by luck, too, so
the true differences are smaller and more seeds may be needed: a plan, no promise.
"""

import numpy as np
import numpy.typing as npt
from scipy import special

from convsweep.compare.statistics.checks import finite
from convsweep.compare.statistics.intervals import sample_variance

POWER = 0.8  # the probability that a difference is found, if the plan's assumptions hold


def seeds_to_tell(
    ahead: npt.ArrayLike, *, num_comparisons: int, most: int, step: float = 0.0, confidence: float = 0.95
) -> int | None:
    """Return how many seeds a one-sided paired t test of ``best_candidates`` would need.

    Args:
        ahead: ``[S]``, S >= 2, by how much one configuration is ahead of the other with each seed.
        num_comparisons: Of which this is one, for Bonferroni's correction.
        most: Seeds that can be asked for.
        step: Between the scores that can occur.
        confidence: Of the test.

    Returns:
        A number from S + 1 on; None if ``most`` are too few, or if the first is not ahead.

    >>> seeds_to_tell([0.01, 0.03, 0.02], num_comparisons=17, most=20)
    7
    """
    differences = finite("ahead", ahead)
    mean = float(differences.mean())
    if mean <= 0:
        return None
    deviation = np.sqrt(sample_variance(differences, np.sqrt(2) * step))
    # mean sqrt(n) / s >= t(1 - level, n - 1) + t(power, n - 1)
    n = np.arange(len(differences) + 1, most + 1)
    level = (1 - confidence) / num_comparisons
    wanted = special.stdtrit(n - 1, 1 - level) + special.stdtrit(n - 1, POWER)
    enough = n[mean * np.sqrt(n) >= wanted * deviation]
    return int(enough[0]) if len(enough) else None
