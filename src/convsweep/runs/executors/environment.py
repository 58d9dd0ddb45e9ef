"""The environment in which a process that trains must start: what NumPy's BLAS reads of it when it is imported."""

from convsweep.records.machine import KERNEL_VARIABLE

ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "BLIS", "VECLIB_MAXIMUM")}


def environment(kernel: str | None = None) -> dict[str, str]:
    """Return the variables that a process needs beside those that it inherits.

    Args:
        kernel: Which BLAS kernels it uses; None: those that suit its processor.
    """
    return ONE_THREAD if kernel is None else ONE_THREAD | {KERNEL_VARIABLE: kernel}
