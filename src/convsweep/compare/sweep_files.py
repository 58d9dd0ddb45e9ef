"""The files on a sweep's page, which its record's folder keeps: a report and a picture of what came of it.

The launch makes them once all jobs are over, while the mirror is still sending runs; whoever finds that records have
changed since makes them again. Another file for the page is added here.
"""

import importlib
import zlib
from contextlib import suppress
from pathlib import Path

from convsweep.records.files import read_file, write_whole, writing
from convsweep.records.journal import run_directory
from convsweep.records.sweep import Sweep, sweep_directory

REPORT, PICTURE = "report.html", "comparison.png"
FILES = (REPORT, PICTURE)
VERSION = "page-version"  # says which records they were made of


def found_files(mlruns: Path, sweep: Sweep) -> list[Path]:
    """Return the files that are there, be they up to date or not."""
    folder = sweep_directory(mlruns, sweep.id)
    return [folder / name for name in FILES if (folder / name).exists()]


def current_files(mlruns: Path, sweep: Sweep) -> list[Path]:
    """Return the files, made again if a record has changed since; there is none if no run has finished.

    Raises:
        UserError: The disk refuses, or a record can't be read.
    """
    made_of = read_file(sweep_directory(mlruns, sweep.id) / VERSION)
    if len(found_files(mlruns, sweep)) < len(FILES) or made_of != _version(mlruns, sweep):
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

    version = _version(mlruns, sweep)
    runs = load_runs(mlruns, sweep)
    if not any(run.outcome == "finished" for run in runs):
        return
    picture = comparison_png(runs, sweep.axes)
    report = render(compare_runs(runs, sweep.axes), runs, sweep, mlruns).encode(errors="replace")
    folder = sweep_directory(mlruns, sweep.id)
    with writing(folder):
        for name, written in ((PICTURE, picture), (REPORT, report), (VERSION, version)):
            write_whole(folder / name, written, durable=False)  # can be made again


def _version(mlruns: Path, sweep: Sweep) -> bytes:
    """Return what changes whenever a file comes to, or leaves, the records of the sweep's runs."""
    times = []
    for key in sorted({job.run_key for job in sweep.jobs}):
        with suppress(FileNotFoundError):  # it has not begun
            # subtle: a folder's ctime, as records that are copied from elsewhere may keep their files' times; only
            # whether it is the same counts, as some shared disks take times from the clock of the host that writes
            times.append((key, run_directory(mlruns, key).stat().st_ctime_ns))
    return f"{zlib.crc32(repr(times).encode()):08x}\n".encode()
