"""Which machine computes: its processor, and the kernels that its BLAS chose for it.

OpenBLAS has kernels for many processors and takes those that suit the one it finds. Two of them may add in another
order, so that the last bits of a product differ: runs have the same bits on two machines only if their kernels are the
same.
"""

import functools
import platform
from pathlib import Path

import numpy as np  # loads the BLAS
from threadpoolctl import threadpool_info

KERNEL_VARIABLE = "OPENBLAS_CORETYPE"  # chooses the kernels; read when NumPy is imported


@functools.cache
def cpu_name() -> str:
    """Return the processor's name, which Linux keeps in a file."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


@functools.cache
def blas_kernel() -> str:
    """Return the name of the kernels that NumPy's BLAS uses in this process, such as ``Haswell``.

    ``unknown`` for a BLAS that doesn't tell.
    """
    libraries = [library for library in threadpool_info() if library["user_api"] == "blas"]
    return str(next((library["architecture"] for library in libraries if "architecture" in library), "unknown"))


def blas_name() -> str:
    """Return NumPy's BLAS with its version, such as ``scipy-openblas 0.3.31``."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{blas['name']} {blas['version']}"
