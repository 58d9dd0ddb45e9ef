"""The network: convolution 3x3 -> max-pooling 2x2 -> dense -> softmax, trained one image at a time.

Seven gradient rules can be asked for. ``exact`` is the mathematics. The next two are the faults of
the tutorial's printed code, kept so that its numbers can be traced to them; the others are mistakes that people make:

``last_class``
    The input gradient that leaves the dense layer is that of the last class's loop turn: the
    convolution learns from images of class 9 only. The dense layer learns from all, correctly.
``as_printed``
    ``last_class``, and the true class's softmax derivative is p(1 - 2p) where p(1 - p) is right.
    Training diverges.
``after_update``
    The gradient that leaves the dense layer is taken with the weights as they are after the step's update.
``without_log``
    The loss's derivative by the true class's probability is taken for -1, not -1/p: the gradient of -p, not of -ln p.
``true_class``
    The softmax's derivative is taken for p(1 - p), class by class: the true class's logit alone has a gradient.
``softmax_twice``
    p - y, the gradient towards the logits, is taken for the one towards p, and multiplied by the softmax's derivative.
    It is also the gradient of half the squared error of p.
"""

import math
from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from convsweep.nn.layers import Conv2d, Dense, MaxPool2, Ties, aligned_zeros, gather, max_pool, softmax, spread
from convsweep.nn.patches import KERNEL, BatchBlocks, Floats, ImageBlocks, Padding, PixelRange, feature_map_shape

Gradient = Literal["exact", "last_class", "as_printed", "after_update", "without_log", "true_class", "softmax_twice"]
Layer = Literal["conv", "dense"]

IMAGE_SHAPE = (28, 28)
NUM_CLASSES = 10


class Parameters(NamedTuple):
    """One model's parameters in their canonical shapes, as checkpoints and plots have them."""

    filters: Floats  # [F, 3, 3]
    weights: Floats  # [B * F, C], rows in (row, column, filter) order
    biases: Floats  # [C]


