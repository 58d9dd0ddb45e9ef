"""The files on a sweep's page, which its record's folder keeps: a report and a picture of what came of it.

The launch makes them once all jobs are over, while the mirror is still sending runs; whoever finds them older than
the records makes them again. Another file for the page is added here.
"""

import importlib
from contextlib import suppress
from pathlib import Path

from convsweep.records.files import write_whole, writing
from convsweep.records.journal import run_directory
from convsweep.records.sweep import Sweep, sweep_directory

REPORT, PICTURE = "report.html", "comparison.png"
FILES = (REPORT, PICTURE)


def found_files(mlruns: Path, sweep: Sweep) -> list[Path]:
    """Return the files that are there, be they up to date or not."""
    folder = sweep_directory(mlruns, sweep.id)
    return [folder / name for name in FILES if (folder / name).exists()]


def current_files(mlruns: Path, sweep: Sweep) -> list[Path]:
    """Return the files, made again if a record has changed since; there is none if no run has finished.

    Raises:
        UserError: The disk refuses, or a record can't be read.
    """
    files = found_files(mlruns, sweep)
    made = min((path.stat().st_mtime_ns for path in files), default=0)
    if len(files) < len(FILES) or made < _last_change(mlruns, sweep):
        write_files(mlruns, sweep)
    return found_files(mlruns, sweep)


def get_ready() -> None:
    """Import what ``write_files`` needs: half a second, better spent while jobs train than once they are over."""
    for module in ("comparison", "picture", "report", "runs"):
        importlib.import_module(f"convsweep.compare.{module}")


def write_files(mlruns: Path, sweep: Sweep) -> None:
    """Write the files, each whole or not at all; none if no run has finished.

    Raises:
        UserError: The disk refuses, or a record can't be read.
    """
    from convsweep.compare.comparison import compare_runs
    from convsweep.compare.picture import comparison_png
    from convsweep.compare.report import render
    from convsweep.compare.runs import load_runs

    runs = load_runs(mlruns, sweep)
    if not any(run.outcome == "finished" for run in runs):
        return
    picture = comparison_png(runs, sweep.axes)
    report = render(compare_runs(runs, sweep.axes), runs, sweep, mlruns).encode(errors="replace")
    folder = sweep_directory(mlruns, sweep.id)
    with writing(folder):
        for name, written in ((PICTURE, picture), (REPORT, report)):
            write_whole(folder / name, written, durable=False)  # can be made again


def _last_change(mlruns: Path, sweep: Sweep) -> int:
    """Return when a file came to, or left, the records of the sweep's runs last, in nanoseconds since 1970."""
    last = 0
    for key in {job.run_key for job in sweep.jobs}:
        with suppress(FileNotFoundError):  # it has not begun
            # subtle: a folder's ctime, as records that are copied from elsewhere may keep their files' times
            last = max(last, run_directory(mlruns, key).stat().st_ctime_ns)
    return last
