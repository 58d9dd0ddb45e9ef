"""The places of a log in a training: which images each of its numbers is a mean of.

A program may print a window after the step on its last image, or before it, and then the first window misses an
image though it is divided by its full length. Which of the rules below a log follows is rarely said.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np

from convsweep.errors import UserError
from convsweep.reproduce.courses import Course, Evaluated, Evaluation, Floats, Wanted
from convsweep.reproduce.log_lines import Metric
from convsweep.reproduce.log_numbers import Printed
from convsweep.reproduce.logs import Log, LogPlace, steps_run_on

Printing = Literal["after", "before", "before_run_on", "so_far"]
PRINTINGS: tuple[Printing, ...] = get_args(Printing)
# Steps of an epoch of 60,000 images in usual batches: so many images a log's program hardly has
STEPS_OF_BATCHES = {steps: size for size in (16, 32, 64, 128, 256) for steps in (60_000 // size, -(-60_000 // size))}
SAID_OF_PRINTING = {
    "after": "a window's mean is printed after the step on its last image",
    "before": "printed before the step on a window's last image, divided by the full window; each epoch begins anew",
    "before_run_on": "printed before the step on a window's last image, divided by the full window; sums run on",
    "so_far": "the mean of all images of the epoch so far",
}


class Quantity(NamedTuple):
    """One number that a log can hold; its place's step counts images of the epoch."""

    place: LogPlace
    metric: Metric

    @property
    def name(self) -> str:
        """The quantity in short: ``test loss`` or ``loss at epoch 3, step 500``."""
        kind = self.metric if self.place.split == "train" else f"{self.place.split} {self.metric}"
        return f"{kind} at {self.place.name}"

    @property
    def short(self) -> str:
        """The same in short: ``test loss 3`` or ``loss 3:500``, of epoch 3."""
        kind = self.metric if self.place.split == "train" else f"{self.place.split} {self.metric}"
        return f"{kind} {self.place.epoch}" + (f":{self.place.step}" if self.place.step else "")


class PlacedLog(NamedTuple):
    """A log's numbers in a training of so many images and epochs."""

    quantities: tuple[Quantity, ...]  # Q of them
    printed: tuple[Printed, ...]
    num_train: int
    epochs: int

    @property
    def printings(self) -> tuple[Printing, ...]:
        """The printing rules that make a difference to this log."""
        return PRINTINGS if any(quantity.place.step for quantity in self.quantities) else PRINTINGS[:1]


def images_of_an_epoch(log: Log) -> int | None:
    """Return how many images an epoch has, if the log tells: the total that it names, or its last step."""
    if log.num_steps is not None:
        return log.num_steps
    steps: dict[int, list[int]] = {}
    for reading in log.readings:
        if reading.place.step:
            steps.setdefault(reading.place.epoch, []).append(reading.place.step)
    if not steps:
        return None
    last = max(max(of_epoch) for of_epoch in steps.values())
    if not steps_run_on(steps):
        return last
    per_epoch, rest = divmod(last, max(steps))
    return per_epoch if rest == 0 else None


def place(log: Log, num_train: int, epochs: int | None = None) -> PlacedLog:
    """Find the log's places in a training.

    Args:
        log: What was read.
        num_train: Images an epoch.
        epochs: Of the run; as many as the log has, if left out.

    Raises:
        UserError: Steps or windows don't fit the images, or the log has more epochs.
    """
    running_on = any(reading.place.step > num_train for reading in log.readings)
    places = [_in_epoch(reading.place, num_train, running_on=running_on) for reading in log.readings]
    shown = max(log.epochs, *(found.epoch for found in places))
    epochs = epochs or shown
    if epochs < shown:
        raise UserError(f"'train.epochs' must be >= {shown}, the log's number (got {epochs}).")
    places = [  # a test at the log's end is one at the run's end
        found._replace(epoch=epochs) if found.split != "train" and found.epoch == log.epochs else found
        for found in places
    ]
    return PlacedLog(
        tuple(Quantity(found, reading.metric) for found, reading in zip(places, log.readings, strict=True)),
        tuple(reading.printed for reading in log.readings),
        num_train,
        epochs,
    )


def further_quantities(placed: PlacedLog) -> list[Quantity]:
    """Return what the program could have printed beside the log: the test, and windows of every epoch."""
    windows = Counter(quantity.place.window for quantity in placed.quantities if quantity.place.window)
    found = [Quantity(LogPlace("test", placed.epochs, 0, 0), "loss")]
    found.append(found[0]._replace(metric="accuracy"))
    metrics: tuple[Metric, ...] = ("loss", "accuracy")
    if windows:
        window = windows.most_common(1)[0][0]
        found += [
            Quantity(LogPlace("train", epoch, step, window), metric)
            for epoch in range(1, placed.epochs + 1)
            for step in range(window, placed.num_train + 1, window)
            for metric in metrics
        ]
    known = set(placed.quantities)
    return [quantity for quantity in found if quantity not in known]


