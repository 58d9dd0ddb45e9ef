"""Training and evaluation, as a generator of events.

``train`` knows nothing of files, MLflow or progress bars: whoever wants to keep or show something
consumes what it yields. Everything a run reports is in its events.
"""

import json
import math
from collections.abc import Collection, Generator, Iterator, Sequence
from itertools import chain
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from convsweep.nn.layers import Labels, cross_entropy
from convsweep.nn.network import CNN, NUM_CLASSES, Parameters
from convsweep.nn.patches import BatchBlocks, Floats, Pixels, image_blocks, normalize

Split = Literal["valid", "test"]

IMAGES_AT_ONCE = 256  # whose blocks are found at a time, 1 to 3 MB: half as many cost a step 1% more in calls
MAPS_AT_ONCE = 512  # feature maps that are evaluated at a time: a member's filters times images, whatever the stack


class Batch(NamedTuple):
    """Images and what they show."""

    images: Pixels  # uint8 [N, 28, 28]
    labels: Labels  # [N]


class Splits(NamedTuple):
    """What is learned from, what hyperparameters are chosen on, what is reported once."""

    train: Batch
    valid: Batch
    test: Batch


class Checkpoint(NamedTuple):
    """Everything that a run needs to go on from the end of an epoch."""

    epoch: int  # 0: before the first step; -1: not even evaluated
    parameters: Parameters
    order_state: str  # the data order's random state, as JSON


class Window(NamedTuple):
    """Means over a window of training images, each taken before the step on its image."""

    epoch: int  # from 1
    step: int  # training images seen so far
    loss: float  # nats
    accuracy: float  # 0..1


class Evaluation(NamedTuple):
    """Means over a whole split, without learning."""

    epoch: int  # 0: before the first step
    step: int
    split: Split
    loss: float  # nats
    accuracy: float  # 0..1


class EpochEnd(NamedTuple):
    """An epoch is over (epoch 0: training is about to begin) and can be gone on from."""

    epoch: int
    step: int
    checkpoint: Checkpoint | None  # None: kept elsewhere


class Diverged(NamedTuple):
    """A member's loss is no longer finite: it has no more events."""

    epoch: int
    step: int  # the first image with such a loss, counted from 1


Event = Window | Evaluation | EpochEnd | Diverged
StackEvents = Iterator[tuple[int, Event]]  # each with the member that it happened to


def initialization_rng(seed: int) -> np.random.Generator:
    """Return the stream that initial parameters are drawn from."""
    return np.random.default_rng(np.random.SeedSequence(seed).spawn(2)[0])


def order_rng(order_seed: int) -> np.random.Generator:
    """Return the stream that decides the order of training images: its draws don't depend on the model's."""
    return np.random.default_rng(np.random.SeedSequence(order_seed).spawn(2)[1])


class Means(NamedTuple):
    """How one member did on a batch."""

    loss: float  # nats; not finite if the loss of any image isn't
    accuracy: float  # 0..1
    finite_images: int  # images before the first whose loss is not finite


def train(
    network: CNN,
    splits: Splits,
    *,
    epochs: Sequence[int],
    shuffle: bool,
    rng: np.random.Generator,
    window: int,
    first_epoch: int = 0,
) -> StackEvents:
    """Train a stack by SGD, one image a step, and yield what happens, each event with its member's number.

    Every epoch ends with an evaluation on ``valid``; a member's last one also on ``test``.

    Args:
        network: The stack, at the start of ``first_epoch``.
        splits: The images.
        epochs: One number a member; a member leaves the stack at the end of its last epoch.
        shuffle: A new order of images every epoch, or always the order of the data.
        rng: The data order's stream, at the start of ``first_epoch``.
        window: Training images that a ``Window`` averages over; an epoch's last may hold fewer.
        first_epoch: 0 evaluates before the first step, then trains; n goes on from checkpoint n - 1.
    """
    stack = _Members(network, tuple(range(len(network))))
    num_train = len(splits.train.labels)
    for epoch in range(first_epoch, max(epochs) + 1):
        if epoch > 0:
            order = rng.permutation(num_train) if shuffle else np.arange(num_train)
            stack = yield from _train_epoch(stack, splits.train, order, window, epoch)
        step = epoch * num_train
        stack = yield from _evaluate(stack, splits.valid, "valid", epoch=epoch, step=step)
        ending = {member for member in stack.members if epochs[member] == epoch}
        if ending:
            stack = yield from _evaluate(stack, splits.test, "test", epoch=epoch, step=step, reported=ending)
        order_state = json.dumps(rng.bit_generator.state)
        for place, member in enumerate(stack.members):
            yield member, EpochEnd(epoch, step, Checkpoint(epoch, stack.network.parameters(place), order_state))
        stack = stack.keep([member not in ending for member in stack.members])
        if not stack.members:
            return


