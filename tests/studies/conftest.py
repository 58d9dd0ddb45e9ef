"""Shared by the tests of the studies."""

import os

import pytest

from experiments.harness.discovery import EXPERIMENTS


@pytest.fixture(scope="session")
def environment():
    """Environment of a process that imports ``experiments`` wherever it runs.

    One thread of BLAS: on products this small two are slower.
    """
    path = os.pathsep.join([str(EXPERIMENTS.parent), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
