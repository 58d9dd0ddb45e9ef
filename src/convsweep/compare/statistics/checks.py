"""What every function here asks of its arrays."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def finite(name: str, values: npt.ArrayLike, dimensions: int = 1) -> Floats:
    """Return values as an array of float64.

    Raises:
        ValueError: They have another number of dimensions, or one isn't finite: a diverged run can't be compared.
    """
    array = np.asarray(values, np.float64)
    if array.ndim != dimensions:
        raise ValueError(f"{name!r} must have {dimensions} dimension(s) (got {array.ndim}).")
    if not np.isfinite(array).all():
        raise ValueError(f"{name!r} must be finite (got {array[~np.isfinite(array)][0]}).")
    return array
