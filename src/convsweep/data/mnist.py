"""MNIST and Fashion-MNIST: where their four IDX files come from, and what they must hold."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from convsweep.data.folders import FILES, find_files
from convsweep.data.idx import OtherContentError, read_idx, read_labels
from convsweep.data.relatives import ROLES, Origin, origin
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


TITLES = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST"}
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
        return _read_all(name, find_files(name, directory)), str(directory)
    cache = _cache() / name
    paths = [cache / f"{file}.gz" for file in FILES]
    if not all(path.is_file() for path in paths):
        _download(name, cache, mirrors)
    try:
        return _read_all(name, paths), str(cache)
    except UserError as error:
        raise UserError(f"{error} Delete '{cache}', and it is downloaded again.") from error


def _read_all(name: str, paths: Sequence[Path]) -> IdxArrays:
    """Read and check the four files, in the order of ``FILES``."""
    arrays = []
    for path, role, sha256 in zip(paths, ROLES, SHA256[name], strict=True):
        try:
            images = "images" in role
            arrays.append(read_idx(path, axes=3, sha256=sha256) if images else read_labels(path, sha256=sha256))
        except UserError as error:
            raise _explained(error, name, path, role, paths) from error
    return IdxArrays(*arrays)


def _explained(error: UserError, name: str, path: Path, role: str, paths: Sequence[Path]) -> UserError:
    """Say in place of an error which data set's files they are, as far as that is known."""
    known = {
        sha256: Origin(TITLES[other], of_other if other == name else f"{of_other} (data={other})")
        for other, digests in SHA256.items()
        for sha256, of_other in zip(digests, ROLES, strict=True)
    }
    wanted = f"'{path}' must hold {TITLES[name]}'s {role}"
    found = origin(path, known)
    if found is not None:
        return UserError(f"{wanted}, and holds {found.data_set}'s {found.what}.")
    for beside in paths:  # labels tell more than images
        found = origin(beside, known)
        if found is not None and found.data_set != TITLES[name]:
            return UserError(f"{wanted}; '{beside.name}' beside it holds {found.data_set}'s {found.what}.")
    if isinstance(error, OtherContentError):
        return UserError(f"{wanted}, and holds others: a damaged copy, or another data set of the same size.")
    return error


def _cache() -> Path:
    import platformdirs

    return platformdirs.user_cache_path("convsweep")


def _download(name: str, cache: Path, mirrors: Sequence[str]) -> None:
    """Fetch the files into a temporary folder, check them, then move them into the cache."""
    import requests

    troubles = []
    for mirror in mirrors:
        try:
            cache.mkdir(parents=True, exist_ok=True)
            _download_from(mirror, name, cache)
        except (requests.RequestException, UserError) as error:
            reason = "other content" if isinstance(error, UserError) else type(error).__name__
            troubles.append(f"{mirror}: {reason}")
        except OSError as error:  # subtle: requests' are of this kind, too
            raise UserError(f"'{cache}' cannot be written: {error.strerror}. {_ways_out(name)}") from error
        else:
            return
    raise UserError(
        f"'data={name}' could not be downloaded ({'; '.join(troubles) or 'no mirror given'}). {_ways_out(name)}"
    )


def _download_from(mirror: str, name: str, cache: Path) -> None:
    import pooch

    with tempfile.TemporaryDirectory(dir=cache) as folder:
        paths = [Path(folder, f"{file}.gz") for file in FILES]
        for path in paths:
            fetch = pooch.HTTPDownloader(timeout=20)
            fetch(f"{mirror.rstrip('/')}/{path.name}", str(path), None)
        _read_all(name, paths)
        for path in paths:
            path.replace(cache / path.name)


def _ways_out(name: str) -> str:
    return (
        f"Set data.dir to a folder with {TITLES[name]}'s four IDX files, or use data=mnist_5k, which needs no network."
    )
