"""Which BLAS kernels have worked at a run: a line each in the file ``kernels`` of its record.

A run that goes on on another machine may go on with others; its bits are then those of neither.
"""

from pathlib import Path

from convsweep.records.files import read_file, writing
from convsweep.records.machine import blas_kernel

FILE = "kernels"


def note_kernel(directory: Path, *, anew: bool) -> None:
    """Write down that this process' kernels go on with a run. The writer must hold the record's lock.

    Args:
        directory: The run's.
        anew: Whether the run starts from its beginning.

    Raises:
        UserError: The disk refuses.
    """
    path = directory / FILE
    with writing(path), path.open("w" if anew else "a") as file:
        file.write(f"{blas_kernel()}\n")


def kernels_of(directory: Path) -> str:
    """Return the kernels that have worked at a run, such as ``Haswell`` or ``Haswell+SkylakeX``."""
    lines = (read_file(directory / FILE) or b"").decode(errors="replace").split()
    return "+".join(sorted(set(lines))) or blas_kernel()
