"""Runs that are trained anew (``rerun=true``): beside their earlier record, whose place they take with their result.

``mlruns/anew/<run_key>/`` is such a run's record. As long as it is there, the run is still to be trained anew; whoever
wants its results reads the earlier record in ``mlruns/runs`` meanwhile. What a killed process leaves is put right by
whoever next trains the run, or launches a sweep that trains it anew.
"""

from contextlib import suppress
from pathlib import Path

from convsweep.records.files import remove, writing
from convsweep.records.journal import RESULT, anew_directory, read_record, run_directory


def begin_anew(mlruns: Path, run_key: str) -> None:
    """Have a run trained anew, from its beginning, if there is a record of it. The caller must hold the run's lock.

    Raises:
        UserError: The disk refuses.
    """
    take_place(mlruns, run_key)
    if run_directory(mlruns, run_key).exists():
        directory = anew_directory(mlruns, run_key)
        with writing(directory):
            remove(directory)  # of a sweep that was given up
            directory.mkdir(parents=True)


def take_place(mlruns: Path, run_key: str) -> None:
    """Put a run that was trained anew in the place of its earlier record, if its result can be trusted.

    The caller must hold the run's lock. Killed at any moment, it is finished by the next call.

    Raises:
        UserError: The disk refuses.
    """
    directory, place = anew_directory(mlruns, run_key), run_directory(mlruns, run_key)
    before = directory.with_name(f"{run_key}.before")
    with writing(place):
        if (directory / RESULT).exists() and read_record(directory).result is not None:
            if place.exists():
                for path in (place / ".hydra", *place.glob("*.log")):  # a single run's, of the command that trained it
                    if path.exists():
                        path.rename(directory / path.name)
                remove(before)
                place.rename(before)
            directory.rename(place)
    with suppress(OSError):  # NFS keeps what another process has open: the next call removes it
        remove(before)
