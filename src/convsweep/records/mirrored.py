"""How many of a sweep's runs MLflow has: each mirror notes its own number, whoever wants to know adds them up.

The notes are files ``mirrored-0``, ``mirrored-1``, ... in the sweep's folder, one a mirror.
"""

from contextlib import suppress
from pathlib import Path

from convsweep.records.files import write_whole, writing
from convsweep.records.sweep import sweep_directory

NOTE = "mirrored-"


def write_num_mirrored(mlruns: Path, sweep_id: str, mirror: int, number: int) -> None:
    """Note how many runs a mirror has sent.

    Raises:
        UserError: The disk refuses.
    """
    path = sweep_directory(mlruns, sweep_id) / f"{NOTE}{mirror}"
    with writing(path):
        write_whole(path, f"{number}\n".encode(), durable=False)


def forget_other_mirrors(mlruns: Path, sweep_id: str, mirrors: int) -> None:
    """Remove the notes of mirrors that there are no more.

    Args:
        mlruns: The folder of everything.
        sweep_id: The sweep.
        mirrors: How many mirrors there are now.

    Raises:
        UserError: The disk refuses.
    """
    for path in _notes(mlruns, sweep_id):
        if int(path.name.removeprefix(NOTE)) >= mirrors:
            with writing(path):
                path.unlink(missing_ok=True)


def num_mirrored(mlruns: Path, sweep_id: str) -> int | None:
    """Return how many runs MLflow has to their end; None if nobody has told it anything."""
    numbers = []
    for path in _notes(mlruns, sweep_id):
        with suppress(OSError, ValueError):  # just removed, or emptied by a power cut
            numbers.append(int(path.read_text()))
    return sum(numbers) if numbers else None


def _notes(mlruns: Path, sweep_id: str) -> list[Path]:
    paths = sweep_directory(mlruns, sweep_id).glob(f"{NOTE}*")
    return [path for path in paths if path.name.removeprefix(NOTE).isdigit()]
