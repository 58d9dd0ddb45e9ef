"""Compare analytic gradients with central differences."""

import numpy as np


def check_gradient(function, argument, analytic, *, name, step=1e-6, tolerance=1e-7):
    """Assert that ``analytic`` is the gradient of ``function`` by an array, entry by entry.

    The function is called without arguments and must read ``argument``, which is changed in place.
    """
    flat, expected = argument.flat, np.asarray(analytic).reshape(-1)
    assert argument.size == expected.size
    for index in range(argument.size):
        kept = flat[index]
        flat[index] = kept + step
        above = function()
        flat[index] = kept - step
        below = function()
        flat[index] = kept
        numeric = (above - below) / (2 * step)
        assert abs(numeric - expected[index]) <= tolerance * max(1, abs(numeric)), (
            f"gradient of {name}, entry {index}: analytic {expected[index]!r}, numeric {numeric!r}"
        )
