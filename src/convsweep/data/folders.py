"""Find the four IDX files in a folder under the names that people have them by; files are read, never moved.

The names come from the makers (``train-images-idx3-ubyte.gz``), from copies with a dot in a dash's place
(``train-images.idx3-ubyte``), and from torchvision, which keeps the files in ``ROOT/MNIST/raw``.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from convsweep.errors import UserError

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
TORCHVISION = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}  # what it calls a data set's folder
RELATIVES = ("FashionMNIST", "KMNIST", "EMNIST", "QMNIST", "MNIST")  # longest names first: each ends in the last


def find_files(name: str, directory: Path) -> list[Path]:
    """Return the paths of a data set's four files, in the order of ``FILES``.

    Args:
        name: ``mnist`` or ``fashion_mnist``.
        directory: The folder that holds them, or torchvision's root.

    Raises:
        UserError: The folder can't be read, or a file is missing.
    """
    if not directory.is_dir():
        raise UserError(f"'data.dir' must be a folder (got '{directory}').")
    of_data_set = directory / TORCHVISION[name]
    folders = [directory, directory / "raw", of_data_set / "raw", of_data_set]
    found = [_idx_files(folder) for folder in folders if folder.is_dir()]
    most = max(found, key=lambda files: sum(file in files for file in FILES))  # of equals, the first
    missing = [file for file in FILES if file not in most]
    if missing:
        raise UserError(
            f"'data.dir' must hold {missing[0]}, gzip or plain, itself or in {TORCHVISION[name]}/raw "
            f"(got '{directory}'{_others(directory, name)})."
        )
    return [most[file] for file in FILES]


def _idx_files(folder: Path) -> dict[str, Path]:
    """Return a folder's files by the names of ``FILES``, as far as theirs mean the same."""
    canonical = {_letters(file): file for file in FILES}
    found: dict[str, Path] = {}
    for path in _listed(folder):
        file = canonical.get(_letters(path.name).removesuffix("gz"))
        if file is not None and path.is_file():
            found.setdefault(file, path)
    return found


def _listed(folder: Path) -> Sequence[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise UserError(f"'{folder}' cannot be read: {error.strerror}.") from error


def _letters(name: str) -> str:
    """Return a name's letters and digits, which stay the same however it is written."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _others(directory: Path, name: str) -> str:
    """Say which relatives of MNIST lie there in the wanted one's place, by the names of files and folders."""
    for relative in RELATIVES:
        for path in _listed(directory):
            if relative != TORCHVISION[name] and _letters(path.name).startswith(_letters(relative)):
                return f", which holds '{path.name}': {relative}"
    return ""
