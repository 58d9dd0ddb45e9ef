"""What a training program printed, as numbers with their places: a tolerant reader of logs.

A log is any text, or a CSV file with the columns ``epoch``, ``step``, ``loss`` and ``accuracy`` (``reported.csv`` has
them). From the lines that hold a loss or an accuracy this takes the epoch and the step, from the same line or from a
header above it, and works out how many images each printed mean is of.

Left out: whether the places fit the images of a data set; that is ``places``.
"""

import csv
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from convsweep.errors import UserError
from convsweep.reproduce.log_lines import Found, Line, LogSplit, Metric, Printed, read_line, to_printed, visible_lines


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
    line: int  # of those that are visible, from 1


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


class _Item(NamedTuple):
    """A number before it is known what the whole log looks like."""

    split: LogSplit
    epoch: int | None
    step: int | None
    window: int | None
    found: Found
    line: int


def read_log(text: str) -> Log:
    r"""Read a log.

    Raises:
        UserError: There is no loss or accuracy in it, or it contradicts itself.

    >>> log = read_log("--- Epoch 1 ---\n[Step 100] Past 100 steps: Average Loss 2.254 | Accuracy: 18%")
    >>> [(reading.place.name, reading.metric, reading.printed.value) for reading in log.readings]
    [('epoch 1, step 100', 'loss', 2.254), ('epoch 1, step 100', 'accuracy', 0.18)]
    """
    lines = visible_lines(text)
    if _is_csv(lines):
        return _from_csv(lines)
    return _from_text(lines)


def describe(log: Log) -> list[str]:
    """Return what was understood of a log, a sentence each."""
    taken = len({reading.line for reading in log.readings})
    windows = sorted({reading.place.window for reading in log.readings if reading.place.window})
    counts = Counter(reading.place.split for reading in log.readings)
    numbers = ", ".join(f"{count} of {split}" for split, count in counts.items())
    means = f"; means of {' and '.join(f'{window:,}' for window in windows)} steps" if windows else ""
    epochs = f"{log.epochs} epoch{'' if log.epochs == 1 else 's'}"
    lines = [f"The log: {len(log.readings)} numbers ({numbers}) from {taken} lines, {epochs}{means}."]
    diverged = [reading for reading in log.readings if not math.isfinite(reading.printed.value)]
    if diverged:
        lines.append(f"The program diverged: {len(diverged)} are not finite, first at {diverged[0].place.name}.")
    lines += log.notes
    if log.ignored:
        shown = "; ".join(f"'{line[:60]}'" for line in log.ignored[:3])
        more = f" and {len(log.ignored) - 3} more" if len(log.ignored) > 3 else ""
        lines.append(f"Lines ignored: {shown}{more}.")
    return lines


def _from_text(lines: Sequence[str]) -> Log:
    reader = _Reader()
    for number, text in enumerate(lines, 1):
        reader.take(number, text, read_line(text))
    num_steps = reader.num_steps.pop() if len(reader.num_steps) == 1 else None
    return _assemble(reader.items, reader.ignored, reader.num_epochs, num_steps)


class _Reader:
    """What is known after some lines of a text: which epoch and section the next one belongs to.

    Attributes:
        items: The numbers.
        ignored: Lines without a number or a heading.
        num_epochs: As in ``Epoch 3/10``; 0 if no line says it.
        num_steps: Totals, as in ``100/5000``.
    """

    def __init__(self) -> None:
        self.items: list[_Item] = []
        self.ignored: list[str] = []
        self.num_epochs = 0
        self.num_steps: set[int] = set()
        self._epoch: int | None = None
        self._named = False  # whether a line names its epoch
        self._section: LogSplit | None = None
        self._last_step = 0

    def take(self, number: int, text: str, line: Line) -> None:
        """Take the next line."""
        if line.epoch is not None:
            self._enter(line.epoch, f"line {number}: '{text[:60]}'")
            self.num_epochs = max(self.num_epochs, line.num_epochs or 0)
        if not line.found:
            self._section = line.section or self._section
        is_under_way = line.is_bar and line.step != line.num_steps
        if is_under_way or not (line.found or line.epoch is not None):
            self.ignored.append(text)
            return
        if line.num_steps is not None:
            self.num_steps.add(line.num_steps)
        step = None if line.is_bar else line.step  # a bar's numbers are those of its whole epoch
        for found in line.found:
            split = found.split or (self._section if self._section and step is None else "train")
            self._add(split, step if split == "train" else None, line.window, found, number)

    def _enter(self, epoch: int, where: str) -> None:
        if self._named and self._epoch is not None and epoch < self._epoch:
            raise UserError(
                "A log's epochs must not go back: is it of one run? "
                f"(got epoch {epoch} after epoch {self._epoch}, {where})."
            )
        if epoch != self._epoch:
            self._section, self._last_step = None, 0
        self._epoch, self._named = epoch, True

    def _add(self, split: LogSplit, step: int | None, window: int | None, found: Found, line: int) -> None:
        if step is not None:
            if not self._named and step < self._last_step:  # steps that begin anew begin an epoch
                self._epoch = (self._epoch or 1) + 1
            self._last_step = step
        self.items.append(_Item(split, self._epoch, step, window, found, line))


def _is_csv(lines: Sequence[str]) -> bool:
    if not lines:
        return False
    names = [name.strip().lower() for name in lines[0].split(",")]
    return len(names) > 1 and bool({"loss", "accuracy", "acc"} & set(names))


