"""The same network in JAX, as its users make it fast: one jitted ``lax.scan`` over the images, ``vmap`` over models.

In two forms, as neither is always the faster one. ``conv`` calls XLA's convolution and window maximum; the gradient of
a tied block goes to its first pixel (convsweep's ``ties=first``). ``im2col`` writes the convolution as a product with
patches and takes the maximum over a block's four positions; a tied block's gradient is split evenly (``ties=split``).

Images come normalised and on the device, which isn't timed; an image's patches are made in its step of the scan, once
for all models, and that is. Made beforehand for all images they take twice as long, where making them counts.
Weights lie one row a class, which serves XLA better than one row an input. Left out: batches.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import jax
import numpy as np
import numpy.typing as npt
from jax import lax
from jax import numpy as jnp

from convsweep.nn.network import Parameters
from convsweep.nn.patches import normalize
from convsweep.nn.training import Batch

Form = Literal["conv", "im2col"]
Weights = tuple[jax.Array, jax.Array, jax.Array]  # filters [F, 3, 3], weights [C, F * B], biases [C]

FORMS: tuple[Form, ...] = ("conv", "im2col")
UNROLL = 2  # steps that are compiled as one: 3% faster than 1 and 4, 8% faster than 8


def prepare(
    form: Form, members: Sequence[Parameters], learning_rate: float, batch: Batch
) -> Callable[[], npt.NDArray[Any]]:
    """Compile training on a batch, from the members' parameters; one member trains without ``vmap``.

    Returns:
        A function that trains and returns the losses before each step, ``[N, R]``.
    """
    weights = tuple(jnp.stack(values) for values in zip(*map(_by_class, members), strict=True))
    images = jnp.asarray(normalize(batch.images, members[0].filters.dtype))
    labels = jnp.asarray(batch.labels, jnp.int32)
    one_model = partial(_step, _FEATURES[form], learning_rate)
    if len(members) == 1:
        weights = tuple(values[0] for values in weights)
        models = one_model
    else:
        models = jax.vmap(one_model, in_axes=(0, None, None))

    def step(weights: Weights, example: tuple[jax.Array, jax.Array]) -> tuple[Weights, jax.Array]:
        image, label = example
        return models(weights, _patches(image) if form == "im2col" else image, label)

    def train(weights: Weights, images: jax.Array, labels: jax.Array) -> jax.Array:
        return lax.scan(step, weights, (images, labels), unroll=UNROLL)[1]

    compiled = jax.jit(train).lower(weights, images, labels).compile()
    return lambda: np.asarray(compiled(weights, images, labels)).reshape(len(labels), -1)


def _step(
    features: Callable[[jax.Array, jax.Array], jax.Array],
    learning_rate: float,
    weights: Weights,
    pixels: jax.Array,
    label: jax.Array,
) -> tuple[Weights, jax.Array]:
    """Train one model on one image; return the loss it had before."""

    def loss(weights: Weights) -> jax.Array:
        filters, by_class, biases = weights
        logits = by_class @ features(filters, pixels) + biases
        return -jax.nn.log_softmax(logits)[label]

    value, gradient = jax.value_and_grad(loss)(weights)
    return jax.tree.map(lambda weight, grad: weight - learning_rate * grad, weights, gradient), value


def _conv_features(filters: jax.Array, image: jax.Array) -> jax.Array:
    maps = lax.conv_general_dilated(image[None, None], filters[:, None], (1, 1), "VALID")  # [1, F, 26, 26]
    return lax.reduce_window(maps, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID").reshape(-1)


def _im2col_features(filters: jax.Array, patches: jax.Array) -> jax.Array:
    maps = jnp.einsum("ft,itb->ifb", filters.reshape(-1, 9), patches)  # [4, F, B]
    return maps.max(axis=0).reshape(-1)


_FEATURES = {"conv": _conv_features, "im2col": _im2col_features}


def _patches(image: jax.Array) -> jax.Array:
    """Return an image's patches ``[4, 9, B]``: position in the pooling block, tap, block."""
    planes = [[image[i // 2 + t // 3 :, i % 2 + t % 3 :][:26:2, :26:2] for t in range(9)] for i in range(4)]
    # behind a barrier, or XLA makes them anew wherever they are used
    return lax.optimization_barrier(jnp.array(planes).reshape(4, 9, -1))


def _by_class(parameters: Parameters) -> Parameters:
    """Bring the weights from rows in (row, column, filter) order to ``[C, F * B]``."""
    num_filters, num_classes = len(parameters.filters), len(parameters.biases)
    by_block = parameters.weights.reshape(-1, num_filters, num_classes)  # [B, F, C]
    return parameters._replace(weights=by_block.transpose(2, 1, 0).reshape(num_classes, -1))
