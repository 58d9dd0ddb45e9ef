"""Say which data set an IDX file is from, where another one's is wanted: those in MNIST's format share its file names.

Known by their content: MNIST, Fashion-MNIST, and KMNIST's files as their makers compressed them. Known by their
shape: EMNIST's parts but the one of MNIST's size, and QMNIST's labels.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from convsweep.data.idx import decompressed, idx_header

ROLES = ("training images", "training labels", "test images", "test labels")

# sha256 of the compressed files at codh.rois.ac.jp, in the order of ``ROLES``
KMNIST = (
    "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
    "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
    "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
    "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
)
# numbers of images that no other data set of this format has
EMNIST = {
    697_932: "byclass or bymerge, training",
    116_323: "byclass or bymerge, test",
    112_800: "balanced, training",
    18_800: "balanced, test",
    124_800: "letters, training",
    20_800: "letters, test",
    88_800: "letters, training",
    14_800: "letters, test",
    240_000: "digits, training",
    40_000: "digits, test",
}
QMNIST_LABELS = ("int32", 8)  # type and columns


class Origin(NamedTuple):
    """Where a file's content comes from."""

    data_set: str
    what: str  # it holds of it


def origin(path: Path, known: Mapping[str, Origin]) -> Origin | None:
    """Say what a file holds, or None if that isn't known.

    Args:
        path: The file.
        known: What content is, by its sha256 after decompression.

    Raises:
        UserError: The file can't be read, or is cut or damaged.
    """
    content, as_it_is = decompressed(path), path.read_bytes()
    names = {**known, **{sha256: Origin("KMNIST", role) for sha256, role in zip(KMNIST, ROLES, strict=True)}}
    for digest in (hashlib.sha256(content).hexdigest(), hashlib.sha256(as_it_is).hexdigest()):
        if digest in names:
            return names[digest]
    header = idx_header(content)
    if header is None or not header.shape:
        return None
    number, *columns = header.shape
    if (header.kind, *columns) == QMNIST_LABELS:
        return Origin("QMNIST", f"labels ({number:,} rows of 8 numbers)")
    if number in EMNIST:
        return Origin("EMNIST", f"{'images' if columns else 'labels'} ({EMNIST[number]}: {number:,})")
    largest = max(content[header.length :], default=0)
    if not columns and largest > 9:
        return Origin("another data set", f"labels (up to {largest}, as EMNIST has them)")
    return None
