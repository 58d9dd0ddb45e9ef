"""Runs as a data frame, for files and studies."""

from collections.abc import Sequence

import pandas as pd

from convsweep.compare.runs import Run
from convsweep.naming import HYPERPARAMETERS, as_text, column

METRICS = ("valid/accuracy", "valid/loss", "test/accuracy", "test/loss")


def runs_frame(runs: Sequence[Run]) -> pd.DataFrame:
    """Return one row a run.

    Returns:
        Columns: name, run_key, outcome (finished, diverged, failed, running, killed, damaged), the hyperparameters
        as numbers, other configuration values as text, the four metrics and the seconds of training.
    """
    frame = pd.DataFrame([_row(run) for run in runs])
    for name in HYPERPARAMETERS.values() if len(frame) else ():
        frame[name] = pd.to_numeric(frame[name])
    return frame


def _row(run: Run) -> dict[str, object]:
    values = run.values  # noqa: PD011 - not those of a data frame
    metrics = (run.valid_accuracy, run.valid_loss, run.test_accuracy, run.test_loss)
    return {
        "name": run.name,
        "run_key": run.run_key,
        "outcome": run.outcome,
        **{column(key): value if key in HYPERPARAMETERS else as_text(value) for key, value in values.items()},
        **dict(zip(METRICS, metrics, strict=True)),
        "seconds": run.result.seconds if run.result is not None else None,
    }
