"""What MLflow shows of each seed under each gradient rule: one run."""

import math
from collections.abc import Iterator
from typing import NamedTuple

from convsweep.nn.network import Gradient
from convsweep.reproduce.protocol import LONG_WINDOW, Measurement
from convsweep.reproduce.reported import TEST, Place
from convsweep.reproduce.reproduction import Reproduction


class Replication(NamedTuple):
    """One run, in MLflow's terms."""

    name: str
    params: dict[str, str]
    tags: dict[str, str]
    points: list[tuple[str, float, int]]  # metric, value, step


def replications(reproduction: Reproduction) -> Iterator[Replication]:
    """Yield one run for each gradient rule and seed; of a run that diverged, what it printed until then."""
    of_run: dict[tuple[Gradient, int], list[Measurement]] = {}
    for found in reproduction.measurements:
        of_run.setdefault((found.gradient, found.seed), []).append(found)
    diverged = {(divergence.gradient, divergence.seed): divergence.step for divergence in reproduction.divergences}
    for gradient, seed in sorted(of_run):
        step = diverged.get((gradient, seed))
        tags = {"convsweep.outcome": "finished"}
        if step is not None:
            tags = {"convsweep.outcome": "diverged", "convsweep.diverged_at": str(step)}
        yield Replication(
            f"{gradient} seed{seed}",
            {"gradient": gradient, "seed": str(seed)},
            tags,
            [
                point
                # the test first: MLflow's compare page preselects the metric that was logged first
                for found in sorted(of_run[gradient, seed], key=lambda found: found.place != TEST)
                if not math.isnan(found.loss)
                for point in _points(found, reproduction.num_train)
            ],
        )


def _points(found: Measurement, num_train: int) -> list[tuple[str, float, int]]:
    place = found.place
    section = _section(place)
    if section is None:
        return []
    epoch = int(place.epoch) if place.epoch not in ("", "test") else 1
    step = (epoch - 1) * num_train + place.step
    return [(f"{section}/accuracy", found.accuracy, step), (f"{section}/loss", found.loss, step)]


def _section(place: Place) -> str | None:
    """Return a metric's section; None for the windows of 100 of a full run, whose images those of 500 hold too."""
    if place == TEST:
        return "test"
    if place.experiment == "full":
        return "train" if place.window == LONG_WINDOW else None
    return place.experiment
