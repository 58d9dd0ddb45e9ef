"""The course of a training: what it takes to print a log of it, for a stack of seeds. This is what a worker does.

A log prints means over windows of training images. All of them, under any printing rule, are differences of sums over
the first k images of the run, so these sums are kept, at the few k that a log needs.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from convsweep.config import RunConfig
from convsweep.nn.layers import cross_entropy
from convsweep.nn.network import CNN
from convsweep.nn.training import Batch, Splits, learn, order_rng, predict
from convsweep.reproduce.printing import first_not_a_number
from convsweep.runs.training import beginning, network_of

Evaluated = Literal["valid", "test", "trained"]  # trained: the first training images, as many as there are in test

IMAGES_AT_ONCE = 1000  # whose logits are kept

Floats = npt.NDArray[np.float64]


class Evaluation(NamedTuple):
    """When a network is evaluated, and on what."""

    split: Evaluated
    epoch: int  # after which; 0: before training
    images: tuple[int, int] | None = None  # the first of the split, and the one after the last; None: all


class Wanted(NamedTuple):
    """What is kept of a training."""

    seen: tuple[int, ...]  # numbers of images of the run, ascending
    evaluations: tuple[Evaluation, ...]
    plain_softmax: bool  # exp(z) / sum exp(z) as it stands, which ends in NaN sooner than ours


class Score(NamedTuple):
    """Means over images."""

    loss: float  # nats; NaN or infinite once the run has diverged
    accuracy: float  # 0..1


class Course(NamedTuple):
    """What is kept of one seed's training."""

    seen: tuple[int, ...]  # K numbers of images of the run
    losses: Floats  # [K], sums over that many first images; NaN from divergence on
    hits: Floats  # [K]
    evaluations: dict[Evaluation, Score]
    diverged_at: int | None  # the first image, counted from 1, whose loss is no finite number


def follow(configs: Sequence[RunConfig], wanted: Wanted, splits: Splits) -> list[Course]:
    """Train runs as one stack; return the course of each.

    Args:
        configs: Alike in all that decides whether runs can share a stack; see ``runs.partition``.
        wanted: What to keep.
        splits: The images.
    """
    network = network_of(configs, [beginning(config).parameters for config in configs])
    shared, num_train = configs[0].train, len(splits.train.labels)
    rng = order_rng(shared.order_seed)
    members = _Members(len(network), shared.epochs * num_train, plain_softmax=wanted.plain_softmax)
    evaluations = {}
    for epoch in range(shared.epochs + 1):
        if epoch > 0:
            order = rng.permutation(num_train) if shared.shuffle else np.arange(num_train)
            for start in range(0, num_train, IMAGES_AT_ONCE):
                chosen = order[start : start + IMAGES_AT_ONCE]
                batch = Batch(splits.train.images[chosen], splits.train.labels[chosen])
                members.take(learn(network, batch), batch)
            network.dense.settle()  # as an evaluation does, with which every epoch of `train` ends: the same bits
        for evaluation in wanted.evaluations:
            if evaluation.epoch == epoch:
                evaluations[evaluation] = members.scores(network, _images(evaluation.split, splits), evaluation.images)
    seen = np.array(wanted.seen, dtype=np.intp)
    return [
        Course(
            wanted.seen,
            members.losses[member, seen],
            members.hits[member, seen],
            {evaluation: scores[member] for evaluation, scores in evaluations.items()},
            members.diverged_at[member],
        )
        for member in range(len(network))
    ]


class _Members:
    """How a stack has done so far.

    Attributes:
        losses: ``[R, T + 1]``, sums over the first images of the run.
        hits: ``[R, T + 1]``.
        diverged_at: Each member's first image without a finite loss, counted from 1.
    """

    def __init__(self, number: int, num_images: int, *, plain_softmax: bool) -> None:
        self.losses: Floats = np.zeros((number, num_images + 1))
        self.hits: Floats = np.zeros((number, num_images + 1))
        self.diverged_at: list[int | None] = [None] * number
        self._plain_softmax = plain_softmax
        self._seen = 0

    def take(self, logits: npt.NDArray[np.floating], batch: Batch) -> None:
        """Add what was seen on some more images: ``[R, N, C]``, before each step."""
        self._note_divergence(logits, batch)
        for member, first in enumerate(self.diverged_at):
            if first is not None:
                logits[member, max(first - 1 - self._seen, 0) :] = np.nan
        with np.errstate(invalid="ignore", over="ignore"):
            losses = cross_entropy(logits, batch.labels)  # [R, N]
        hits = logits.argmax(axis=-1) == batch.labels
        part = slice(self._seen + 1, self._seen + 1 + len(batch.labels))
        self.losses[:, part] = self.losses[:, [self._seen]] + losses.cumsum(axis=1)
        self.hits[:, part] = self.hits[:, [self._seen]] + hits.cumsum(axis=1)
        self._seen += len(batch.labels)

    def scores(self, network: CNN, batch: Batch, images: tuple[int, int] | None) -> list[Score]:
        """Evaluate every member on some images of a batch, or on all."""
        chosen = slice(*images or (None, None))
        logits, labels = predict(network, batch.images)[:, chosen], batch.labels[chosen]
        logits[[first is not None for first in self.diverged_at]] = np.nan
        with np.errstate(invalid="ignore", over="ignore"):
            losses = cross_entropy(logits, labels).mean(axis=-1)
        if self._plain_softmax:
            losses[first_not_a_number(logits, labels) < len(labels)] = np.inf
        accuracies = (logits.argmax(axis=-1) == labels).mean(axis=-1)
        return [Score(*of_member) for of_member in zip(losses.tolist(), accuracies.tolist(), strict=True)]

    def _note_divergence(self, logits: npt.NDArray[np.floating], batch: Batch) -> None:
        if self._plain_softmax:
            firsts = first_not_a_number(logits, batch.labels)
        else:
            firsts = np.isfinite(logits).all(axis=-1).cumprod(axis=-1).sum(axis=-1)
        for member, first in enumerate(firsts.tolist()):
            if self.diverged_at[member] is None and first < len(batch.labels):
                self.diverged_at[member] = self._seen + first + 1


def _images(split: Evaluated, splits: Splits) -> Batch:
    if split == "trained":
        number = len(splits.test.labels)
        return Batch(splits.train.images[:number], splits.train.labels[:number])
    return splits.test if split == "test" else splits.valid
