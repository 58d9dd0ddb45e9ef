"""The picture of a sweep: every run's accuracy on ``valid`` against each value that varies."""

import io
import math
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
    keys = [key for key in varied(runs, axes) if key not in SEEDS] or ["train.seed"]
    columns = {column(key): [as_text(run.values.get(key)) for run in runs] for key in keys}
    accuracies = [math.nan if run.outcome != "finished" else run.valid_accuracy or 0.0 for run in runs]
    content = io.BytesIO()
    comparison(accuracies, columns).savefig(content, format="png", dpi=110)
    return content.getvalue()
