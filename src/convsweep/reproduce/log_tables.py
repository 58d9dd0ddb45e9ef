"""Tables in logs: CSV with any separator, Markdown, columns set apart by spaces. Each row becomes a line of text.

A heading is a row of names, one of which is a loss or an accuracy; rows below it have as many cells.
"""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from convsweep.errors import UserError
from convsweep.reproduce.log_lines import read_line

SEPARATORS = ("|", "\t", ";", ",", "  ", " ")  # two spaces and one: any number of them
_RULE = re.compile(r"[-=+|:\s\u2500-\u257f]*")  # |---|---|
_MISSING = {"", "-", "--", "none", "null", "n/a", "na"}
_NAMES = re.compile("loss|acc|top", re.IGNORECASE)
_NO_HEADING = re.compile(r"\b\d|[:=]")  # numbers, or names with their values
_PLACES = ("epoch", "ep", "step", "iter", "iteration", "batch", "image", "window")


class _Table(NamedTuple):
    """A table whose rows are being read."""

    separator: str
    names: tuple[str, ...]
    metrics: frozenset[str]  # those whose columns hold losses or accuracies


class Row(NamedTuple):
    """A line of a log, or what a row of a table says as one."""

    text: str
    shown: str  # as it stands in the log


def as_text(lines: Sequence[str]) -> Iterator[Row]:
    """Yield a log's lines, those of tables as text.

    Raises:
        UserError: A table has something else where a number must be.

    >>> [row.text for row in as_text(["| epoch | val_loss |", "|---|---|", "| 1 | 0.5 |"])]
    ['| epoch | val_loss |', '|---|---|', 'epoch: 1 | val_loss: 0.5']
    """
    table: _Table | None = None
    for number, line in enumerate(lines):
        cells = [] if table is None else _cells(line, table.separator)
        if table is not None and len(cells) == len(table.names) and not _RULE.fullmatch(line):
            row = dict(zip(table.names, cells, strict=True))
            # the tutorial's own table has experiments in which nothing, or the dense layer alone, is trained
            is_other = row.get("experiment", "full") != "full"
            yield Row("" if is_other else _row(table, row, number + 1), line)
            continue
        if not _RULE.fullmatch(line):
            table = _heading(lines, number)
        yield Row(line, line)


def _heading(lines: Sequence[str], number: int) -> _Table | None:
    """Return the table that begins with a line, if one does: the next line that is no rule has numbers below names."""
    if _NO_HEADING.search(lines[number]) or not _NAMES.search(lines[number]):
        return None
    below = next((line for line in lines[number + 1 : number + 4] if not _RULE.fullmatch(line)), None)
    for separator in SEPARATORS if below is not None else ():
        names, first = _cells(lines[number], separator), _cells(below or "", separator)
        if len(names) < 2 or len(first) != len(names):
            continue
        metrics = frozenset(name for name in names if read_line(f"{name}: 0.5").found)
        below_names = dict(zip(names, first, strict=True))
        if metrics and (separator != " " or all(re.search(r"\d|nan", below_names[name]) for name in metrics)):
            return _Table(separator, tuple(names), metrics)
    return None


def _cells(line: str, separator: str) -> list[str]:
    line = line.strip()
    if separator == "|":
        return [cell.strip() for cell in re.sub("[\u2502\u2503]", "|", line).strip("|").split("|")]
    if separator in ("  ", " "):
        return re.split(r"\s{2,}" if separator == "  " else r"\s+", line)
    return [cell.strip() for row in csv.reader([line], delimiter=separator) for cell in row]


def _row(table: _Table, cells: Mapping[str, str], line: int) -> str:
    """Return a row as text."""
    words = []
    for name, cell in cells.items():
        place = name.lower().replace("_", " ").split(" ")[-1] in _PLACES
        value = re.sub(r"^(\d+)\.0+$", r"\1", cell) if place else cell  # pandas writes whole numbers as 1.0
        if value.lower() in _MISSING or value.lower() == name.lower():
            continue
        if place and not re.fullmatch(r"\d+(?:/\d+)?|test|valid|train", value, re.IGNORECASE):
            raise UserError(f"A log's epochs, steps and windows must be whole numbers (got '{cell}', line {line}).")
        text = f"{name}: {value}"
        if name in table.metrics and not read_line(text).found:
            raise UserError(f"A log's losses and accuracies must be numbers (got '{cell}', line {line}).")
        words.append(text)
    return " | ".join(words)
