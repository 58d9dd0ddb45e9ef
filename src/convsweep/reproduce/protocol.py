"""The tutorial's three experiments, for a stack of seeds under one gradient rule.

Seed k starts from the same parameters in every experiment and under every rule, those of
``convsweep train train.seed=k``, so that rules are compared in pairs.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from convsweep.nn.layers import cross_entropy
from convsweep.nn.network import CNN, NUM_CLASSES, Gradient, initial_parameters
from convsweep.nn.patches import Floats
from convsweep.nn.training import Batch, Splits, initialization_rng, learn, predict
from convsweep.reproduce.printing import first_not_a_number, printed_means
from convsweep.reproduce.reported import TEST, Place

NUM_FILTERS = 8
LEARNING_RATE = 0.005
EPOCHS = 10
DENSE_ONLY_STEPS = 1000
SHORT_WINDOW, LONG_WINDOW = 100, 500


class Measurement(NamedTuple):
    """What one seed prints at one place."""

    gradient: Gradient
    seed: int
    place: Place
    loss: float  # nats; NaN once the run has diverged
    accuracy: float  # 0..1


class Divergence(NamedTuple):
    """A ``full`` run whose loss is no longer a number in the tutorial's program."""

    gradient: Gradient
    seed: int
    step: int  # the first image with such a loss, counted from 1 over all epochs


class Outcome(NamedTuple):
    """All that came of some runs."""

    measurements: tuple[Measurement, ...]
    divergences: tuple[Divergence, ...]


class _Printed(NamedTuple):
    """What a stack of seeds prints at one place."""

    place: Place
    losses: Floats  # [R]
    accuracies: Floats  # [R]


class _Images(NamedTuple):
    """How every member did on each image, in the order of training."""

    losses: Floats  # [R, epochs, N]; NaN from divergence on
    hits: npt.NDArray[np.bool_]  # [R, epochs, N]


def replicate(gradient: Gradient, seeds: Sequence[int], splits: Splits) -> Outcome:
    """Run the three experiments for some seeds side by side; ``valid`` is not used."""
    parameters = [initial_parameters(NUM_FILTERS, rng=initialization_rng(seed)) for seed in seeds]
    rates = [LEARNING_RATE] * len(seeds)

    untrained = predict(CNN(parameters, rates), splits.test.images)
    printed = _plain_windows("untrained", _images(untrained, splits.test))

    first_images = Batch(splits.train.images[:DENSE_ONLY_STEPS], splits.train.labels[:DENSE_ONLY_STEPS])
    dense_only, _ = _learn(CNN(parameters, rates, gradient=gradient, frozen=["conv"]), first_images, epochs=1)
    printed += _windows("dense_only", dense_only, SHORT_WINDOW)

    network = CNN(parameters, rates, gradient=gradient)
    full, steps = _learn(network, splits.train, EPOCHS)
    # the tutorial shows five lines of a run printed every 100 images, and others of one printed every 500
    printed += _windows("full", _Images(full.losses[:, :1], full.hits[:, :1]), SHORT_WINDOW)
    printed += _windows("full", full, LONG_WINDOW)
    tested = predict(network, splits.test.images)
    tested[np.isfinite(steps)] = np.nan
    test = _images(tested, splits.test)
    printed.append(_Printed(TEST, test.losses.mean(axis=(1, 2)), test.hits.mean(axis=(1, 2))))

    return Outcome(
        tuple(
            Measurement(gradient, seed, place, float(losses[member]), float(accuracies[member]))
            for member, seed in enumerate(seeds)
            for place, losses, accuracies in printed
        ),
        tuple(
            Divergence(gradient, seed, int(step)) for seed, step in zip(seeds, steps, strict=True) if np.isfinite(step)
        ),
    )


def _learn(network: CNN, batch: Batch, epochs: int) -> tuple[_Images, Floats]:
    """Train on the images in their order; return how it went, and each member's step of divergence (or inf)."""
    num_images = len(batch.labels)
    steps = np.full(len(network), np.inf)  # [R]
    results = []
    for epoch in range(epochs):
        logits = np.full((len(network), num_images, NUM_CLASSES), np.nan)
        if np.isinf(steps).any():
            logits = learn(network, batch)
        for member, first in enumerate(first_not_a_number(logits, batch.labels)):
            if first < num_images:
                steps[member] = min(steps[member], epoch * num_images + first + 1)
        # in the tutorial's program nothing is a number from there on
        seen = epoch * num_images + np.arange(1, num_images + 1)
        logits[seen >= steps[:, None]] = np.nan
        results.append(_images(logits, batch))
    return _Images(*(np.concatenate(arrays, axis=1) for arrays in zip(*results, strict=True))), steps


def _images(logits: Floats, batch: Batch) -> _Images:
    """Return losses and hits of one pass, given logits ``[R, N, C]``."""
    with np.errstate(invalid="ignore"):
        losses = cross_entropy(logits, batch.labels)
    # subtle: of ten NaNs NumPy's argmax is the first, so that a diverged network "sees" zeros everywhere
    return _Images(losses[:, None], (logits.argmax(axis=-1) == batch.labels)[:, None])


def _windows(experiment: str, images: _Images, window: int) -> list[_Printed]:
    """Return what is printed in training."""
    losses, accuracies = (printed_means(values, window) for values in images)
    return [
        _Printed(
            Place(experiment, str(epoch + 1), (line + 1) * window, window),
            losses[:, epoch, line],
            accuracies[:, epoch, line],
        )
        for epoch in range(losses.shape[1])
        for line in range(losses.shape[2])
    ]


def _plain_windows(experiment: str, images: _Images) -> list[_Printed]:
    """Return what is printed without training: plain means of each window."""
    return [
        _Printed(
            Place(experiment, "", end, SHORT_WINDOW),
            images.losses[:, 0, end - SHORT_WINDOW : end].mean(axis=1),
            images.hits[:, 0, end - SHORT_WINDOW : end].mean(axis=1),
        )
        for end in range(SHORT_WINDOW, images.losses.shape[2] + 1, SHORT_WINDOW)
    ]
