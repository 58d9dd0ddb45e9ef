"""The files of a run or model in MLflow: linked where store and records share a file system, sent elsewhere."""

import errno
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

from convsweep.tracking.refusals import one_line
from convsweep.tracking.store import StoreError

# what a file system says that can't link: another one, no links at all, too many of one file
NO_LINKS = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS)


class Artifacts:
    """Where the files of one run go.

    Args:
        uri: The run's artifact location.
        upload: Sends a file into a folder of the run's (None: the topmost), if the location isn't a local folder.
        present: Paths that are there already, if it isn't.
    """

    def __init__(self, uri: str, upload: Callable[[str, str | None], None], present: Iterable[str]) -> None:
        self._folder = local_folder(uri)
        self._upload = upload
        self._present = set(present)

    def send(self, source: Path, folder: str | None = None, *, again: bool = False) -> None:
        """Send a file unless it is there.

        Args:
            source: The file; it keeps its name.
            folder: The folder it goes to, in the run's.
            again: Send it even if a file of that name was sent before: it may have changed.

        Raises:
            StoreError: The location refuses it.
        """
        name = f"{folder}/{source.name}" if folder else source.name
        if self._folder is not None:
            link(source, self._folder / name)
        elif again or name not in self._present:
            try:
                self._upload(str(source), folder)
            except FileNotFoundError:
                raise
            except Exception as error:  # each kind of artifact store has errors of its own
                raise StoreError(f"'{name}' cannot be sent to MLflow: {one_line(str(error))}") from error
            self._present.add(name)

    def has(self, name: str) -> bool:
        """Tell whether a file is there."""
        return name in self._present if self._folder is None else (self._folder / name).exists()

    def tidy(self) -> None:
        """Remove what a process that was killed while it linked has left."""
        if self._folder is not None:
            remove_leftovers(self._folder)


def local_folder(uri: str) -> Path | None:
    """Return the folder that an artifact location is, or None if it is somewhere else.

    >>> local_folder("file:///tmp/a%3Fb/1")
    PosixPath('/tmp/a?b/1')
    >>> local_folder("mlflow-artifacts:/1")
    """
    parsed = urlparse(uri)
    if parsed.scheme == "file" and parsed.netloc in ("", "localhost"):
        return Path(url2pathname(parsed.path))
    return Path(uri) if uri.startswith("/") else None


def link(source: Path, target: Path) -> None:
    """Make a file appear in a second place, whole or not at all: as a link if the file system allows, else a copy.

    Raises:
        FileNotFoundError: There is no such file.
        StoreError: The target's disk refuses.
    """
    state = source.stat()
    try:
        there = target.stat()
        if there.st_ino == state.st_ino and there.st_dev == state.st_dev:
            return
        if there.st_dev != state.st_dev and (there.st_size, there.st_mtime) == (state.st_size, state.st_mtime):
            return  # the copy that was made of it
    except FileNotFoundError:
        pass
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        try:
            os.link(source, temporary)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            shutil.copy2(source, temporary)
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StoreError(f"'{target}' cannot be written: {error.strerror}.") from error


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files in a folder that nobody writes to."""
    for path in folder.rglob(".*.tmp"):
        path.unlink(missing_ok=True)