def images_seen(quantities: Sequence[Quantity], printings: Sequence[Printing], num_train: int) -> set[int]:
    """Return the numbers of images of the run whose sums the means of training images are made of."""
    return {
        number
        for quantity in quantities
        if quantity.place.split == "train"
        for printing in printings
        for number in _images(quantity.place, printing, num_train)[:2]
    }


def wanted(placed: PlacedLog, *, plain_softmax: bool, also: Sequence[Quantity] = ()) -> Wanted:
    """Return what has to be kept of a training to print the log and what it could have held.

    Args:
        placed: The log's numbers.
        plain_softmax: Whether a run diverges as soon as exp(z) / sum exp(z) gives no number.
        also: Further quantities to keep.
    """
    quantities = [*placed.quantities, *further_quantities(placed), *also]
    seen = images_seen(quantities, placed.printings, placed.num_train)
    return Wanted(tuple(sorted(seen)), evaluations_of(quantities), plain_softmax)


def evaluations_of(quantities: Sequence[Quantity]) -> tuple[Evaluation, ...]:
    """Return the evaluations that numbers of ``valid`` and ``test`` come from."""
    evaluations: set[Evaluation] = set()
    for quantity in quantities:
        if quantity.place.split == "valid":
            evaluations.add(Evaluation("valid", quantity.place.epoch))
        elif quantity.place.split == "test":
            evaluations |= {Evaluation("test", quantity.place.epoch), Evaluation("trained", quantity.place.epoch)}
    return tuple(sorted(evaluations))


def printed_by(
    courses: Sequence[Course],
    quantities: Sequence[Quantity],
    printing: Printing,
    *,
    num_train: int,
    tests_on_training_images: bool,
    loss_factor: float,
) -> Floats:
    """Return what seeds print, in full precision.

    Args:
        courses: One a seed.
        quantities: What is printed.
        printing: The printing rule.
        num_train: Images an epoch.
        tests_on_training_images: Whether the test is on the first training images.
        loss_factor: What losses are multiplied by before they are printed.

    Returns:
        ``[n, Q]``; NaN or infinite where a seed has diverged.
    """
    index = {number: place for place, number in enumerate(courses[0].seen)}
    values = np.empty((len(courses), len(quantities)))
    for column, quantity in enumerate(quantities):
        if quantity.place.split == "train":
            first, last, divisor = _images(quantity.place, printing, num_train)
            for row, course in enumerate(courses):
                sums = course.losses if quantity.metric == "loss" else course.hits
                values[row, column] = (sums[index[last]] - sums[index[first]]) / divisor
            continue
        split: Evaluated = "valid" if quantity.place.split == "valid" else "test"
        if split == "test" and tests_on_training_images:
            split = "trained"
        for row, course in enumerate(courses):
            score = course.evaluations[Evaluation(split, quantity.place.epoch)]
            values[row, column] = score.loss if quantity.metric == "loss" else score.accuracy
    values[:, [quantity.metric == "loss" for quantity in quantities]] *= loss_factor
    return values


def _in_epoch(found: LogPlace, num_train: int, *, running_on: bool) -> LogPlace:
    """Return a place with its step counted within the epoch."""
    if found.window and not found.step:  # the last images of the epoch
        found = found._replace(step=num_train)
    elif found.step and running_on:
        if found.epoch > 1:
            found = found._replace(step=found.step - (found.epoch - 1) * num_train)
        else:  # the log names no epochs, or is in its first
            epoch, before = divmod(found.step - 1, num_train)
            found = found._replace(epoch=epoch + 1, step=before + 1)
    seen = (found.epoch - 1) * num_train + found.step
    if not 0 <= found.step <= num_train or found.window > max(seen, 0):
        raise UserError(
            f"The log's steps and windows must fit 'data.num_train', the images of an epoch, one a step "
            f"(got {found.name}, a window of {found.window}, and data.num_train={num_train})."
        )
    return found


def _images(found: LogPlace, printing: Printing, num_train: int) -> tuple[int, int, int]:
    """Return a printed number as a difference of sums over the run's first images, and what it is divided by."""
    before_epoch = (found.epoch - 1) * num_train
    if not found.step:
        return before_epoch, before_epoch + num_train, num_train
    end = before_epoch + found.step
    if printing == "after":
        return end - found.window, end, found.window
    if printing == "so_far":
        return before_epoch, end, found.step
    first = end - found.window - 1
    if found.step <= found.window and printing == "before":
        first = before_epoch
    elif found.step == found.window:  # the line before it is that of the last whole window of the epoch before
        first = before_epoch - num_train + num_train // found.window * found.window - 1
    return max(first, 0), end - 1, found.window
