"""The tutorial's exercise: its network and its training in PyTorch, as PyTorch's users write them.

Only the study beside it imports this file, once it has seen that PyTorch is installed.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from convsweep.nn.layers import Labels
from convsweep.nn.network import NUM_CLASSES, Parameters
from convsweep.nn.patches import Floats, Pixels, normalize
from convsweep.nn.training import Batch


def build(parameters: Parameters) -> nn.Sequential:
    """Return the network in PyTorch with a copy of our parameters, in their dtype."""
    num_filters, num_classes = len(parameters.filters), len(parameters.biases)
    filters, weights, biases = (torch.from_numpy(array) for array in parameters)
    conv = nn.Conv2d(1, num_filters, 3, bias=False, dtype=filters.dtype)
    dense = nn.Linear(len(weights), num_classes, dtype=weights.dtype)
    with torch.no_grad():
        conv.weight.copy_(filters[:, None])
        # our rows are in (row, column, filter) order, PyTorch's columns in (filter, row, column) order
        dense.weight.copy_(weights.reshape(-1, num_filters, num_classes).permute(2, 1, 0).reshape(num_classes, -1))
        dense.bias.copy_(biases)
    return nn.Sequential(conv, nn.MaxPool2d(2), nn.Flatten(), dense)


def parameters_of(network: nn.Sequential) -> Parameters:
    """Return a copy of the network's parameters in our canonical shapes."""
    filters, weights, biases = (parameter.detach().numpy() for parameter in network.parameters())
    by_class = weights.reshape(NUM_CLASSES, len(filters), -1)  # [C, F, B]
    return Parameters(filters[:, 0].copy(), by_class.transpose(2, 1, 0).reshape(-1, NUM_CLASSES), biases.copy())


def learn(network: nn.Sequential, batch: Batch, learning_rate: float) -> Floats:
    """Train by SGD on the images, one after the other; return the logits before each step, ``[N, C]``."""
    optimizer = torch.optim.SGD(network.parameters(), lr=learning_rate)
    logits = np.empty((len(batch.labels), NUM_CLASSES))
    for i, (image, label) in enumerate(zip(_images(network, batch.images), _labels(batch.labels), strict=True)):
        output = network(image[None])  # a batch of one
        logits[i] = output.detach().numpy()
        optimizer.zero_grad()
        cross_entropy(output, label[None]).backward()
        optimizer.step()
    return logits


def predict(network: nn.Sequential, images: Pixels) -> Floats:
    """Return logits ``[N, C]`` without learning."""
    with torch.no_grad():
        logits: Floats = network(_images(network, images)).numpy()
    return logits


def _images(network: nn.Sequential, images: Pixels) -> Tensor:
    dtype = np.float64 if next(network.parameters()).dtype == torch.float64 else np.float32
    return torch.from_numpy(normalize(images, dtype))[:, None]  # [N, 1, 28, 28]


def _labels(labels: Labels) -> Tensor:
    return torch.from_numpy(labels.astype(np.int64))
