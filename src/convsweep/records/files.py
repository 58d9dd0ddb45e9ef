"""Files that are whole or not there at all, and JSON that notices when it was damaged."""

import json
import os
import re
import secrets
import shutil
import socket
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from convsweep.errors import UserError

LONGEST_WRITE = 3600.0  # seconds that a temporary file of another host is left alone
SEAL = "crc32"  # the key under which a JSON file keeps the checksum of all its other keys


class DamagedError(Exception):
    """A file holds something else than what was once written into it; the text says which file and what."""


def write_whole(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a file such that it never exists in part: under another name, then renamed.

    Args:
        path: The file.
        content: All of it.
        durable: Wait until the disk has it, so that not even a power cut can empty it. Without, only a file
            whose checksum is kept elsewhere can be trusted after a power cut.
    """
    temporary = path.with_name(temporary_name(path.name))
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def temporary_name(name: str) -> str:
    """Return a name for a file that is going to be renamed or removed at once: it tells who is at it."""
    return f".{name}.{_host()}.{os.getpid()}.{secrets.token_hex(4)}.tmp"


def remove_temporary_files(directory: Path, *, alone: bool) -> None:
    """Remove what processes that were killed while they wrote have left.

    Args:
        directory: With all its folders.
        alone: Nobody else writes there meanwhile. If others may, only what a dead process of this host has left is
            removed, and of other hosts what is older than any write can take.
    """
    for folder, _, names in os.walk(directory):
        for path in (Path(folder, name) for name in names if name.startswith(".") and name.endswith(".tmp")):
            if alone or _is_abandoned(path):
                path.unlink(missing_ok=True)


def size_of(path: Path) -> int:
    """Return a file's size in bytes; 0 if there is none, or it can't be found out."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0


def modified(path: Path) -> float:
    """Return when a file was last written, in seconds since 1970; 0 if there is none, or it can't be found out."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def write_sealed(path: Path, fields: Mapping[str, Any]) -> None:
    """Write a JSON file together with a checksum of its content."""
    write_whole(path, _sealed(fields))


def read_sealed(path: Path) -> dict[str, Any] | None:
    """Read a file that ``write_sealed`` wrote, or return None if there is none.

    Raises:
        DamagedError: The content isn't what was written.
        UserError: The file can't be read.
    """
    content = read_file(path)
    if content is None:
        return None
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError) as error:  # also UnicodeDecodeError; brackets within brackets without end
        raise DamagedError(f"'{path}' is damaged (it is no JSON).") from error
    if not isinstance(fields, dict) or fields.pop(SEAL, None) != _checksum(fields) or content != _sealed(fields):
        raise DamagedError(f"'{path}' is damaged (its checksum does not fit).")
    return fields


def read_file(path: Path) -> bytes | None:
    """Return a file's content, or None if there is no such file.

    Raises:
        DamagedError: There is a folder in its place.
        UserError: The file can't be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except IsADirectoryError as error:
        raise DamagedError(f"'{path}' is damaged (it is a folder).") from error
    except OSError as error:
        raise UserError(f"'{path}' cannot be read: {error.strerror}.") from error


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it, if there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_texts(texts: Mapping[str, str], folder: Path) -> list[Path]:
    """Write texts into a folder under their files' names; return the paths.

    Raises:
        UserError: The folder can't be written to.
    """
    with writing(folder):
        for name, text in texts.items():
            write_whole(folder / name, text.encode())
    return [folder / name for name in texts]


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the file system's refusal to write into one line."""
    try:
        yield
    except OSError as error:
        raise UserError(f"'{path}' cannot be written: {error.strerror}.") from error


def _is_abandoned(path: Path) -> bool:
    """Tell whether the process that wrote a temporary file is no more."""
    writer = re.fullmatch(r".*\.([^.]+)\.(\d{1,9})\.[0-9a-f]{8}\.tmp", path.name)
    if writer is None or writer[1] != _host():
        return time.time() - modified(path) > LONGEST_WRITE
    try:
        os.kill(int(writer[2]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # somebody else's
        return False
    return False


def _host() -> str:
    return socket.gethostname().replace(".", "_")


def _sealed(fields: Mapping[str, Any]) -> bytes:
    return (json.dumps({**fields, SEAL: _checksum(fields)}, indent=2) + "\n").encode()


def _checksum(fields: Mapping[str, Any]) -> str:
    return f"{zlib.crc32(json.dumps(fields, sort_keys=True).encode()):08x}"
