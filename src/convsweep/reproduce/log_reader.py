"""A log, line by line: which epoch, step and split each number belongs to, from its line and those above it.

Left out: what the log as a whole tells, such as windows and whether accuracies are in percent. That is ``logs``.
"""

import re
from typing import NamedTuple

from convsweep.errors import UserError
from convsweep.reproduce.log_lines import Found, Line, LogSplit

SHOWN = 80  # characters of a line that are quoted


class Item(NamedTuple):
    """A number before it is known what the whole log looks like."""

    split: LogSplit
    epoch: int | None
    step: int | None
    window: int | None
    found: Found
    line: int
    text: str
    is_loose: bool  # whether no line says of which epoch, step and split it is
    before_training: bool
    overwritten: bool  # whether what follows on the same line may replace it


class Reader:
    """What is known after some lines of a text: which epoch and section the next one belongs to.

    Attributes:
        items: The numbers.
        ignored: Lines without a number or a heading.
        notes: What was taken for granted.
        num_epochs: Totals, as in ``Epoch 3/10``.
        num_steps: Totals, as in ``100/5000``.
        epochs: The epochs that lines name.
    """

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.ignored: list[str] = []
        self.notes: list[str] = []
        self.num_epochs: set[int] = set()
        self.num_steps: set[int] = set()
        self.epochs: set[int] = set()
        self._epoch: int | None = None
        self._section: LogSplit | None = None
        self._last_step = 0
        self._announced = False  # whether a heading without numbers named the epoch, for the lines below it
        self._bar_of: int | None = None  # the epoch whose bar is finished

    def take(self, number: int, text: str, line: Line, *, overwritten: bool = False) -> bool:
        """Take the next line; return whether it had anything to tell."""
        for left_out in line.left_out:
            self._note(f"Left out, for it is no loss or accuracy of one place: '{left_out[:SHOWN]}'.")
        if line.epoch is not None:
            self._enter(line.epoch, f"line {number}: '{text[:SHOWN]}'")
            self._announced = not line.found and not line.ends_epoch
            if line.num_epochs is not None:
                self.num_epochs.add(line.num_epochs)
        if not line.found:
            self._section = line.section or self._section
            return line.epoch is not None and not re.search(r"\d\.\d", text)
        if line.is_bar and line.step != line.num_steps:
            return False  # under way
        second_bar = line.is_bar and self._is_second(line, overwritten=overwritten)
        if line.num_steps is not None and not second_bar:
            self.num_steps.add(line.num_steps)
        step = None if line.is_bar else line.step  # a bar's numbers are those of its whole epoch
        if step is not None and any(found.split in (None, "train") for found in line.found):
            self._go_on_to(step, named=line.epoch is not None)
        for found in line.found:
            split = found.split or (self._section if self._section and step is None else "train")
            if second_bar and found.split is None:
                split = "test"
                self._note(f"A second bar below that of an epoch is taken to be a test's: '{text[:SHOWN]}'.")
            named = line.epoch is not None or line.step is not None or self._announced or self._section is not None
            self.items.append(
                Item(
                    split,
                    self._epoch,
                    step,
                    line.window or None,
                    found,
                    number,
                    text,
                    is_loose=found.split is None and not named,
                    before_training=line.before_training,
                    overwritten=overwritten,
                )
            )
        return True

    def _is_second(self, line: Line, *, overwritten: bool) -> bool:
        """Return whether a finished bar stands below its epoch's own, as that of a test does."""
        second = line.epoch is None and self._bar_of == (self._epoch or 1)
        if second and not self.epochs and line.num_steps in self.num_steps:  # one bar an epoch, and nothing else
            self._epoch, second = (self._epoch or 1) + 1, False
        if not overwritten:
            self._bar_of = self._epoch or 1
        return second

    def _go_on_to(self, step: int, *, named: bool) -> None:
        """Note a step of training; steps that begin anew begin an epoch, unless a line has named one for them."""
        if step < self._last_step and not named and not self._announced:
            self._epoch = (self._epoch or 1) + 1
        self._last_step, self._announced = step, self._announced and not named

    def _note(self, sentence: str) -> None:
        if sentence not in self.notes:
            self.notes.append(sentence)

    def _enter(self, epoch: int, where: str) -> None:
        if self._epoch is not None and epoch < self._epoch:
            raise UserError(
                "A log's epochs must not go back: is it of one run? "
                f"(got epoch {epoch} after epoch {self._epoch}, {where})."
            )
        if epoch != self._epoch:
            self._section = None
            if self._epoch is not None or not self.items:  # else the lines above are of this epoch
                self._last_step = 0
        self._epoch = epoch
        self.epochs.add(epoch)
