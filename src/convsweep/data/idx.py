"""Read IDX files, the format MNIST comes in, and refuse anything that isn't exactly one.

An IDX file of bytes is: 0, 0, 8 (unsigned byte), the number of axes; one big-endian 32-bit length
an axis; the bytes, last axis fastest. Source: LeCun, Cortes and Burges, the MNIST database.
"""

import gzip
import hashlib
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from convsweep.errors import UserError


def read_idx(path: Path, *, axes: int, sha256: str | None = None) -> npt.NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes, gzip-compressed (``.gz``) or plain.

    Args:
        path: The file.
        axes: How many axes it must have: 3 for images, 1 for labels.
        sha256: What its decompressed content must hash to, if that is known.

    Returns:
        The array, read-only.

    Raises:
        UserError: The file can't be read, is no such file, or holds other content.
    """
    content = _decompressed(path)
    header = 4 + 4 * axes
    if len(content) < header or content[:4] != bytes((0, 0, 8, axes)):
        raise UserError(
            f"'{path}' must be an IDX file of bytes with {axes} axes (its first bytes: {content[:4].hex()})."
        )
    shape = struct.unpack(f">{axes}I", content[4:header])
    expected, found = int(np.prod(shape)), len(content) - header
    if found != expected:
        raise UserError(f"'{path}' must hold {expected} bytes after its header, as that says (got {found}).")
    if sha256 is not None and (digest := hashlib.sha256(content).hexdigest()) != sha256:
        raise UserError(f"'{path}' must have the sha256 {sha256} after decompression (got {digest}).")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def read_labels(path: Path, *, sha256: str | None = None) -> npt.NDArray[np.uint8]:
    """Read an IDX file of class numbers 0..9; as ``read_idx`` otherwise."""
    labels = read_idx(path, axes=1, sha256=sha256)
    if labels.size and labels.max() > 9:
        raise UserError(f"'{path}' must hold labels 0..9 (got {labels.max()}).")
    return labels


def _decompressed(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"'{path}' cannot be read: {error.strerror}.") from error
    if path.suffix != ".gz":
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as error:
        raise UserError(f"'{path}' must be a complete gzip file: {error}.") from error
