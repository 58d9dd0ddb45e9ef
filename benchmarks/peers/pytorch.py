"""The same network in PyTorch's eager mode, written as its users write it: modules, autograd, ``optim.SGD``.

One thread, as the other peers have. Left out: batches. ``pytorch_compiled`` is the faster way.
"""

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from convsweep.nn.network import Parameters
from convsweep.nn.patches import normalize
from convsweep.nn.training import Batch


def build(parameters: Parameters) -> nn.Sequential:
    """Return convolution 3x3 -> max-pooling 2x2 -> dense, float32 or float64 as the parameters are.

    Args:
        parameters: In convsweep's canonical shapes; copied.
    """
    torch.set_num_threads(1)
    num_filters, num_classes = len(parameters.filters), len(parameters.biases)
    # rows in (row, column, filter) order -> columns in PyTorch's (filter, row, column) order
    by_block = parameters.weights.reshape(-1, num_filters, num_classes)  # [B, F, C]
    weights = by_block.transpose(2, 1, 0).reshape(num_classes, -1)  # [C, F * B]
    dtype = torch.from_numpy(parameters.biases).dtype
    conv = nn.Conv2d(1, num_filters, 3, bias=False, dtype=dtype)
    dense = nn.Linear(weights.shape[1], num_classes, dtype=dtype)
    with torch.no_grad():
        conv.weight.copy_(torch.from_numpy(parameters.filters[:, None]))
        dense.weight.copy_(torch.from_numpy(weights))
        dense.bias.copy_(torch.from_numpy(parameters.biases))
    return nn.Sequential(conv, nn.MaxPool2d(2), nn.Flatten(), dense)


def learn(network: nn.Sequential, batch: Batch, learning_rate: float) -> list[float]:
    """Train on the images, one after the other; return the loss each had before its step."""
    optimizer = torch.optim.SGD(network.parameters(), lr=learning_rate)
    dtype = np.float64 if next(network.parameters()).dtype == torch.float64 else np.float32
    images = torch.from_numpy(normalize(batch.images, dtype))[:, None, None]  # [N, 1, 1, 28, 28]
    labels = torch.from_numpy(batch.labels.astype(np.int64))[:, None]  # [N, 1]
    losses = []
    for image, label in zip(images, labels, strict=True):
        optimizer.zero_grad()
        loss = cross_entropy(network(image), label)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses
