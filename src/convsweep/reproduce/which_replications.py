"""What MLflow shows of each program's seeds: one run each."""

import math
from collections.abc import Iterator

from convsweep.reproduce.replications import Replication, outcome_tags
from convsweep.reproduce.which_program import Study, seeds


def replications(study: Study) -> Iterator[Replication]:
    """Yield one run for each program and seed; of a run that diverged, what it printed until then."""
    num_train = study.placed.num_train
    # the test first: MLflow's compare page preselects the metric that was logged first
    columns = sorted(enumerate(study.placed.quantities), key=lambda column: column[1].place.split != "test")
    for judged in study.judged:
        for member, seed in enumerate(seeds(study.protocol)):
            values = study.samples[judged.program][member]
            yield Replication(
                f"{judged.program} seed{seed}",
                {"program": judged.program, "seed": str(seed)},
                outcome_tags(study.diverged_at[judged.program][member]),
                [
                    (
                        f"{quantity.place.split}/{quantity.metric}",
                        float(values[column]),
                        (quantity.place.epoch - 1) * num_train + quantity.place.step
                        if quantity.place.step
                        else quantity.place.epoch * num_train,
                    )
                    for column, quantity in columns
                    if math.isfinite(values[column])
                ],
            )
