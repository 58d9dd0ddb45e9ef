"""The run key: one name for everything that decides a run's numbers.

Two runs with the same key have the same results, so a finished one need not be trained again. Where
a run takes place (launcher, tracking, folders) is not part of it; the code that computes results is.
"""

import functools
import hashlib
import json
from importlib import import_module
from pathlib import Path

from convsweep import data
from convsweep.config import RunConfig

RESULT_MODULES = (
    "nn.patches",
    "nn.layers",
    "nn.network",
    "nn.training",
    "data",
    "data.idx",
    "data.mnist",
    "data.mnist_5k",
)


def run_key(config: RunConfig) -> str:
    """Return a run's key: 16 hexadecimal digits."""
    identity = {
        "model": config.model.model_dump(mode="json"),
        "train": config.train.model_dump(mode="json"),
        "data": data.identity(config.data),
        "code": code_digest(),
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


@functools.cache
def code_digest() -> str:
    """Return the sha256 of the source of the modules that compute results."""
    sha256 = hashlib.sha256()
    for name in RESULT_MODULES:
        path = import_module(f"convsweep.{name}").__file__
        assert path is not None
        sha256.update(Path(path).read_bytes())
    return sha256.hexdigest()
