"""How the tutorial comes by the numbers it prints; none of this is what other commands report.

In training it prints before it learns. At image i of an epoch (counting from 0), when i + 1 is a multiple
of the window, it prints the sums since the last time, divided by the window's full length, and only then
trains on image i. So the first window of a run holds one image fewer than it is divided by, and every later
one is shifted by one. Sums run on from one epoch to the next. (Without training it prints plain means.)

Its softmax is exp(z) / sum exp(z) as it stands. Ours subtracts the largest logit first and is never at a loss;
the tutorial's is, once exp(z) underflows or overflows: the loss is no longer a number, and one step later no
parameter is.
"""

import numpy as np
import numpy.typing as npt

from convsweep.nn.layers import Labels
from convsweep.nn.patches import Floats


def printed_means(values: npt.NDArray[np.generic], window: int) -> Floats:
    """Return the means as the tutorial prints them while it trains.

    Args:
        values: Losses or hits, each taken before the step on its image: ``[R, epochs, N]``.
        window: Images between two lines.

    Returns:
        ``[R, epochs, N // window]``, float64.

    >>> printed_means(np.array([[[1, 1, 1, 1], [1, 1, 1, 1]]]), window=2).tolist()
    [[[0.5, 1.0], [1.0, 1.0]]]
    """
    members, epochs, num_images = values.shape
    sums = np.zeros((members, epochs * num_images + 1))  # of the first k images of the run
    np.cumsum(values.reshape(members, -1), axis=1, dtype=float, out=sums[:, 1:])
    last_images = np.arange(epochs)[:, None] * num_images + np.arange(window - 1, num_images, window)
    since_the_last = np.diff(sums[:, last_images.reshape(-1)], axis=1, prepend=0)
    return since_the_last.reshape(members, epochs, num_images // window) / window


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
