"""Shared by the tests: real digits, and the four MNIST files where they can be had."""

import os
from pathlib import Path

import numpy as np
import pytest

from convsweep.data import mnist_5k
from convsweep.nn.patches import normalize


@pytest.fixture(scope="session")
def digits():
    """Real digits: images uint8 [5000, 28, 28] and labels [5000]."""
    return mnist_5k.read()


@pytest.fixture(scope="session")
def pixels(digits):
    """The first 300 of them as the network sees them, float64."""
    return normalize(digits[0][:300], np.float64)


@pytest.fixture(scope="session")
def mnist_dir():
    """A folder with MNIST's four IDX files: MNIST_DIR, or ../shared/mnist beside a checkout."""
    directory = Path(os.environ.get("MNIST_DIR", Path(__file__).parents[2] / "shared" / "mnist"))
    if not directory.is_dir():
        pytest.skip("needs MNIST's files: set MNIST_DIR to their folder")
    return directory
