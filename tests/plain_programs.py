"""Training programs as people write them, with plain loops over layers and images, each with one mistake or none.

They print logs in several styles. Nothing of ``convsweep`` trains here: see ``reference``.
"""

from typing import Any

import numpy as np
from reference import QuickReference


class TiesToTheFirst(QuickReference):
    """The first of equal maxima gets the gradient."""

    def unpool(self, maps, pooled, grad_pooled):
        grad_maps, free = np.zeros_like(maps), np.ones(pooled.shape, bool)
        for di in range(2):
            for dj in range(2):
                chosen = (maps[di::2, dj::2] == pooled) & free
                grad_maps[di::2, dj::2] = chosen * grad_pooled
                free &= ~chosen
        return grad_maps


class AveragePoolingsGradient(QuickReference):
    """Every place of a block gets a quarter of the gradient."""

    def unpool(self, _maps, _pooled, grad_pooled):
        return np.repeat(np.repeat(grad_pooled, 2, axis=0), 2, axis=1) / 4


def initial(rng, num_filters=8, scale=1.0, filters_divisor=9, weights_divisor=None):
    inputs = 169 * num_filters
    return (
        rng.standard_normal((num_filters, 3, 3)) * scale / filters_divisor,
        rng.standard_normal((inputs, 10)) * scale / (weights_divisor or inputs),
        np.zeros(10),
    )


def centred(images):
    return images / 255 - 0.5


def unit(images):
    return images / 255


PROGRAMS: dict[str, tuple[Any, dict[str, Any]]] = {  # name: the network, and what else differs
    "exact": (QuickReference, {}),
    "last_class": (QuickReference, {"gradient": "last_class"}),
    "as_printed": (QuickReference, {"gradient": "as_printed"}),
    "ties_first": (TiesToTheFirst, {}),
    "average_gradient": (AveragePoolingsGradient, {}),
    "after_update": (QuickReference, {"gradient": "after_update"}),
    "without_log": (QuickReference, {"gradient": "without_log"}),
    "true_class": (QuickReference, {"gradient": "true_class"}),
    "softmax_twice": (QuickReference, {"gradient": "softmax_twice"}),
    "pixels_unit": (QuickReference, {"pixels": unit}),
    "pixels_bytes": (QuickReference, {"pixels": np.float64}),
    "filters_undivided": (QuickReference, {"start": {"filters_divisor": 1}}),
    "weights_undivided": (QuickReference, {"start": {"weights_divisor": 1}}),
    "conv_frozen": (QuickReference, {"frozen": ("conv",)}),
    "init_times_10": (QuickReference, {"start": {"scale": 10.0}}),
    "rate_times_10": (QuickReference, {"rate": 0.05}),
    "rate_tenth": (QuickReference, {"rate": 0.0005}),
    "test_on_train": (QuickReference, {"tests_on_training_images": True}),
    "unshuffled": (QuickReference, {"shuffle": False}),
    "shuffled": (QuickReference, {"shuffle": True}),
    "loss_tenth": (QuickReference, {"loss_factor": 0.1}),
    "loss_tenth+rate_tenth": (QuickReference, {"loss_factor": 0.1, "rate": 0.0005}),
    "last_class+pixels_unit": (QuickReference, {"gradient": "last_class", "pixels": unit}),
    "last_class+shuffled": (QuickReference, {"gradient": "last_class", "shuffle": True}),
    "ties_first+shuffled": (TiesToTheFirst, {"shuffle": True}),
    "pixels_unit+shuffled": (QuickReference, {"pixels": unit, "shuffle": True}),
}


def log_of(program, train, test, *, seed, epochs, window, shuffle=False):
    """Train a program and return what it prints: before the step on each window's last image, sums begin anew."""
    network_class, differences = PROGRAMS[program]
    options = dict(differences)
    rate, factor = options.pop("rate", 0.005), options.pop("loss_factor", 1)
    pixels = options.pop("pixels", centred)
    tested = train if options.pop("tests_on_training_images", False) else test
    shuffle = options.pop("shuffle", shuffle)
    rng = np.random.default_rng(10_000 + seed)
    network = network_class(*initial(rng, **options.pop("start", {})), **options)
    images, labels = pixels(train[0]), train[1].tolist()
    lines = ["MNIST network, plain loops"]
    broken = False
    for epoch in range(1, epochs + 1):
        lines.append(f"--- Epoch {epoch} ---")
        loss = correct = 0.0
        order = rng.permutation(len(labels)) if shuffle else range(len(labels))
        for number, index in enumerate(order, 1):
            if number % window == 0:
                lines.append(
                    f"[Step {number}] Past {window} steps: Average Loss {factor * loss / window:.3f} | "
                    f"Accuracy: {100 * correct / window:.0f}%"
                )
                loss = correct = 0.0
            of_image, hit, broken = _step(network, images[index], labels[index], rate, broken=broken)
            loss, correct = loss + of_image, correct + hit
    scores = [
        _tested(network, image, label, broken=broken)
        for image, label in zip(pixels(tested[0][: len(test[1])]), tested[1][: len(test[1])].tolist(), strict=True)
    ]
    loss, accuracy = np.mean(scores, axis=0)
    return "\n".join([*lines, "--- Testing ---", f"Test Loss: {factor * loss:.4f}", f"Test Accuracy: {accuracy:.4f}"])


def _tested(network, image, label, *, broken):
    """Return loss and hit of an image, with the softmax as it stands in books: exp(z) / sum exp(z)."""
    if broken:
        return float("nan"), label == 0
    logits = np.array(network.logits(network.pool(network.convolve(image)).flatten()))
    with np.errstate(all="ignore"):
        exponentials = np.exp(logits)
        return -np.log(exponentials[label] / exponentials.sum()), int(logits.argmax()) == label


def _step(network, image, label, rate, *, broken):
    """Take a step; once a loss is no finite number, nothing after it is."""
    loss, hit = _tested(network, image, label, broken=broken)
    if not np.isfinite(loss):
        return float("nan"), label == 0, True
    with np.errstate(all="ignore"):
        network.step(image, label, rate)
    return loss, hit, False