def _from_csv(lines: Sequence[str]) -> Log:
    items: list[_Item] = []
    ignored: list[str] = []
    header = [name.strip().lower() for name in lines[0].split(",")]
    for number, cells in enumerate(csv.reader(lines[1:]), 2):
        row = {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
        epoch, step, window = (row.get(name, "") for name in ("epoch", "step", "window"))
        split = row.get("split") or (epoch if epoch in ("test", "valid") else "train")
        # experiments in which nothing, or the dense layer alone, is trained
        if row.get("experiment", "full") != "full" or split not in ("train", "valid", "test"):
            ignored.append(lines[number - 1])
            continue
        for metric, text in (("loss", row.get("loss")), ("accuracy", row.get("accuracy", row.get("acc")))):
            if text:
                items.append(
                    _Item(
                        split,  # type: ignore[arg-type] # checked above
                        _whole(epoch, number) if epoch not in ("", "test", "valid") else None,
                        _whole(step, number) if step and split == "train" else None,
                        _whole(window, number) if window and split == "train" else None,
                        Found(metric, None, _number(text, number)),  # type: ignore[arg-type] # one of the two
                        number,
                    )
                )
    return _assemble(items, ignored, 0, None)


def _whole(text: str, line: int) -> int:
    if not text.isdecimal():
        raise UserError(f"A log's epochs, steps and windows must be whole numbers (got '{text}', line {line}).")
    return int(text)


def _number(text: str, line: int) -> str:
    found = read_line(f"loss: {text}").found
    if not found or found[0].text != text:
        raise UserError(f"A log's losses and accuracies must be numbers (got '{text}', line {line}).")
    return text


def _assemble(items: Sequence[_Item], ignored: Sequence[str], num_epochs: int, num_steps: int | None) -> Log:
    """Give every number its place: epochs from 1, windows, percent or not."""
    notes = []
    if any(item.step == 0 for item in items):
        items = [item for item in items if item.step != 0]
        notes.append("Numbers of step 0 are left out: they are means of no image, or of one.")
    if not items:
        raise UserError("A log must hold a loss or an accuracy with its number, such as 'loss: 0.5' (got none).")
    shift = 0
    if any(item.epoch == 0 and item.split == "train" for item in items):
        shift = 1
        notes.append("The log counts epochs from 0.")
    in_percent = {
        item.split
        for item in items
        if item.found.metric == "accuracy" and _plain(item.found.text) and to_printed(item.found.text).value > 1
    }
    if in_percent:
        notes.append(f"Accuracies of {' and '.join(sorted(in_percent))} are taken to be in percent: one is above 1.")
    trained = [index for index, item in enumerate(items) if item.split == "train"]
    last_epoch = max([num_epochs, *((item.epoch or 0) + shift for item in items), 1])
    windows = _windows(items)
    readings = []
    for index, item in enumerate(items):
        if item.epoch is not None:
            epoch = item.epoch + shift
        elif item.split == "train":
            epoch = 1
        else:  # without an epoch: before training if it stands above all that is trained, else after it
            epoch = 0 if trained and index < trained[0] else last_epoch
        place = LogPlace(item.split, epoch, item.step or 0, windows[index])
        printed = to_printed(item.found.text, percent=item.split in in_percent and item.found.metric == "accuracy")
        readings.append(Reading(place, item.found.metric, _checked(printed, item), item.line))
    return Log(tuple(_without_repetitions(readings)), last_epoch, num_steps, tuple(ignored), tuple(notes))


def _plain(text: str) -> bool:
    return "%" not in text and "/" not in text


def _checked(printed: Printed, item: _Item) -> Printed:
    if printed.value < 0 or (item.found.metric == "accuracy" and printed.value > 1):
        rule = "losses must be >= 0" if item.found.metric == "loss" else "accuracies must be 0 to 1, or 0% to 100%"
        raise UserError(f"A log's {rule} (got '{item.found.text}', line {item.line}).")
    return printed


def _windows(items: Sequence[_Item]) -> list[int]:
    """Return of how many steps each number is the mean; 0 where it has no step.

    A window is what an epoch's steps are most often apart; a line that is missing makes no larger window.
    """
    steps: dict[int, list[int]] = {}
    for item in items:
        if item.step is not None and item.step not in steps.setdefault(item.epoch or 0, []):
            steps[item.epoch or 0].append(item.step)
    windows = []
    for item in items:
        if item.step is None or item.window is not None:
            windows.append(item.window if item.window is not None and item.step is not None else 0)
            continue
        of_epoch = steps[item.epoch or 0]
        apart = [step - before for before, step in zip([0, *of_epoch], of_epoch, strict=False) if step > before]
        counts = Counter(apart)
        usual = min(counts, key=lambda gap: (-counts[gap], gap))
        before = max((step for step in of_epoch if step < item.step), default=0)
        windows.append(min(usual, item.step - before))
    return windows


def _without_repetitions(readings: Sequence[Reading]) -> Iterator[Reading]:
    """Yield every place once.

    Raises:
        UserError: A place has two different numbers, or steps go back.
    """
    seen: dict[tuple[LogPlace, Metric], Reading] = {}
    last: dict[int, Reading] = {}
    for reading in readings:
        key = (reading.place, reading.metric)
        first = seen.get(key)
        if first is not None:
            if repr(first.printed) != repr(reading.printed):  # NaN equals NaN here
                raise UserError(
                    f"A log must give one {reading.place.split} {reading.metric} a place (got two for "
                    f"{reading.place.name}: {first.printed.value:g}, line {first.line}, and "
                    f"{reading.printed.value:g}, line {reading.line})."
                )
            continue
        before = last.get(reading.place.epoch)
        if reading.place.step and before is not None and reading.place.step < before.place.step:
            raise UserError(
                f"A log's steps must not go back within an epoch: is it of one run? (got {reading.place.name}, "
                f"line {reading.line}, after step {before.place.step})."
            )
        seen[key] = reading
        if reading.place.step:
            last[reading.place.epoch] = reading
        yield reading
