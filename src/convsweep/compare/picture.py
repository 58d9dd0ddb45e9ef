"""The picture of a sweep: every run's accuracy on ``valid`` against each value that varies."""

import io
from collections.abc import Sequence

from convsweep.compare.frames import runs_frame
from convsweep.compare.runs import SEEDS, Run, varied
from convsweep.naming import column
from convsweep.pictures.comparisons import comparison


def comparison_png(runs: Sequence[Run], axes: Sequence[str]) -> bytes:
    """Draw runs, as a PNG file's content. Seeds have no panel unless nothing else varies: they only repeat.

    Args:
        runs: The runs.
        axes: The configuration keys whose panels come first.
    """
    panels = [column(key) for key in varied(runs, axes) if key not in SEEDS]
    content = io.BytesIO()
    comparison(runs_frame(runs), panels).savefig(content, format="png", dpi=110)
    return content.getvalue()
