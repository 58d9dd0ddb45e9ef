"""The files that ``convsweep compare`` writes, each whole or not at all."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from convsweep.compare.comparison import Comparison
from convsweep.compare.runs import Run
from convsweep.records.files import write_whole, writing
from convsweep.records.sweep import Sweep
from convsweep.terminal import say


class Files(NamedTuple):
    """Where to; None: not asked for."""

    csv: Path | None  # the runs, one a row
    png: Path | None  # their accuracies against each value that varies
    json: Path | None  # all that was found, not rounded
    html: Path | None  # the report
    with_diff: bool  # whether the report holds the uncommitted changes

    def write(self, comparisons: Sequence[Comparison], runs: Sequence[Run], sweep: Sweep | None, mlruns: Path) -> None:
        """Write those that were asked for.

        Raises:
            UserError: The disk refuses.
        """
        if self.csv is not None:
            from convsweep.compare.frames import runs_frame

            _write(self.csv, runs_frame(runs).to_csv(index=False).encode(), "Table")
        if self.png is not None:
            from convsweep.compare.picture import comparison_png

            _write(self.png, comparison_png(runs, sweep.axes if sweep else ()), "Picture")
        if self.json is not None:
            from convsweep.compare.json_document import to_json

            _write(self.json, to_json(comparisons, sweep, mlruns).encode(errors="replace"), "Comparison")
        if self.html is not None:
            from convsweep.compare.report import render

            page = render(comparisons, runs, sweep, mlruns, with_diff=self.with_diff)
            _write(self.html, page.encode(errors="replace"), "Report")


def _write(path: Path, content: bytes, what: str) -> None:
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content, durable=False)  # can be made again
    say(f"{what}: {path}")
