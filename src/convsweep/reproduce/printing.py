"""When a program that takes the softmax as it stands in books has no loss to print.

That is exp(z) / sum exp(z). Ours subtracts the largest logit first and is never at a loss; the plain one is, once
exp(z) underflows or overflows: the loss is no longer a number, and one step later no parameter is.
"""

import numpy as np
import numpy.typing as npt

from convsweep.nn.layers import Labels
from convsweep.nn.patches import Floats


def first_not_a_number(logits: Floats, labels: Labels) -> npt.NDArray[np.intp]:
    """Return each member's first image for which the tutorial's softmax gives no finite loss; N if there is none.

    Args:
        logits: ``[R, N, C]``, float64 (as the tutorial computes).
        labels: ``[N]``.

    >>> logits = np.array([[[0.0, 9.0], [-746.0, 9.0]], [[0.0, 710.0], [0.0, 0.0]]])
    >>> first_not_a_number(logits, labels=np.array([0, 0])).tolist()
    [1, 0]
    """
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        exponentials = np.exp(logits)
        of_true_class = exponentials[:, np.arange(len(labels)), labels]
        losses = -np.log(of_true_class / exponentials.sum(axis=-1))  # [R, N]
    firsts: npt.NDArray[np.intp] = np.isfinite(losses).cumprod(axis=-1).sum(axis=-1)
    return firsts
