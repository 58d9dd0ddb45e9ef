"""The network as loops over positions, float64: how a tutorial writes it, and what convsweep's ratio is against.

NumPy does the arithmetic of one 3x3 patch or one 2x2 block at a time; Python walks over the
positions. The gradient is exact; every pixel that equals its block's maximum receives the whole of
it. Left out: everything that is not one step of training.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


class LoopNetwork:
    """Convolution 3x3 -> max-pooling 2x2 -> dense -> softmax, trained on one image a step.

    Args:
        filters: ``[F, 3, 3]``; copied.
        weights: ``[13 * 13 * F, 10]``, rows in (row, column, filter) order; copied.
        biases: ``[10]``; copied.
        learning_rate: Of plain SGD.
    """

    def __init__(
        self, filters: npt.NDArray[Any], weights: npt.NDArray[Any], biases: npt.NDArray[Any], learning_rate: float
    ) -> None:
        self.filters = filters.astype(np.float64)
        self.weights = weights.astype(np.float64)
        self.biases = biases.astype(np.float64)
        self.learning_rate = learning_rate

    def step(self, image: Array, label: int) -> float:
        """Train on one image ``[H, W]`` of values in [-0.5, 0.5]; return the loss it had before."""
        maps = convolve(image, self.filters)  # [H', W', F]
        pooled = pool(maps)  # [H'/2, W'/2, F]
        features = pooled.flatten()
        logits = features @ self.weights + self.biases
        exponentials = np.exp(logits - logits.max())
        probabilities = exponentials / exponentials.sum()

        # d(-ln p_y) / d z_c = p_c - [c = y]
        grad_logits = probabilities.copy()
        grad_logits[label] -= 1
        grad_features = self.weights @ grad_logits  # with the weights as they were before this step
        grad_maps = unpool(grad_features.reshape(pooled.shape), maps)
        self.weights -= self.learning_rate * np.outer(features, grad_logits)
        self.biases -= self.learning_rate * grad_logits
        self.filters -= self.learning_rate * filter_gradient(grad_maps, image, self.filters.shape)
        return float(-np.log(probabilities[label]))


def convolve(image: Array, filters: Array) -> Array:
    """Return feature maps ``[H - 2, W - 2, F]``: every patch times every filter, summed."""
    height, width = image.shape[0] - 2, image.shape[1] - 2
    maps = np.zeros((height, width, len(filters)))
    for row in range(height):
        for column in range(width):
            patch = image[row : row + 3, column : column + 3]
            maps[row, column] = np.sum(patch * filters, axis=(1, 2))
    return maps


def pool(maps: Array) -> Array:
    """Return every 2x2 block's maximum, ``[H / 2, W / 2, F]``."""
    height, width, num_filters = maps.shape
    pooled = np.zeros((height // 2, width // 2, num_filters))
    for row in range(height // 2):
        for column in range(width // 2):
            block = maps[2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            pooled[row, column] = np.max(block, axis=(0, 1))
    return pooled


def unpool(grad_pooled: Array, maps: Array) -> Array:
    """Hand each block's gradient back to all pixels that equal its maximum: ``[H, W, F]``."""
    grad_maps = np.zeros(maps.shape)
    height, width, num_filters = grad_pooled.shape
    for row in range(height):
        for column in range(width):
            block = maps[2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            highest = np.max(block, axis=(0, 1))
            for i in range(2):
                for j in range(2):
                    for f in range(num_filters):
                        if block[i, j, f] == highest[f]:
                            grad_maps[2 * row + i, 2 * column + j, f] = grad_pooled[row, column, f]
    return grad_maps


def filter_gradient(grad_maps: Array, image: Array, shape: tuple[int, ...]) -> Array:
    """Return the filters' gradient ``[F, 3, 3]``: every patch, times the gradient of what it became."""
    grad_filters = np.zeros(shape)
    height, width, num_filters = grad_maps.shape
    for row in range(height):
        for column in range(width):
            patch = image[row : row + 3, column : column + 3]
            for f in range(num_filters):
                grad_filters[f] += grad_maps[row, column, f] * patch
    return grad_filters
