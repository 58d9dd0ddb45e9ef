"""What was understood of a log, in sentences: what was counted, how a line of each kind is read, what was ignored."""

import math
from collections import Counter
from collections.abc import Iterator

from convsweep.reproduce.log_lines import LogSplit
from convsweep.reproduce.log_reader import SHOWN
from convsweep.reproduce.logs import Log, Reading

IGNORED = 3  # lines that are quoted
IN_WORDS: dict[LogSplit, str] = {"train": "training", "valid": "validation", "test": "test"}


def describe(log: Log) -> list[str]:
    """Return what was understood of a log, a sentence each."""
    taken = len({reading.line for reading in log.readings})
    windows = sorted({reading.place.window for reading in log.readings if reading.place.window})
    counts = Counter(reading.place.split for reading in log.readings)
    numbers = ", ".join(f"{count} of {split}" for split, count in counts.items())
    means = f"; means of {' and '.join(f'{window:,}' for window in windows)} steps" if windows else ""
    what = f"{_counted(len(log.readings), 'number')} ({numbers}) from {_counted(taken, 'line')}"
    lines = [f"The log: {what}, {_counted(log.epochs, 'epoch')}{means}.", *_examples(log)]
    diverged = [reading for reading in log.readings if not math.isfinite(reading.printed.value)]
    if diverged:
        are = "is" if len(diverged) == 1 else "are"
        lines.append(
            f"The program diverged: {len(diverged):,} of these numbers {are} not finite, the first at "
            f"{diverged[0].place.name}."
        )
    lines += log.notes
    if log.ignored:
        shown = "; ".join(f"'{line[:SHOWN]}'" for line in log.ignored[:IGNORED])
        more = f" and {len(log.ignored) - IGNORED:,} more" if len(log.ignored) > IGNORED else ""
        lines.append(f"Lines ignored: {shown}{more}.")
    return lines


def _examples(log: Log) -> Iterator[str]:
    """Yield how the first line of each kind is read, so that a wrong reading is seen."""
    kinds: dict[tuple[LogSplit, bool], list[Reading]] = {}
    for reading in log.readings:
        of_kind = kinds.setdefault((reading.place.split, bool(reading.place.step)), [])
        if not of_kind or (of_kind[0].line, of_kind[0].place) == (reading.line, reading.place):
            of_kind.append(reading)
    for (split, _), readings in kinds.items():
        values = ", ".join(f"{reading.metric} {reading.printed.value:g}" for reading in readings)
        yield (
            f"'{readings[0].text[:SHOWN]}' is read as {IN_WORDS[split]}, {readings[0].place.name}: {values}"
            f"{_of(readings[0])}."
        )


def _of(reading: Reading) -> str:
    """Return which images a mean is of."""
    if reading.place.window:
        return f", the mean of {_counted(reading.place.window, 'step')}"
    return ", the mean of its epoch as it trains" if reading.place.split == "train" else ""


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
