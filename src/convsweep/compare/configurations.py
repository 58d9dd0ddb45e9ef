"""Runs that differ in their seeds only are one configuration, repeated; this is its row."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from convsweep.compare.runs import SEEDS, Run
from convsweep.naming import short_name


class Configuration(NamedTuple):
    """Everything but the seeds that decides a result, and the runs that have it."""

    name: str  # short, of what varies
    values: Mapping[str, object]  # by dotted key, without the seeds
    runs: tuple[Run, ...]  # in the order of their seeds

    @property
    def finished(self) -> tuple[Run, ...]:
        """The runs that came to their end without diverging."""
        return tuple(run for run in self.runs if run.outcome == "finished")

    @property
    def num_diverged(self) -> int:
        """How many of the runs diverged."""
        return sum(run.outcome == "diverged" for run in self.runs)

    @property
    def is_sound(self) -> bool:
        """Whether some runs finished and none diverged: only then a mean says how the configuration does."""
        return bool(self.finished) and self.num_diverged == 0

    @property
    def valid_loss(self) -> float:
        """Mean over the finished runs, nats."""
        return float(np.mean([run.valid_loss for run in self.finished]))

    @property
    def seconds(self) -> float:
        """Mean training time of the finished runs."""
        return float(np.mean([run.result.seconds for run in self.finished if run.result is not None]))


def configurations(runs: Iterable[Run], keys: Sequence[str]) -> list[Configuration]:
    """Gather runs that differ in their seeds only, best mean accuracy on ``valid`` first.

    Configurations of which a run diverged come after all others, those without a finished run last.

    Args:
        runs: The runs, each judged on the same images.
        keys: The configuration keys that name a configuration: those that vary, seeds apart.
    """
    members: dict[tuple[object, ...], list[Run]] = {}
    for run in runs:
        members.setdefault(tuple(value for key, value in run.values.items() if key not in SEEDS), []).append(run)
    found = [_configuration(of_one, keys) for of_one in members.values()]
    return sorted(found, key=_rank)


def _configuration(runs: Sequence[Run], keys: Sequence[str]) -> Configuration:
    values = {key: value for key, value in runs[0].values.items() if key not in SEEDS}
    name = short_name(values | {"data": values["data.name"]}, keys)
    return Configuration(name, values, tuple(sorted(_distinct(runs), key=lambda run: run.seeds)))


def _distinct(runs: Iterable[Run]) -> Iterable[Run]:
    """Return runs without those that have the same seeds as an earlier one: they are the same training."""
    first: dict[tuple[int, ...], Run] = {}
    for run in runs:
        first.setdefault(run.seeds, run)
    return first.values()


def _rank(configuration: Configuration) -> tuple[bool, bool, float, float]:
    if not configuration.finished:
        return True, True, 0.0, 0.0
    mean = float(np.mean([run.valid_accuracy for run in configuration.finished]))
    return not configuration.is_sound, False, -mean, configuration.valid_loss