def num_blocks(padding: Padding) -> int:
    """Return the number of pooling blocks of a feature map: 169 (valid) or 196 (same)."""
    height, width = feature_map_shape(*IMAGE_SHAPE, padding)
    return (height // 2) * (width // 2)


def initial_parameters(
    num_filters: int,
    init_scale: float = 1.0,
    *,
    rng: np.random.Generator,
    padding: Padding = "valid",
    dtype: npt.DTypeLike = np.float32,
    undivided: Collection[Layer] = (),
) -> Parameters:
    """Draw a new model as the tutorial does: the filters first, then the weights; biases are 0.

    Args:
        num_filters: F.
        init_scale: Multiplies the tutorial's standard deviations, 1/9 and 1/(B * F).
        rng: The stream to draw from. Draws are made in float64, so both dtypes start alike.
        padding: Decides the number of dense inputs.
        dtype: float32 or float64.
        undivided: Layers, ``conv`` or ``dense``, whose standard deviation is ``init_scale`` itself.
    """
    num_inputs = num_blocks(padding) * num_filters
    filters_divisor = 1 if "conv" in undivided else KERNEL**2
    weights_divisor = 1 if "dense" in undivided else num_inputs
    filters = rng.standard_normal((num_filters, KERNEL, KERNEL)) * (init_scale / filters_divisor)
    weights = rng.standard_normal((num_inputs, NUM_CLASSES)) * (init_scale / weights_divisor)
    return Parameters(filters.astype(dtype), weights.astype(dtype), np.zeros(NUM_CLASSES, dtype))


class _Buffers(NamedTuple):
    """What a step works in on an image of which K blocks are kept: views, made once for every K."""

    patches: Floats  # [3, 3, 2, 2, K]: tap, position in the block, block
    planes: Floats  # [4, 1, K, 9], the same, as the convolution reads them
    columns: Floats  # [1, 9, 4 * K], the same, as its gradient does
    maps: Floats  # [4, R, K, F]
    pool: MaxPool2  # from these to pooled features [R, K, F], and back
    grad_pooled: Floats  # [R, K, F]
    grad_rows: Floats  # [R, 4 * K, F]: a member's four planes of the maps' gradient follow each other


class CNN:
    """A stack of R networks that see the same image at the same time.

    Args:
        parameters: One canonical set a member, all of one filter count and dtype.
        learning_rates: One a member.
        padding: ``valid`` or ``same``.
        ties: Who receives a pooling block's gradient; see ``MaxPool2``.
        gradient: ``exact`` or a mistake; see the module's docstring.
        frozen: Layers that don't learn: ``conv``, ``dense``.
        pixels: The range of the pixels that the networks see; see ``normalize``.
    """

    def __init__(
        self,
        parameters: Sequence[Parameters],
        learning_rates: Sequence[float],
        *,
        padding: Padding = "valid",
        ties: Ties = "all",
        gradient: Gradient = "exact",
        frozen: Collection[Layer] = (),
        pixels: PixelRange = "centred",
    ) -> None:
        filters = np.stack([p.filters for p in parameters])  # [R, F, 3, 3]
        members, num_filters = filters.shape[:2]
        blocks = num_blocks(padding)
        weights = np.stack([p.weights for p in parameters])  # [R, B * F, C]
        by_class = weights.swapaxes(1, 2).reshape(members, NUM_CLASSES, blocks, num_filters)

        self.dtype = filters.dtype
        self.learning_rates: Floats = np.array(learning_rates, self.dtype)  # [R]
        rates = np.maximum(self.learning_rates, np.finfo(self.dtype).tiny)  # a rate may be 0
        self._by_descent = np.repeat(-1 / rates, NUM_CLASSES**2).reshape(-1, NUM_CLASSES, NUM_CLASSES)  # [R, C, C]
        self._towards = self.learning_rates[:, None] * np.eye(NUM_CLASSES, dtype=self.dtype)[:, None]  # [C, R, C]
        self.padding: Padding = padding
        self.pixels: PixelRange = pixels
        self.ties: Ties = ties
        self.gradient: Gradient = gradient
        self.frozen = frozenset(frozen)
        self._updates_first = gradient == "after_update" and "dense" not in self.frozen
        self.conv = Conv2d(filters)
        self.dense = Dense(by_class, np.stack([p.biases for p in parameters]))
        reach_conv = (NUM_CLASSES - 1,) if gradient in ("last_class", "as_printed") else range(NUM_CLASSES)
        self._reach_conv = frozenset[int]() if "conv" in self.frozen else frozenset(reach_conv)  # labels
        most = members * (blocks + 1) * num_filters
        sizes = (4 * (blocks + 1) * KERNEL**2, 4 * most, most, most, 4 * most)
        self._memory = [aligned_zeros((size,), self.dtype) for size in sizes]
        self._buffers: dict[int, _Buffers] = {}  # by K, all of them in the same memory

    def __len__(self) -> int:
        """Return R, the number of members."""
        return len(self.learning_rates)

    def parameters(self, member: int = 0) -> Parameters:
        """Return a copy of one member's parameters in their canonical shapes."""
        weights = self.dense.weights[member].T  # [B * F, C]
        return Parameters(self.conv.filters[member].copy(), weights.copy(), self.dense.biases[member].copy())

    def keep(self, members: Sequence[int]) -> Self:
        """Return the stack of these members alone, at the point where they are."""
        return type(self)(
            [self.parameters(member) for member in members],
            [float(self.learning_rates[member]) for member in members],
            padding=self.padding,
            ties=self.ties,
            gradient=self.gradient,
            frozen=self.frozen,
            pixels=self.pixels,
        )

    def logits(self, batch: BatchBlocks) -> Floats:
        """Return every member's logits ``[R, N, C]`` for images, without learning."""
        logits = np.empty((len(self), len(batch.places), NUM_CLASSES), self.dtype)
        places = batch.places + batch.starts[:-1, None]  # [N, B], counted from the first image's start
        planes = batch.patches.transpose(2, 3, 0, 1, 4).reshape(4, KERNEL**2, -1).mT  # [4, sum of K, 9]
        for member in range(len(self)):  # one after the other: what a member needs stays in cache
            features = spread(max_pool(self.conv.maps(member, planes))[None], places)[0]  # [N, B, F]
            logits[member] = self.dense.logits(member, features.reshape(len(features), -1))
        return logits

    def step(self, blocks: ImageBlocks, label: int, out: Floats | None = None) -> Floats:
        """Train every member on one image; return the logits ``[R, C]`` that it had before."""
        num_kept = len(blocks.numbers)
        buffers = self._buffers.get(num_kept) or self._make_buffers(num_kept)
        np.copyto(buffers.patches, blocks.patches)
        self.conv.forward(buffers.planes, buffers.maps)
        spread(buffers.pool.forward(), blocks.places, self.dense.features)
        logits = self.dense.forward(out)
        grad_logits = self._scaled_gradient(logits, label, self.dense.grad_output)
        if self._updates_first:
            self.dense.update()
        if label in self._reach_conv:
            # with the weights as they were before this step, but for `after_update`
            gather(self.dense.backward(grad_logits), blocks, buffers.grad_pooled)
            buffers.pool.backward()
            self.conv.backward(buffers.columns, buffers.grad_rows)
            self.conv.update()
        if "dense" not in self.frozen and not self._updates_first:
            self.dense.update()
        return logits

    def _make_buffers(self, blocks: int) -> _Buffers:
        members, num_filters = self.conv.filters.shape[:2]
        shape = (members, blocks, num_filters)
        shapes = ((KERNEL, KERNEL, 2, 2, blocks), (4, *shape), shape, shape, (members, 4, blocks, num_filters))
        parts = zip(self._memory, shapes, strict=True)
        patches, maps, pooled, grad_pooled, grad_maps = (
            memory[: math.prod(each)].reshape(each) for memory, each in parts
        )
        self._buffers[blocks] = _Buffers(
            patches=patches,
            planes=patches.reshape(KERNEL**2, 4, 1, blocks).transpose(1, 2, 3, 0),
            columns=patches.reshape(1, KERNEL**2, 4 * blocks),
            maps=maps,
            pool=MaxPool2(self.ties, maps, pooled, grad_pooled, grad_maps.swapaxes(0, 1)),
            grad_pooled=grad_pooled,
            grad_rows=grad_maps.reshape(members, 4 * blocks, num_filters),
        )
        return self._buffers[blocks]

    def _scaled_gradient(self, logits: Floats, label: int, out: Floats) -> Floats:
        """Return -learning_rate times the loss's gradient towards the logits, ``[R, C]``."""
        # -learning_rate p_c = exp(z_c - max z) / sum_k (exp(z_k - max z) / -learning_rate): the sum is a product with a
        # matrix whose entries are all -1 / learning_rate, one call in place of a sum, its broadcasting and a product
        np.subtract(logits, np.maximum.reduce(logits, axis=-1, keepdims=True), out)
        np.exp(out, out)
        np.divide(out, np.vecmat(out, self._by_descent), out)
        if self.gradient == "as_printed":
            # p_y (1 - 2 p_y) in place of p_y (1 - p_y): the true class's gradient is 2 p_y - 1
            out[:, label] *= 2
        # exact: d(-ln p_y) / d z_c = p_c - [c = y]
        out += self._towards[label]
        match self.gradient:
            case "without_log":
                # d(-p_y) / d z_c = p_y (p_c - [c = y])
                out *= softmax(logits)[:, label, None]
            case "true_class":
                # p_y - 1 for the true class, 0 for the others
                out *= np.arange(NUM_CLASSES) == label
            case "softmax_twice":
                # sum_k g_k d p_k / d z_c = p_c (g_c - sum_k g_k p_k), for g = p - y
                probabilities = softmax(logits)
                out -= np.vecdot(out, probabilities)[:, None]
                out *= probabilities
        return out
