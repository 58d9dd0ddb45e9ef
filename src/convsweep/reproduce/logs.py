"""What a training program printed, as numbers with their places: a tolerant reader of logs.

From the lines that hold a loss or an accuracy this takes the epoch and the step, from the same line or from those
around it, and works out how many images each printed mean is of. What it takes for granted it says in notes.

Left out: whether the places fit the images of a data set; that is ``places``.
"""

import itertools
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from convsweep.errors import UserError
from convsweep.reproduce.log_lines import LogSplit, Metric, read_line
from convsweep.reproduce.log_numbers import Printed, to_printed
from convsweep.reproduce.log_reader import SHOWN, Item, Reader
from convsweep.reproduce.log_tables import as_text
from convsweep.reproduce.log_text import text_lines


class LogPlace(NamedTuple):
    """Where in a run a number is printed."""

    split: LogSplit
    epoch: int  # from 1; 0: before training
    step: int  # as the log counts, in the epoch or in the run; 0: the epoch's end
    window: int  # steps that the mean is of; 0: all images of the epoch, or of the split

    @property
    def name(self) -> str:
        """The place in short: ``epoch 3, step 500``."""
        where = f"epoch {self.epoch}" if self.epoch else "before training"
        return f"{where}, step {self.step}" if self.step else where


class Reading(NamedTuple):
    """A number of the log."""

    place: LogPlace
    metric: Metric
    printed: Printed
    line: int  # of those that are not blank, from 1
    text: str  # that line


class Log(NamedTuple):
    """All that was understood of a log."""

    readings: tuple[Reading, ...]
    epochs: int  # the run's, as far as the log tells
    num_steps: int | None  # of an epoch, if the log tells
    ignored: tuple[str, ...]  # lines that gave no number
    notes: tuple[str, ...]  # what was taken for granted, a sentence each

    @property
    def diverged(self) -> bool:
        """Whether a number is NaN or infinite."""
        return any(not math.isfinite(reading.printed.value) for reading in self.readings)


def read_log(text: str) -> Log:
    r"""Read a log.

    Raises:
        UserError: There is no loss or accuracy in it, or it contradicts itself.

    >>> log = read_log("--- Epoch 1 ---\n[Step 100] Past 100 steps: Average Loss 2.254 | Accuracy: 18%")
    >>> [(reading.place.name, reading.metric, reading.printed.value) for reading in log.readings]
    [('epoch 1, step 100', 'loss', 2.254), ('epoch 1, step 100', 'accuracy', 0.18)]
    """
    lines = text_lines(text)
    reader = Reader()
    for number, (row, line) in enumerate(zip(as_text([line.shown for line in lines]), lines, strict=True), 1):
        for overwritten in line.overwritten:
            reader.take(number, overwritten, read_line(overwritten), overwritten=True)
        if not reader.take(number, row.shown, read_line(row.text)):
            reader.ignored.append(row.shown)
    return _assemble(reader)


def _assemble(reader: Reader) -> Log:
    """Give every number its place: epochs from 1, windows, percent or not."""
    found, of_test = _loose_ones(reader.items)
    items, left_out = _comparable(found)
    notes = [*reader.notes, *of_test, *left_out]
    if not items:
        got = " ".join(["none.", *notes])[:-1]
        raise UserError(f"A log must hold a loss or an accuracy with its number, such as 'loss: 0.5' (got {got}).")
    shift = int(_counts_from_0(reader, items))
    if shift:
        notes.append("The log counts epochs from 0.")
    before_first = _before_first_step(reader.items)
    if before_first is not None:
        notes.append("The log counts steps from 0: at step 99 it has seen 100 images.")
    last_epoch = _last_epoch(items, shift, reader)
    in_percent, of_numbers = _in_percent(items)
    notes += of_numbers
    trained = [index for index, item in enumerate(items) if item.split == "train"]
    windows = _windows(items, before_first or 0)
    readings = []
    for index, item in enumerate(items):
        if item.before_training:
            epoch = 0
        elif item.epoch is not None:
            epoch = item.epoch + shift
        elif item.split == "train":
            epoch = 1
        else:  # without an epoch: before training if it stands above all that is trained, else after it
            epoch = 0 if trained and index < trained[0] else last_epoch
        step = 0 if item.step is None else item.step + (before_first is not None)
        place = LogPlace(item.split, epoch, step, windows[index])
        printed = to_printed(item.found.text, percent=item.split in in_percent and item.found.metric == "accuracy")
        readings.append(Reading(place, item.found.metric, _checked(printed, item), item.line, item.text))
    num_steps = next(iter(reader.num_steps)) if len(reader.num_steps) == 1 else None
    if num_steps is None and before_first == 0:  # steps 0, 100, ..., 900 are of 1,000
        num_steps = max(item.step or 0 for item in items) + max(windows) or None
    overwritten = {item.line for item in items if item.overwritten}
    kept = _without_repetitions(readings, overwritten)
    return Log(tuple(kept), last_epoch, num_steps, tuple(reader.ignored), tuple(notes))


