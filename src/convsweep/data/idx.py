"""Read IDX files, the format MNIST comes in, and refuse anything that isn't exactly one.

An IDX file of bytes is: 0, 0, 8 (unsigned byte), the number of axes; one big-endian 32-bit length
an axis; the bytes, last axis fastest. Source: LeCun, Cortes and Burges, the MNIST database.
"""

import gzip
import hashlib
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from convsweep.errors import UserError

GZIP = b"\x1f\x8b"  # what every such file begins with; an IDX file begins with zeros
KINDS = {8: "uint8", 9: "int8", 11: "int16", 12: "int32", 13: "float32", 14: "float64"}


class OtherContentError(UserError):
    """A file of the right form holds something else than it must."""


class IdxHeader(NamedTuple):
    """What an IDX file says of itself."""

    kind: str  # of its numbers
    shape: tuple[int, ...]
    length: int  # bytes before the numbers


def read_idx(path: Path, *, axes: int, sha256: str | None = None) -> npt.NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes, gzip-compressed or plain, whatever its name says.

    Args:
        path: The file.
        axes: How many axes it must have: 3 for images, 1 for labels.
        sha256: What its decompressed content must hash to, if that is known.

    Returns:
        The array, read-only.

    Raises:
        UserError: The file can't be read, is no such file, or holds other content.
    """
    content = decompressed(path)
    header = idx_header(content)
    if header is None or header.kind != "uint8" or len(header.shape) != axes:
        raise UserError(
            f"'{path}' must be an IDX file of bytes with {axes} axes (its first bytes: {content[:4].hex()})."
        )
    shape, start = header.shape, header.length
    expected, found = int(np.prod(shape)), len(content) - start
    if found != expected:
        raise UserError(f"'{path}' must hold {expected} bytes after its header, as that says (got {found}).")
    if sha256 is not None and (digest := hashlib.sha256(content).hexdigest()) != sha256:
        raise OtherContentError(f"'{path}' must have the sha256 {sha256} after decompression (got {digest}).")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def read_labels(path: Path, *, sha256: str | None = None) -> npt.NDArray[np.uint8]:
    """Read an IDX file of class numbers 0..9; as ``read_idx`` otherwise."""
    labels = read_idx(path, axes=1, sha256=sha256)
    if labels.size and labels.max() > 9:
        raise UserError(f"'{path}' must hold labels 0..9 (got {labels.max()}).")
    return labels


def idx_header(content: bytes) -> IdxHeader | None:
    """Return what an IDX file says of itself, or None if it is no such file."""
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in KINDS:
        return None
    axes, length = content[3], 4 + 4 * content[3]
    if len(content) < length:
        return None
    return IdxHeader(KINDS[content[2]], struct.unpack(f">{axes}I", content[4:length]), length)


def decompressed(path: Path) -> bytes:
    """Return a file's content, decompressed if it is gzip: browsers take the compression or the suffix away.

    Raises:
        UserError: The file can't be read, or is cut or damaged.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"'{path}' cannot be read: {error.strerror}.") from error
    if not content.startswith(GZIP):
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as error:
        raise UserError(f"'{path}' must be a complete gzip file: {error}.") from error
