"""Was the sweep large enough, and what does accuracy cost? Both over the configurations of a comparison."""

from typing import NamedTuple

import numpy as np

from convsweep.compare.comparison import Comparison, Standing
from convsweep.compare.statistics.budget import expected_best, expected_test_of_best
from convsweep.compare.statistics.checks import Floats
from convsweep.compare.statistics.pareto import pareto_front
from convsweep.nn.network import NUM_CLASSES

CHANCE = 1 / NUM_CLASSES  # the accuracy that a diverged try counts with


class Budget(NamedTuple):
    """What the best of k tries, of all K configurations, is expected to reach."""

    valid: Floats  # [K], for k = 1 to K
    test: Floats | None  # [K], of the one that is best on ``valid``; None: a test result is missing
    num_diverged: int  # tries that count with the accuracy of chance


class TimeAgainstAccuracy(NamedTuple):
    """Each configuration's cost and worth."""

    standings: tuple[Standing, ...]  # [K]
    seconds: Floats  # [K], mean of a run
    accuracy: Floats  # [K], mean on ``valid``
    on_front: np.ndarray[tuple[int], np.dtype[np.bool_]]  # [K]
    num_diverged: int  # configurations of which a run diverged: they are left out
    most_named: int  # how many of the front a page names

    @property
    def front(self) -> list[Standing]:
        """Those that nothing as fast or faster beats, the fastest first."""
        places = np.flatnonzero(self.on_front)
        return [self.standings[place] for place in places[np.argsort(self.seconds[places])]]


def find_budget(comparison: Comparison) -> Budget | None:
    """Return what tries are worth; None if fewer than three configurations came to an end."""
    ended = [
        standing
        for standing in comparison.standings
        if standing.configuration.is_sound or standing.configuration.num_diverged
    ]
    sound = [standing for standing in ended if standing.configuration.is_sound]
    if len(ended) < 3 or not sound:
        return None
    num_diverged = len(ended) - len(sound)
    valid = [*(standing.valid.mean for standing in sound if standing.valid), *[CHANCE] * num_diverged]
    test = [*(standing.test.mean for standing in sound if standing.test), *[CHANCE] * num_diverged]
    return Budget(
        expected_best(valid), expected_test_of_best(valid, test) if len(test) == len(valid) else None, num_diverged
    )


def find_time(comparison: Comparison) -> TimeAgainstAccuracy | None:
    """Return what accuracy costs; None if fewer than two configurations finished without diverging."""
    sound = [standing for standing in comparison.standings if standing.configuration.is_sound]
    if len(sound) < 2:
        return None
    seconds = np.array([standing.configuration.seconds for standing in sound])
    accuracy = np.array([standing.valid.mean for standing in sound if standing.valid])
    num_diverged = sum(standing.configuration.num_diverged > 0 for standing in comparison.standings)
    return TimeAgainstAccuracy(
        tuple(sound), seconds, accuracy, pareto_front(seconds, accuracy), num_diverged, most_named=8
    )
