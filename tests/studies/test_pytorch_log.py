"""A log that a PyTorch program printed, judged by what the network's seeds print."""

import numpy as np
import pytest
from configurations import make_config

from convsweep.data import load
from convsweep.reproduce.logs import read_log
from convsweep.reproduce.places import images_of_an_epoch
from convsweep.reproduce.which_program import Protocol, reproduce

EPOCHS, WINDOW = 2, 100
CONFIG = make_config({"data.num_train": 1000, "data.num_valid": 10, "data.num_test": 200, "train.epochs": EPOCHS})
# pooling's ties go to the first in PyTorch; the other ways to share them are hard to tell from one short log
NEAR = {"ties_first", "average_gradient", "exact"}
PROGRAMS = (*NEAR, "last_class", "conv_frozen", "rate_tenth")


def train_and_print(splits, seed):
    """Train the network as PyTorch's users write it, initial parameters drawn by PyTorch; return what it prints."""
    import torch
    from torch import nn

    torch.set_num_threads(1)  # the products are too small to share
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Conv2d(1, 8, 3, bias=False), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 13 * 13, 10))
    nn.init.normal_(network[0].weight, std=1 / 9)
    nn.init.normal_(network[3].weight, std=1 / (8 * 13 * 13))
    nn.init.zeros_(network[3].bias)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.005)
    images, test_images = (
        torch.from_numpy(batch.images[:, None].astype(np.float32) / 255 - 0.5) for batch in (splits.train, splits.test)
    )
    labels, test_labels = (torch.from_numpy(batch.labels.astype(np.int64)) for batch in (splits.train, splits.test))
    lines = []
    for epoch in range(EPOCHS):
        running_loss, correct = 0.0, 0
        for i in range(len(labels)):
            outputs = network(images[i : i + 1])
            loss = criterion(outputs, labels[i : i + 1])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            running_loss += loss.item()
            correct += int(outputs.argmax() == labels[i])
            if (i + 1) % WINDOW == 0:
                lines.append(
                    f"Epoch [{epoch + 1}/{EPOCHS}], Step [{i + 1}/{len(labels)}], Loss: {running_loss / WINDOW:.4f}, "
                    f"Accuracy: {100 * correct / WINDOW:.2f}%"
                )
                running_loss, correct = 0.0, 0
    with torch.no_grad():
        right = int((network(test_images).argmax(1) == test_labels).sum())
    share = 100 * right / len(test_labels)
    return "\n".join(
        [*lines, "Finished Training", f"Accuracy of the network on the {len(test_labels)} test images: {share:.1f} %"]
    )


def test_the_log_of_a_pytorch_program_is_that_of_ties_to_the_first():
    """Or of a program that one log of this length can't tell from it."""
    pytest.importorskip("torch")
    log = read_log(train_and_print(load(CONFIG.data).splits, seed=4242))
    assert images_of_an_epoch(log) == 1000
    assert len(log.readings) == 2 * EPOCHS * 1000 // WINDOW + 1
    study = reproduce(log, Protocol(CONFIG, programs=PROGRAMS))
    remaining = {judged.program for judged in study.remaining}
    assert "ties_first" in remaining
    assert remaining <= NEAR
    assert study.judged[0].program in NEAR
    assert study.judged[0].printing == "after"