def learn(network: CNN, batch: Batch) -> Floats:
    """Train every member on the images, one after the other; return the logits before each step, ``[R, N, C]``."""
    logits = np.empty((len(batch.labels), len(network), NUM_CLASSES), network.dtype)
    with np.errstate(over="ignore", invalid="ignore"):  # a diverging member is reported, not warned of
        images = chain.from_iterable(blocks.images() for blocks in _batches(network, batch.images, IMAGES_AT_ONCE))
        for image, label, of_image in zip(images, batch.labels.tolist(), logits, strict=True):
            network.step(image, label, of_image)
    return np.ascontiguousarray(logits.swapaxes(0, 1), np.float64)  # means are taken in the order of the memory


def predict(network: CNN, images: Pixels) -> Floats:
    """Return every member's logits for images ``[N, 28, 28]``, without learning: ``[R, N, C]``, float64."""
    logits = np.empty((len(network), len(images), NUM_CLASSES))
    size = max(MAPS_AT_ONCE // network.conv.filters.shape[1], 1)  # of a part, in images
    at_once = size * max(IMAGES_AT_ONCE // size, 1)
    end = 0
    with np.errstate(over="ignore", invalid="ignore"):
        for blocks in _batches(network, images, at_once):
            for part in blocks.parts(size):
                start, end = end, end + len(part.places)
                logits[:, start:end] = network.logits(part)
    return logits


def summarize(logits: Floats, labels: Labels) -> list[Means]:
    """Return each member's means, given logits ``[R, N, C]`` and labels ``[N]``."""
    with np.errstate(invalid="ignore"):
        losses = cross_entropy(logits, labels)  # [R, N]
    correct = logits.argmax(axis=-1) == labels  # [R, N]
    finite_images = np.isfinite(losses).cumprod(axis=-1).sum(axis=-1)  # [R]
    columns = (losses.mean(axis=-1), correct.mean(axis=-1), finite_images)
    return [Means(*of_member) for of_member in zip(*(column.tolist() for column in columns), strict=True)]


class _Members(NamedTuple):
    """The members that still train."""

    network: CNN
    members: tuple[int, ...]  # the caller's number for each place

    def keep(self, stays: Sequence[bool]) -> "_Members":
        """Drop the members that don't stay; once none does, the network is of no more use and left as it is."""
        places = [place for place, stay in enumerate(stays) if stay]
        network = self.network if len(places) in (0, len(stays)) else self.network.keep(places)
        return _Members(network, tuple(self.members[place] for place in places))


def _train_epoch(
    stack: _Members, train_images: Batch, order: npt.NDArray[np.intp], window: int, epoch: int
) -> Generator[tuple[int, Event], None, _Members]:
    """Train on all images once, in this order; return the stack without the members that diverged."""
    step = (epoch - 1) * len(order)
    lost: set[int] = set()  # they go on to the epoch's end, unheard: leaving at once would cost the others a copy
    for start in range(0, len(order), window):
        chosen = order[start : start + window]
        batch = Batch(train_images.images[chosen], train_images.labels[chosen])
        means = summarize(learn(stack.network, batch), batch.labels)
        for member, mean in zip(stack.members, means, strict=True):
            if member in lost:
                continue
            if math.isfinite(mean.loss):
                yield member, Window(epoch, step + len(chosen), mean.loss, mean.accuracy)
            else:
                lost.add(member)
                yield member, Diverged(epoch, step + mean.finite_images + 1)
        if len(lost) == len(stack.members):
            break
        step += len(chosen)
    return stack.keep([member not in lost for member in stack.members])


def _evaluate(
    stack: _Members, batch: Batch, split: Split, *, epoch: int, step: int, reported: Collection[int] | None = None
) -> Generator[tuple[int, Event], None, _Members]:
    """Evaluate the members to be reported (all, if left out); return the stack without those that diverged."""
    if not stack.members:
        return stack
    means = summarize(predict(stack.network, batch.images), batch.labels)
    stays = []
    for member, mean in zip(stack.members, means, strict=True):
        passed_over = reported is not None and member not in reported
        stays.append(passed_over or math.isfinite(mean.loss))
        if not stays[-1]:
            yield member, Diverged(epoch, step)
        elif not passed_over:
            yield member, Evaluation(epoch, step, split, mean.loss, mean.accuracy)
    return stack.keep(stays)


def _batches(network: CNN, images: Pixels, at_once: int) -> Iterator[BatchBlocks]:
    """Yield the blocks of all images, gathered some images at a time."""
    for start in range(0, len(images), at_once):
        yield image_blocks(normalize(images[start : start + at_once], network.dtype, network.pixels), network.padding)
