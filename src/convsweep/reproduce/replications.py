"""What MLflow shows of each seed under each gradient rule: one run."""

import math
from collections.abc import Iterator
from typing import NamedTuple

from convsweep.reproduce.protocol import LONG_WINDOW, RULES
from convsweep.reproduce.reported import TEST, Place
from convsweep.reproduce.reproduction import Reproduction
from convsweep.reproduce.which_program import seeds


class Replication(NamedTuple):
    """One run, in MLflow's terms."""

    name: str
    params: dict[str, str]
    tags: dict[str, str]
    points: list[tuple[str, float, int]]  # metric, value, step


def replications(reproduction: Reproduction) -> Iterator[Replication]:
    """Yield one run for each gradient rule and seed; of a run that diverged, what it printed until then."""
    ours = reproduction.ours
    diverged = {(divergence.gradient, divergence.seed): divergence.step for divergence in reproduction.divergences}
    # the test first: MLflow's compare page preselects the metric that was logged first
    places = sorted(dict.fromkeys(place for _, place in ours.losses), key=lambda place: place != TEST)
    for gradient in RULES:
        for number, seed in enumerate(seeds(reproduction.programs.protocol)):
            yield Replication(
                f"{gradient} seed{seed}",
                {"gradient": gradient, "seed": str(seed)},
                outcome_tags(diverged.get((gradient, seed))),
                [
                    (
                        f"{section}/{metric}",
                        float(values[gradient, place][number]),
                        _step(place, reproduction.num_train),
                    )
                    for place in places
                    if (section := _section(place)) and not math.isnan(ours.losses[gradient, place][number])
                    for metric, values in (("accuracy", ours.accuracies), ("loss", ours.losses))
                ],
            )


def outcome_tags(diverged_at: int | None) -> dict[str, str]:
    """Return how a run ended, as tags."""
    if diverged_at is None:
        return {"convsweep.outcome": "finished"}
    return {"convsweep.outcome": "diverged", "convsweep.diverged_at": str(diverged_at)}


def _step(place: Place, num_train: int) -> int:
    epoch = int(place.epoch) if place.epoch not in ("", "test") else 1
    return (epoch - 1) * num_train + place.step


def _section(place: Place) -> str | None:
    """Return a metric's section; None for the windows of 100 of a full run, whose images those of 500 hold too."""
    if place == TEST:
        return "test"
    if place.experiment == "full":
        return "train" if place.window == LONG_WINDOW else None
    return place.experiment
