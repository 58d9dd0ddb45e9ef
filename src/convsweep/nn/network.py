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

from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from convsweep.nn.layers import Conv2d, Dense, Labels, MaxPool2, Ties, softmax
from convsweep.nn.patches import KERNEL, Floats, Padding, PixelRange, feature_map_shape

Gradient = Literal[
    "exact", "last_class", "as_printed", "after_update", "without_log", "true_class", "softmax_twice"
]
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
        undivided: Layers, ``conv`` or ``dense``, whose standard deviation is ``init_scale`` itself, without the divisor.
    """
    num_inputs = num_blocks(padding) * num_filters
    filters_divisor = 1 if "conv" in undivided else KERNEL**2
    weights_divisor = 1 if "dense" in undivided else num_inputs
    filters = rng.standard_normal((num_filters, KERNEL, KERNEL)) * (init_scale / filters_divisor)
    weights = rng.standard_normal((num_inputs, NUM_CLASSES)) * (init_scale / weights_divisor)
    return Parameters(filters.astype(dtype), weights.astype(dtype), np.zeros(NUM_CLASSES, dtype))


class CNN:
    """A stack of R networks that see the same image at the same time, or one each.

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
        by_block = weights.reshape(members, blocks, num_filters, NUM_CLASSES)
        by_class = by_block.transpose(0, 3, 2, 1).reshape(members, NUM_CLASSES, num_filters * blocks)  # [R, C, F * B]

        self.dtype = filters.dtype
        self.learning_rates: Floats = np.array(learning_rates, self.dtype)  # [R]
        self._descent = -self.learning_rates[:, None]  # [R, 1]
        self._towards = -self._descent * np.eye(NUM_CLASSES, dtype=self.dtype)[:, None]  # [C, R, C]
        self._places = np.arange(members)
        self.padding: Padding = padding
        self.pixels: PixelRange = pixels
        self.ties: Ties = ties
        self.gradient: Gradient = gradient
        self.frozen = frozenset(frozen)
        self._updates_first = gradient == "after_update" and "dense" not in self.frozen
        self._learns_from_all = gradient not in ("last_class", "as_printed")  # which images the convolution learns from
        self.conv = Conv2d(filters, planes=4, positions=blocks)
        self.pool = MaxPool2(ties)
        self.dense = Dense(by_class, np.stack([p.biases for p in parameters]))
        self._pooled_shape = (members, num_filters, blocks)  # [R, F, B]

    def __len__(self) -> int:
        """Return R, the number of members."""
        return len(self.learning_rates)

    def parameters(self, member: int = 0) -> Parameters:
        """Return a copy of one member's parameters in their canonical shapes."""
        num_filters = self.conv.filters.shape[1]
        by_class = self.dense.weights[member].reshape(NUM_CLASSES, num_filters, -1)  # [C, F, B]
        weights = by_class.transpose(2, 1, 0).reshape(-1, NUM_CLASSES)  # [B * F, C]
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

    def settle(self) -> None:
        """Add updates to the stored weights that are still kept apart; see ``Dense``."""
        self.dense.settle()

    def forward(self, patches: Floats) -> Floats:
        """Return every member's logits ``[R, C]`` for one image (a buffer: copy to keep).

        Args:
            patches: ``[4, 9, B]``, or ``[4, R, 9, B]`` of an image for each member.
        """
        self.pool.forward(self.conv.forward(patches), out=self.dense.features.reshape(self._pooled_shape))
        return self.dense.forward()

    def step(self, patches: Floats, label: int | Labels) -> Floats:
        """Train every member on one image; return the logits ``[R, C]`` it had before (a buffer: copy to keep).

        Args:
            patches: ``[4, 9, B]``, or ``[4, R, 9, B]`` of an image for each member.
            label: The image's class, or ``[R]``.
        """
        logits = self.forward(patches)
        grad_logits = self._scaled_gradient(logits, label)
        if self._updates_first:
            self.dense.update(grad_logits)
        if "conv" not in self.frozen and self._reaches_conv(label):
            # with the weights as they were before this step, but for `after_update`
            grad_features = self.dense.backward(grad_logits)
            if not isinstance(label, int) and not self._learns_from_all:
                grad_features[label != NUM_CLASSES - 1] = 0  # and then the filters' is 0, too
            self.conv.backward(self.pool.backward(grad_features.reshape(self._pooled_shape)))
            self.conv.update()
        if "dense" not in self.frozen and not self._updates_first:
            self.dense.update(grad_logits)
        return logits

    def _scaled_gradient(self, logits: Floats, label: int | Labels) -> Floats:
        """Return -learning_rate times the loss's gradient towards the logits, ``[R, C]``."""
        probabilities = softmax(logits)
        if self.gradient == "as_printed":
            # p_y (1 - 2 p_y) in place of p_y (1 - p_y): the true class's gradient is 2 p_y - 1
            probabilities[self._places, label] *= 2
        # exact: d(-ln p_y) / d z_c = p_c - [c = y]
        gradient = probabilities * self._descent
        gradient += self._towards[label] if isinstance(label, int) else self._towards[label, self._places]
        match self.gradient:
            case "without_log":
                # d(-p_y) / d z_c = p_y (p_c - [c = y])
                gradient *= probabilities[self._places, label][:, None]
            case "true_class":
                # p_y - 1 for the true class, 0 for the others
                of_true_class = gradient[self._places, label]
                gradient[:] = 0
                gradient[self._places, label] = of_true_class
            case "softmax_twice":
                # sum_k g_k d p_k / d z_c = p_c (g_c - sum_k g_k p_k), for g = p - y
                gradient -= np.vecdot(gradient, probabilities)[:, None]
                gradient *= probabilities
        return gradient

    def _reaches_conv(self, label: int | Labels) -> bool:
        return self._learns_from_all or bool(np.any(label == NUM_CLASSES - 1))