def _loose_ones(items: Sequence[Item]) -> tuple[list[Item], list[str]]:
    """Take numbers that stand below all training, and don't say of which images they are, for a test's."""
    loose, others = [item for item in items if item.is_loose], [item for item in items if not item.is_loose]
    if others:  # more than one epoch or its steps, all above
        are_below = loose and loose[0].line > max(item.line for item in others)
        is_test = are_below and (len({item.epoch for item in others}) > 1 or any(item.step for item in others))
    else:
        is_test = bool(loose) and len({item.found.metric for item in loose}) == len(loose)
    if not is_test:
        return list(items), []
    note = f"'{loose[0].text[:SHOWN]}' doesn't say of which images it is, and is taken to be a test's."
    return [item._replace(split="test") if item.is_loose else item for item in items], [note]


def _comparable(items: Sequence[Item]) -> tuple[list[Item], list[str]]:
    """Leave out numbers that no program prints; return what is said of them, too."""
    of_training = [item for item in items if item.split == "train"]
    last_steps: dict[int | None, int] = {}
    for item in items:
        last_steps[item.epoch] = max(last_steps.get(item.epoch, 0), item.step or 0)
    left_out = {
        "Numbers of step 0 are left out: they are means of no image, or of one.": [
            item for item in of_training if item.step == 0
        ],
        "Numbers of windows that are longer than the training until there are left out.": [
            item for item in of_training if (item.epoch or 1) == 1 and item.step and (item.window or 0) > item.step + 1
        ],
        "Numbers of training images before training are left out.": [
            item for item in of_training if item.before_training
        ],
        "Tests within an epoch are left out: programs are tested at an epoch's end.": [
            item for item in items if item.split != "train" and item.step and item.step < last_steps[item.epoch]
        ],
    }
    gone = {id(item) for group in left_out.values() for item in group}
    kept = [
        item if item.split == "train" else item._replace(step=None, window=None)
        for item in items
        if id(item) not in gone
    ]
    return kept, [note for note, group in left_out.items() if group]


def _before_first_step(items: Sequence[Item]) -> int | None:
    """Return at which step a log that counts them from 0 has printed nothing yet; None if it counts from 1.

    That is 0 if lines are of steps 0, 100, 200 ..., and -1 if they are of steps 99, 199, 299 ...
    """
    steps = _by_epoch([item for item in items if item.split == "train"])
    if any(0 in of_epoch for of_epoch in steps.values()):
        return 0
    gaps = Counter(after - before for of_epoch in steps.values() for before, after in itertools.pairwise(of_epoch))
    gap = gaps.most_common(1)[0][0] if gaps else 0
    return -1 if gap > 1 and all((step + 1) % gap == 0 for of_epoch in steps.values() for step in of_epoch) else None


def _by_epoch(items: Sequence[Item]) -> dict[int, list[int]]:
    """Return the steps of each epoch, in the log's order."""
    steps: dict[int, list[int]] = {}
    for item in items:
        if item.step is not None and item.step not in steps.setdefault(item.epoch or 0, [])[-1:]:
            steps[item.epoch or 0].append(item.step)
    return steps


def _counts_from_0(reader: Reader, items: Sequence[Item]) -> bool:
    """Return whether epoch 0 is the first in training, and not the state before it."""
    if 0 not in reader.epochs or max(reader.epochs) in reader.num_epochs:
        return False
    first = {item.split for item in items if item.epoch == 0}
    return not first or "train" in first or not any(item.split == "train" for item in items)


def _last_epoch(items: Sequence[Item], shift: int, reader: Reader) -> int:
    """Return the run's last epoch.

    Raises:
        UserError: The log contradicts itself.
    """
    totals = reader.num_epochs
    if len(totals) > 1:
        raise UserError(
            f"A log must be of one run: its lines say 'of {min(totals)} epochs' and 'of {max(totals)} epochs'."
        )
    last = max([*(epoch + shift for epoch in reader.epochs), *((item.epoch or 0) + shift for item in items), 1])
    if totals and last > min(totals):
        raise UserError(f"A log's epochs must not exceed their total (got epoch {last} of {min(totals)}).")
    return min(totals, default=last)


