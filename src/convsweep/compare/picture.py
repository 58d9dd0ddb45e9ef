"""The picture of a sweep: every run's accuracy on ``valid`` against each value that varies."""

import io
from collections.abc import Sequence

from convsweep.compare.runs import SEEDS, Run, varied
from convsweep.naming import as_text, column
from convsweep.pictures.comparisons import comparison


def comparison_png(runs: Sequence[Run], axes: Sequence[str]) -> bytes:
    """Draw runs, as a PNG file's content. Seeds have no panel unless nothing else varies: they only repeat.

    Args:
        runs: The runs.
        axes: The configuration keys whose panels come first.
    """
    finished = [run for run in runs if run.outcome == "finished"]
    keys = [key for key in varied(runs, axes) if key not in SEEDS] or ["train.seed"]
    columns = {column(key): [as_text(run.values.get(key)) for run in finished] for key in keys}
    accuracies = [run.valid_accuracy or 0.0 for run in finished]  # none is None: they have finished
    content = io.BytesIO()
    comparison(accuracies, columns, len(runs) - len(finished)).savefig(content, format="png", dpi=110)
    return content.getvalue()
