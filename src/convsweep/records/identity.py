"""The run key: one name for a run's values, images and code, all that decides its numbers but the libraries.

Two runs with the same key have the same results, so a finished one need not be trained again. Where a run takes
place (launcher, tracking, folders) is not part of it; the code that computes results is.

The versions of NumPy and of its BLAS, and the kernels that this chose for the processor, may change a run's last bits.
They are no part of the key: every upgrade would retrain everything, and the machines of a mixed cluster, or two people
who share records, would share none. Nor is a run begun anew whose next part meets other libraries, as a run that a
cluster moves to and fro might never end. Instead each attempt at a run is recorded with its libraries
(``attempts``), and whoever compares runs is told where they differ, between runs or within one (``mixtures``).
"""

import ast
import functools
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from convsweep import data
from convsweep.config import RunConfig

# the files whose code decides a number
RESULT_FILES = (
    "nn/patches.py",
    "nn/layers.py",
    "nn/network.py",
    "nn/training.py",
    "data/__init__.py",
    "data/idx.py",
    "data/mnist.py",
    "data/mnist_5k.py",
    "runs/training.py",
)


def run_key(config: RunConfig) -> str:
    """Return a run's key: 16 hexadecimal digits."""
    identity = _deciding(config) | {"code": code_digest()}
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


def decisive_keys(config: RunConfig) -> set[str]:
    """Return the dotted keys of the values that enter the run key; all other values decide no number."""
    return {f"{section}.{name}" for section, values in _deciding(config).items() for name in values}


def _deciding(config: RunConfig) -> dict[str, dict[str, object]]:
    return {
        "model": config.model.model_dump(mode="json"),
        "train": config.train.model_dump(mode="json"),
        "data": data.identity(config.data),
    }


@functools.cache
def code_digest() -> str:
    """Return the sha256 of the code that computes results, as this version of Python parses it."""
    package = Path(__file__).parents[1]
    return digest_of_code((package / name).read_text(encoding="utf-8") for name in RESULT_FILES)


def digest_of_code(sources: Iterable[str]) -> str:
    r"""Return the sha256 of sources' syntax trees, so that comments, docstrings and layout don't count.

    >>> digest_of_code(["x = 1  # one"]) == digest_of_code(["'''A docstring.'''\nx = 1"])
    True
    >>> digest_of_code(["x = 1"]) == digest_of_code(["x = 2"])
    False
    """
    sha256 = hashlib.sha256()
    for source in sources:
        tree = ast.parse(source)
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
                del node.body[0]
        sha256.update(ast.dump(tree).encode())
    return sha256.hexdigest()
