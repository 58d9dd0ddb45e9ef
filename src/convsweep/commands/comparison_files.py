"""The files that ``convsweep compare`` writes, each whole or not at all."""

import io
from collections.abc import Sequence
from pathlib import Path

from convsweep.compare.comparison import Comparison
from convsweep.compare.runs import Run, varied
from convsweep.naming import column
from convsweep.records.files import write_whole, writing
from convsweep.records.sweep import Sweep
from convsweep.terminal import say


def write_csv(path: Path, runs: Sequence[Run]) -> None:
    """Write the runs, one a row."""
    from convsweep.compare.frames import runs_frame

    _write(path, runs_frame(runs).to_csv(index=False).encode(), "Table")


def write_png(path: Path, runs: Sequence[Run], axes: Sequence[str]) -> None:
    """Draw the runs' accuracies against each value that varies."""
    from convsweep.compare.frames import runs_frame
    from convsweep.pictures.comparisons import comparison

    content = io.BytesIO()
    figure = comparison(runs_frame(runs), [column(key) for key in varied(runs, axes)])
    figure.savefig(content, format="png", dpi=110)
    _write(path, content.getvalue(), "Picture")


def write_json(path: Path, comparisons: Sequence[Comparison], sweep: Sweep | None) -> None:
    """Write all that was found, not rounded."""
    from convsweep.compare.json_document import to_json

    _write(path, to_json(comparisons, sweep).encode(errors="replace"), "Comparison")


def write_html(
    path: Path, comparisons: Sequence[Comparison], runs: Sequence[Run], sweep: Sweep | None, mlruns: Path
) -> None:
    """Write the report."""
    from convsweep.compare.report import render

    _write(path, render(comparisons, runs, sweep, mlruns).encode(errors="replace"), "Report")


def _write(path: Path, content: bytes, what: str) -> None:
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content, durable=False)  # can be made again
    say(f"{what}: {path}")
