"""The three layers and the loss, each for a stack of R models at once.

Every parameter has a leading stack axis R; a single model is a stack of one. Each layer owns the
buffers it writes to, so that a training step allocates nothing of a layer's size.

Products go through ``np.matmul`` with the stack as batch axis: BLAS is called once a member, always
with the same shapes, so a member's bits cannot depend on its neighbours. (One big product over all
members is 4% faster and breaks this for filter counts that are no multiple of BLAS's row block.)

Left out: the convolution's gradient towards its input (it is the first layer), a bias for the
convolution and an activation after it (the tutorial's network has neither).
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from convsweep.patches import KERNEL, Floats

Ties = Literal["all", "first", "split"]
Mask = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.integer[Any]]


class Conv2d:
    """A 3x3 convolution (cross-correlation, as the field has it) of one image under every member's filters.

    Args:
        filters: ``[R, F, 3, 3]``; trained in place.
        map_shape: The trailing shape of patches and feature maps: ``(4, B)`` or ``(H', W')``.

    >>> image = np.array([[0, 7, 0], [0, 80, 31], [33, 14, 0]], float)
    >>> centre = np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]], float)
    >>> conv = Conv2d(centre[None, None], map_shape=(1, 1))
    >>> conv.forward(image.reshape(9, 1, 1)).item()
    80.0
    """

    def __init__(self, filters: Floats, map_shape: Sequence[int]) -> None:
        members, num_filters = filters.shape[:2]
        self.filters = np.ascontiguousarray(filters)  # [R, F, 3, 3]
        self.output = np.empty((members, num_filters, *map_shape), filters.dtype)  # [R, F, *map_shape]
        self.grad_filters = np.empty_like(self.filters)
        self._rows = self.filters.reshape(members, num_filters, KERNEL**2)  # views of the three above
        self._flat_output = self.output.reshape(members, num_filters, -1)
        self._grad_rows = self.grad_filters.reshape(self._rows.shape)

    def forward(self, patches: Floats) -> Floats:
        """Convolve patches ``[9, *map_shape]`` into feature maps ``[R, F, *map_shape]`` (the layer's own buffer)."""
        # out[r, f, p] = sum_t filters[r, f, t] patches[t, p]
        self._columns = patches.reshape(KERNEL**2, -1)
        np.matmul(self._rows, self._columns, out=self._flat_output)
        return self.output

    def backward(self, grad_output: Floats) -> Floats:
        """Return the filters' gradient ``[R, F, 3, 3]`` for the last forward pass's patches."""
        # grad_filters[r, f, t] = sum_p grad_out[r, f, p] patches[t, p]
        np.matmul(grad_output.reshape(self._flat_output.shape), self._columns.T, out=self._grad_rows)
        return self.grad_filters

    def update(self, learning_rates: Floats) -> None:
        """Take one step of SGD with rates ``[R]`` along the last gradient (which is used up)."""
        # filters -= learning_rate * grad_filters
        self._grad_rows *= learning_rates[:, None, None]
        self._rows -= self._grad_rows


class MaxPool2:
    """2x2 max-pooling of feature maps in block order.

    ``ties`` says who receives the gradient of a block whose maximum stands in several places (blank
    background makes that the common case on MNIST): ``all`` of them, each in full, as in the
    tutorial; the ``first`` in row-major order, as PyTorch does; or ``split`` evenly.

    Args:
        members: R.
        num_filters: F.
        blocks: B.
        ties: ``all``, ``first`` or ``split``.
        dtype: float32 or float64.

    >>> from convsweep.patches import to_blocks
    >>> image = np.array([[0, 50, 0, 29], [0, 80, 31, 2], [33, 90, 0, 75], [0, 9, 0, 95]], float)
    >>> pool = MaxPool2(members=1, num_filters=1, blocks=4, ties="all", dtype=float)
    >>> pool.forward(to_blocks(image)[None, None]).reshape(2, 2).tolist()
    [[80.0, 31.0], [90.0, 95.0]]
    """

    def __init__(self, *, members: int, num_filters: int, blocks: int, ties: Ties, dtype: npt.DTypeLike) -> None:
        self.ties = ties
        self.output = np.empty((members, num_filters, blocks), dtype)  # [R, F, B]
        self.grad_input = np.empty((members, num_filters, 4, blocks), dtype)  # [R, F, 4, B]
        self._at_maximum: Mask = np.empty(self.grad_input.shape, np.bool_)
        self._tied = np.empty_like(self.output) if ties == "split" else None  # how many share a maximum

    def forward(self, maps: Floats) -> Floats:
        """Return every block's maximum, ``[R, F, B]``, of maps ``[R, F, 4, B]``."""
        self._maps = maps
        np.maximum.reduce(maps, axis=2, out=self.output)  # np.max, less a microsecond
        return self.output

    def backward(self, grad_output: Floats) -> Floats:
        """Hand the gradient ``[R, F, B]`` back to the maxima of the last forward pass: ``[R, F, 4, B]``."""
        at_maximum = self._at_maximum
        # subtle: exact comparison is right here; equal patches give bit-equal feature map values
        np.equal(self._maps, self.output[:, :, None], out=at_maximum)
        if self.ties == "first":
            _keep_first(at_maximum)
        np.multiply(at_maximum, grad_output[:, :, None], out=self.grad_input)
        if self._tied is not None:
            np.sum(at_maximum, axis=2, dtype=self._tied.dtype, out=self._tied)
            self.grad_input /= self._tied[:, :, None]
        return self.grad_input


def _keep_first(at_maximum: Mask) -> None:
    """Clear every mark but the first of each block, in place: ``[R, F, 4, B]``."""
    taken = at_maximum[:, :, 0].copy()
    for position in range(1, 4):
        candidate = at_maximum[:, :, position]
        candidate &= ~taken
        taken |= candidate


class Dense:
    """A fully connected layer: one vector of features a member, to ten logits.

    Args:
        weights: ``[R, C, D]``, one row a class (the transpose of the canonical shape); trained in place.
        biases: ``[R, C]``; trained in place.
    """

    def __init__(self, weights: Floats, biases: Floats) -> None:
        self.weights = np.ascontiguousarray(weights)  # [R, C, D]
        self.biases = np.ascontiguousarray(biases)  # [R, C]
        members, classes, features = weights.shape
        self.output = np.empty((members, classes), weights.dtype)  # [R, C]
        self.grad_input = np.empty((members, features), weights.dtype)  # [R, D]
        self._step = np.empty_like(self.weights)

    def forward(self, features: Floats) -> Floats:
        """Return logits ``[R, C]`` of features ``[R, D]``."""
        # logits = weights @ features + biases
        self._features = features
        np.matmul(self.weights, features[:, :, None], out=self.output[:, :, None])
        self.output += self.biases
        return self.output

    def backward(self, grad_output: Floats) -> Floats:
        """Return the gradient towards the features, ``[R, D]``; call it before ``update``."""
        # grad_features = weights.T @ grad_logits
        np.matmul(grad_output[:, None], self.weights, out=self.grad_input[:, None])
        return self.grad_input

    def update(self, grad_output: Floats, learning_rates: Floats) -> None:
        """Take one step of SGD with rates ``[R]``, given the logits' gradient ``[R, C]``."""
        # weights -= learning_rate * outer(grad_logits, features); biases -= learning_rate * grad_logits
        scaled = learning_rates[:, None] * grad_output
        np.multiply(scaled[:, :, None], self._features[:, None], out=self._step)
        self.weights -= self._step
        self.biases -= scaled


def softmax(logits: Floats) -> Floats:
    """Return probabilities over the last axis; safe for logits of any size.

    >>> softmax(np.array([1000.0, 1000.0])).tolist()
    [0.5, 0.5]
    """
    # p_c = exp(z_c - max z) / sum_k exp(z_k - max z). The ufuncs' own reductions: max and sum take twice as long,
    # and in a training step of a single model that counts
    probabilities: Floats = logits - np.maximum.reduce(logits, axis=-1, keepdims=True)
    np.exp(probabilities, out=probabilities)
    probabilities /= np.add.reduce(probabilities, axis=-1, keepdims=True)
    return probabilities


def cross_entropy(logits: Floats, labels: Labels) -> Floats:
    """Return ``-ln p`` of the true classes, in nats, without forming p (which may round to 0).

    Args:
        logits: ``[..., N, C]``.
        labels: ``[N]``, class numbers.

    Returns:
        ``[..., N]``.

    >>> round(cross_entropy(np.zeros((1, 10)), np.array([3])).item(), 6)
    2.302585
    """
    # -ln p_y = ln(sum_k exp(z_k - max z)) - (z_y - max z)
    shifted = logits - logits.max(axis=-1, keepdims=True)
    of_true_class = shifted[..., np.arange(len(labels)), labels]
    losses: Floats = np.log(np.exp(shifted).sum(axis=-1)) - of_true_class
    return losses
