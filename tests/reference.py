"""The network as plain loops, in float64: slow, obvious, and written from the tutorial's description alone.

It shares no code with ``convsweep``. Images are ``[H, W]``, in [-0.5, 0.5] in the tutorial; feature maps ``[H', W', F]``
as the tutorial has them; the dense layer reads them flattened in that order.
"""

import math

import numpy as np


class Reference:
    """One model."""

    def __init__(self, filters, weights, biases, *, padding="valid", ties="all", gradient="exact", frozen=()):
        self.filters = filters.astype(float)  # [F, 3, 3]
        self.weights = weights.astype(float)  # [inputs, 10]
        self.biases = biases.astype(float)  # [10]
        self.padding, self.ties, self.gradient, self.frozen = padding, ties, gradient, frozen

    def step(self, image, label, learning_rate):
        """Train on one image; return the loss it had before, and whether it was right."""
        if self.padding == "same":
            image = np.pad(image, 1)
        maps = self.convolve(image)
        pooled = self.pool(maps)
        features = pooled.flatten()
        logits = self.logits(features)
        highest = max(logits)
        exponentials = [math.exp(z - highest) for z in logits]
        probabilities = [e / sum(exponentials) for e in exponentials]

        grad_features = self.train_dense(features, probabilities, label, learning_rate)
        if "conv" not in self.frozen:
            grad_maps = self.unpool(maps, pooled, grad_features.reshape(pooled.shape))
            self.filters -= learning_rate * self.grad_filters(image, grad_maps)
        return math.log(sum(exponentials)) - (logits[label] - highest), int(np.argmax(logits)) == label

    def logits(self, features):
        return [
            sum(features[i] * self.weights[i, c] for i in np.flatnonzero(features)) + self.biases[c] for c in range(10)
        ]

    def convolve(self, image):
        rows, columns = image.shape[0] - 2, image.shape[1] - 2
        maps = np.zeros((rows, columns, len(self.filters)))
        for i in range(rows):
            for j in range(columns):
                for f, kernel in enumerate(self.filters):
                    maps[i, j, f] = np.sum(image[i : i + 3, j : j + 3] * kernel)
        return maps

    def pool(self, maps):
        rows, columns, filters = maps.shape[0] // 2, maps.shape[1] // 2, maps.shape[2]
        pooled = np.zeros((rows, columns, filters))
        for i in range(rows):
            for j in range(columns):
                for f in range(filters):
                    pooled[i, j, f] = maps[2 * i : 2 * i + 2, 2 * j : 2 * j + 2, f].max()
        return pooled

    def unpool(self, maps, pooled, grad_pooled):
        grad_maps = np.zeros_like(maps)
        for i, j, f in np.ndindex(*pooled.shape):
            places = [
                (2 * i + di, 2 * j + dj)
                for di in range(2)
                for dj in range(2)
                if maps[2 * i + di, 2 * j + dj, f] == pooled[i, j, f]
            ]
            if self.ties == "first":
                places = places[:1]
            if self.ties == "average":
                places = [(2 * i + di, 2 * j + dj) for di in range(2) for dj in range(2)]
            share = 1 / len(places) if self.ties in ("split", "average") else 1
            for row, column in places:
                grad_maps[row, column, f] = share * grad_pooled[i, j, f]
        return grad_maps

    def grad_filters(self, image, grad_maps):
        gradient = np.zeros_like(self.filters)
        for i, j, f in np.ndindex(*grad_maps.shape):
            gradient[f] += grad_maps[i, j, f] * image[i : i + 3, j : j + 3]
        return gradient

    def train_dense(self, features, probabilities, label, learning_rate):
        """Loop over the ten outputs as the tutorial's code does; return the gradient that leaves the layer."""
        if self.gradient == "softmax_twice":
            return self.train_dense_by_errors(features, probabilities, label, learning_rate)
        grad_features = np.zeros_like(features)
        for output in range(10):
            # of the loss towards this output's probability: nothing but the true class's matters
            grad_probability = -1 / probabilities[label] if output == label else 0.0
            if self.gradient == "without_log" and output == label:
                grad_probability = -1.0
            if grad_probability == 0 and self.gradient not in ("last_class", "as_printed"):
                continue  # the line whose absence is the tutorial's second fault
            p = probabilities[output]
            grad_logits = np.array([-p * q for q in probabilities])  # d p / d z_c for the other classes c
            if self.gradient == "true_class":
                grad_logits[:] = 0
            if self.gradient == "as_printed":
                grad_logits[output] += p * (1 - p)  # the first fault: `+=` onto -p p
            else:
                grad_logits[output] = p * (1 - p)
            grad_logits *= grad_probability
            grad_features = self.weights @ grad_logits
            if "dense" not in self.frozen:
                self.weights = self.weights - learning_rate * np.outer(features, grad_logits)
                self.biases = self.biases - learning_rate * grad_logits
            if self.gradient == "after_update":
                grad_features = self.weights @ grad_logits
        return grad_features

    def train_dense_by_errors(self, features, probabilities, label, learning_rate):
        """Hand p - y to the softmax's backward pass, a matrix of derivatives, as if it were the gradient towards p."""
        errors = [p - (c == label) for c, p in enumerate(probabilities)]
        grad_logits = np.zeros(10)
        for c in range(10):
            for k in range(10):
                derivative = probabilities[k] * ((c == k) - probabilities[c])
                grad_logits[c] += errors[k] * derivative
        grad_features = self.weights @ grad_logits
        if "dense" not in self.frozen:
            self.weights = self.weights - learning_rate * np.outer(features, grad_logits)
            self.biases = self.biases - learning_rate * grad_logits
        return grad_features


class QuickReference(Reference):
    """The same with slices of arrays in place of the innermost loops, for thousands of steps; ties="all" only."""

    def logits(self, features):
        return (features @ self.weights + self.biases).tolist()

    def convolve(self, image):
        rows, columns = image.shape[0] - 2, image.shape[1] - 2
        # nine products summed in one order everywhere, so that equal patches give equal bits
        return sum(
            image[x : x + rows, y : y + columns, None] * self.filters[None, None, :, x, y]
            for x in range(3)
            for y in range(3)
        )

    def pool(self, maps):
        return np.maximum.reduce([maps[di::2, dj::2] for di in range(2) for dj in range(2)])

    def unpool(self, maps, pooled, grad_pooled):
        grad_maps = np.zeros_like(maps)
        for di in range(2):
            for dj in range(2):
                grad_maps[di::2, dj::2] = (maps[di::2, dj::2] == pooled) * grad_pooled
        return grad_maps

    def grad_filters(self, image, grad_maps):
        rows, columns = grad_maps.shape[:2]
        gradient = np.zeros_like(self.filters)
        for x in range(3):
            for y in range(3):
                gradient[:, x, y] = (image[x : x + rows, y : y + columns, None] * grad_maps).sum(axis=(0, 1))
        return gradient
