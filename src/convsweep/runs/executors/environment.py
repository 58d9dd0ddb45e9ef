"""The environment in which a process that trains must start: what libraries read of it when they are loaded."""

from convsweep.records.machine import KERNEL_VARIABLE

ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "BLIS", "VECLIB_MAXIMUM")}
# bytes, for glibc, which otherwise may give a batch's memory back to the kernel and ask for it anew, page by page, for
# the next batch: depending on what a process did before, its training took a quarter longer
KEPT_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(2**26), "MALLOC_MMAP_THRESHOLD_": str(2**25)}


def environment(kernel: str | None = None) -> dict[str, str]:
    """Return the variables that a process needs beside those that it inherits.

    Args:
        kernel: Which BLAS kernels it uses; None: those that suit its processor.
    """
    chosen = {} if kernel is None else {KERNEL_VARIABLE: kernel}
    return ONE_THREAD | KEPT_MEMORY | chosen
