"""MNIST and Fashion-MNIST: where their four IDX files come from, and what they must hold."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from convsweep.data.idx import read_idx, read_labels
from convsweep.errors import UserError


class Sha256(NamedTuple):
    """Digests of the four files' decompressed content."""

    train_images: str
    train_labels: str
    test_images: str
    test_labels: str


class IdxArrays(NamedTuple):
    """The four files' content, all uint8."""

    train_images: npt.NDArray[np.uint8]  # [60000, 28, 28]
    train_labels: npt.NDArray[np.uint8]  # [60000]
    test_images: npt.NDArray[np.uint8]  # [10000, 28, 28]
    test_labels: npt.NDArray[np.uint8]  # [10000]


FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)

SHA256 = {
    "mnist": Sha256(
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    "fashion_mnist": Sha256(
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
}


def read(name: str, directory: Path | None, mirrors: Sequence[str]) -> tuple[IdxArrays, str]:
    """Read and check the four files of ``mnist`` or ``fashion_mnist``.

    Args:
        name: The data set.
        directory: Where the files are; ``None`` looks in the cache and downloads what it lacks.
        mirrors: Addresses of folders to download from, tried in turn.

    Returns:
        The arrays, and a word on where they came from.

    Raises:
        UserError: A file is missing or wrong, or no mirror answers.
    """
    if directory is not None:
        return _read_all(name, [_in_directory(directory, file) for file in FILES]), str(directory)
    cache = _cache() / name
    if not all((cache / f"{file}.gz").is_file() for file in FILES):
        _download(name, cache, mirrors)
    return _read_all(name, [cache / f"{file}.gz" for file in FILES]), str(cache)


def _read_all(name: str, paths: Sequence[Path]) -> IdxArrays:
    sha256 = SHA256[name]
    return IdxArrays(
        read_idx(paths[0], axes=3, sha256=sha256.train_images),
        read_labels(paths[1], sha256=sha256.train_labels),
        read_idx(paths[2], axes=3, sha256=sha256.test_images),
        read_labels(paths[3], sha256=sha256.test_labels),
    )


def _in_directory(directory: Path, file: str) -> Path:
    for path in (directory / f"{file}.gz", directory / file):
        if path.is_file():
            return path
    raise UserError(f"'data.dir' must hold {file} or {file}.gz (got '{directory}').")


def _cache() -> Path:
    import platformdirs

    return platformdirs.user_cache_path("convsweep")


def _download(name: str, cache: Path, mirrors: Sequence[str]) -> None:
    """Fetch the files into a temporary folder, check them, then move them into the cache."""
    import pooch
    import requests

    cache.mkdir(parents=True, exist_ok=True)
    troubles = []
    for mirror in mirrors:
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            paths = [Path(folder, f"{file}.gz") for file in FILES]
            try:
                for path in paths:
                    fetch = pooch.HTTPDownloader(timeout=20)
                    fetch(f"{mirror.rstrip('/')}/{path.name}", str(path), None)
                _read_all(name, paths)
            except (requests.RequestException, UserError) as error:
                reason = "other content" if isinstance(error, UserError) else type(error).__name__
                troubles.append(f"{mirror}: {reason}")
                continue
            for path in paths:
                path.replace(cache / path.name)
            return
    raise UserError(
        f"'data={name}' could not be downloaded ({'; '.join(troubles) or 'no mirror given'}). Set data.dir to a folder "
        "with the four IDX files, or use data=mnist_5k, which needs no network."
    )
