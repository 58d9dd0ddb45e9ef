"""The network and its slow reference, trained side by side."""

import numpy as np
from reference import Reference

from convsweep.nn.layers import cross_entropy
from convsweep.nn.network import CNN, initial_parameters
from convsweep.nn.patches import image_blocks
from convsweep.nn.training import initialization_rng


def differences_from_reference(pixels, labels, *, steps, num_filters=2, learning_rate=0.005, **rules):
    """Train network and reference side by side from the same start; return the largest differences."""
    padding = rules.get("padding", "valid")
    start = initial_parameters(num_filters, rng=initialization_rng(3), padding=padding, dtype=np.float64)
    network = CNN([start], [learning_rate], **rules)
    slow = Reference(*start, **rules)
    blocks = list(image_blocks(pixels[:steps], padding).images())
    worst_loss = 0.0
    for i in range(steps):
        logits = network.step(blocks[i], int(labels[i]))
        loss, correct = slow.step(pixels[i], int(labels[i]), learning_rate)
        worst_loss = max(worst_loss, abs(cross_entropy(logits, labels[i : i + 1]).item() - loss))
        assert (logits.argmax() == labels[i]) == correct
    trained = network.parameters()
    differences = [
        np.abs(ours - theirs).max()
        for ours, theirs in zip(trained, (slow.filters, slow.weights, slow.biases), strict=True)
    ]
    return worst_loss, max(differences)