def _in_percent(items: Sequence[Item]) -> tuple[set[LogSplit], list[str]]:
    """Return the splits whose accuracies are in percent without a sign, and what is said of how numbers are written."""
    in_percent = {
        item.split
        for item in items
        if item.found.metric == "accuracy"
        and not re.search("[%/]", item.found.text)
        and to_printed(item.found.text).value > 1
    }
    notes = []
    if in_percent:
        notes.append(f"Accuracies of {' and '.join(sorted(in_percent))} are taken to be in percent: one is above 1.")
    commas = next((item.found.text for item in items if re.fullmatch(r"[^.]*,[^.]*", item.found.text)), None)
    if commas:
        notes.append(f"Numbers such as {commas} are read with a decimal comma.")
    return in_percent, notes


def _checked(printed: Printed, item: Item) -> Printed:
    if printed.value < 0 or (item.found.metric == "accuracy" and printed.value > 1):
        rule = "losses must be >= 0" if item.found.metric == "loss" else "accuracies must be 0 to 1, or 0% to 100%"
        raise UserError(f"A log's {rule} (got '{item.found.text}', line {item.line}).")
    return printed


def steps_run_on(steps: Mapping[int, Sequence[int]]) -> bool:
    """Return whether steps, by epoch, are counted over the whole run.

    >>> steps_run_on({1: [50, 100], 2: [150, 200]}), steps_run_on({1: [50, 100], 2: [50, 100]})
    (True, False)
    """
    pairs = list(itertools.pairwise(sorted(steps)))
    return bool(pairs) and all(min(steps[after]) > max(steps[before]) for before, after in pairs)


def _windows(items: Sequence[Item], before_first: int) -> list[int]:
    """Return of how many steps each number is the mean; 0 where it has no step.

    A window is what an epoch's steps are most often apart; a line that is missing makes no larger window.
    """
    steps = _by_epoch(items)
    begins = dict.fromkeys(steps, before_first)
    if steps_run_on(steps):
        begins |= {after: max(steps[before]) for before, after in itertools.pairwise(sorted(steps))}
    windows: dict[tuple[int, int], int] = {}  # by epoch and step
    for epoch, of_epoch in steps.items():
        in_order = [begins[epoch], *dict.fromkeys(of_epoch)]
        usual = _usual_gap(in_order)
        in_order.sort()
        windows |= {(epoch, step): min(usual, step - before) for before, step in itertools.pairwise(in_order)}
    return [
        item.window or 0 if item.step is None or item.window is not None else windows[item.epoch or 0, item.step]
        for item in items
    ]


def _usual_gap(steps: Sequence[int]) -> int:
    """Return what steps are most often apart; of two gaps that are as frequent, one between two lines, the smaller.

    Args:
        steps: Where the epoch begins, then those of its lines.
    """
    gaps = [step - before for before, step in itertools.pairwise(steps) if step > before]
    counts, between = Counter(gaps), set(gaps[1:])
    return min(counts, key=lambda gap: (-counts[gap], gap not in between, gap), default=0)


def _without_repetitions(readings: Sequence[Reading], overwritten: set[int]) -> list[Reading]:
    """Return every place once: of what a line showed one after the other, the last.

    Raises:
        UserError: A place has two different numbers, or steps go back.
    """
    kept: dict[tuple[LogPlace, Metric], Reading] = {}
    last: dict[int, Reading] = {}
    for reading in readings:
        key, place = (reading.place, reading.metric), reading.place
        first = kept.get(key)
        if first is not None and not (first.line == reading.line and reading.line in overwritten):
            if repr(first.printed) != repr(reading.printed):  # NaN equals NaN here
                raise UserError(
                    f"A log must give one {place.split} {reading.metric} a place: is it of one run? (got two for "
                    f"{place.name}: {first.printed.value:g}, line {first.line}, and "
                    f"{reading.printed.value:g}, line {reading.line})."
                )
            continue
        before = last.get(place.epoch)
        if place.step and before is not None and place.step < before.place.step:
            raise UserError(
                f"A log's steps must not go back within an epoch: is it of one run? (got {place.name}, "
                f"line {reading.line}, after step {before.place.step})."
            )
        kept[key] = reading
        if place.step:
            last[place.epoch] = reading
    return list(kept.values())
