"""The files on a sweep's page, made in a process of their own while descriptions are sent: each takes as long.

    python -m convsweep.tracking.parent_files MLRUNS SWEEP

This process reads records only. It imports what it needs while training goes on, makes the files once a line comes on
standard input, and ends when that is closed, however the mirror ended.
"""

import io
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from convsweep.records.sweep import sweep_directory

PICTURE, REPORT = "comparison.png", "report.html"
FILES = (REPORT, PICTURE)


class ParentFiles:
    """The files of one sweep, which its record's folder keeps.

    Args:
        mlruns: The folder of everything.
        sweep_id: The sweep.
    """

    def __init__(self, mlruns: Path, sweep_id: str) -> None:
        self._mlruns, self._sweep_id = mlruns, sweep_id
        self._process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Start the process, so that files can be made at once when they are asked for."""
        if self._process is None:
            module = [sys.executable, "-m", "convsweep.tracking.parent_files", str(self._mlruns), self._sweep_id]
            quiet = subprocess.DEVNULL  # what goes wrong goes wrong again in ``paths``, and is told there
            self._process = subprocess.Popen(module, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet)

    def begin(self) -> None:
        """Have the files made meanwhile, if there is a process that can; the records must be whole."""
        if self._process is not None and self._process.stdin is not None and not self._process.stdin.closed:
            with suppress(OSError):  # it has ended
                self._process.stdin.write(b"\n")
                self._process.stdin.close()

    def paths(self) -> list[Path]:
        """Return the files, made here if no process has; there is none if no run has finished.

        Raises:
            UserError: The disk refuses, or a record can't be read.
        """
        self.begin()
        made = self._process is not None and self._process.wait() == 0
        self._process = None
        if not made:
            write_files(self._mlruns, self._sweep_id)
        return self.found()

    def found(self) -> list[Path]:
        """Return the files that are there, be they up to date or not."""
        folder = sweep_directory(self._mlruns, self._sweep_id)
        return [folder / name for name in FILES if (folder / name).exists()]

    def abandon(self) -> None:
        """End the process: at once if nothing was asked of it."""
        if self._process is not None and self._process.stdin is not None:
            if not self._process.stdin.closed:
                self._process.kill()
                self._process.stdin.close()
            self._process.wait()
            self._process = None


def write_files(mlruns: Path, sweep_id: str) -> None:
    """Write the files into the sweep's folder, each whole or not at all.

    Raises:
        UserError: The disk refuses, or a record can't be read.
    """
    from convsweep.compare.comparison import compare_runs
    from convsweep.compare.picture import comparison_png
    from convsweep.compare.report import render
    from convsweep.compare.runs import load_runs
    from convsweep.records.files import write_whole, writing
    from convsweep.records.sweep import find_sweep

    sweep = find_sweep(mlruns, sweep_id)
    runs = load_runs(mlruns, sweep)
    if not any(run.outcome == "finished" for run in runs):
        return
    picture = comparison_png(runs, sweep.axes)
    report = render(compare_runs(runs, sweep.axes), runs, sweep, mlruns).encode(errors="replace")
    folder = sweep_directory(mlruns, sweep_id)
    with writing(folder):
        for name, written in ((PICTURE, picture), (REPORT, report)):
            write_whole(folder / name, written, durable=False)  # can be made again


def _warm_up() -> None:
    """Draw a picture that nobody looks at: the first one takes twice as long as the next, for imports and fonts."""
    import pandas as pd

    import convsweep.compare.report  # noqa: F401 - so that it is imported by then
    from convsweep.pictures.comparisons import comparison

    nothing = pd.DataFrame({"outcome": ["finished"], "valid/accuracy": [0.5], "seed": [0]})
    comparison(nothing, []).savefig(io.BytesIO(), format="png")


def main(mlruns: Path, sweep_id: str) -> None:
    """Get ready, wait for the word, write the files."""
    from convsweep.errors import UserError

    os.nice(10)  # training comes first
    _warm_up()
    if not sys.stdin.readline():
        return
    try:
        write_files(mlruns, sweep_id)
    except UserError:
        sys.exit(1)  # whoever waits tries it, and tells


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
