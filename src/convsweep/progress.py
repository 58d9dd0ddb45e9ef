"""What a terminal shows while things run: messages, and below them the bars of the sweep and the run.

Without a terminal there are no bars, only messages.
"""

import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from convsweep.training import Event, Window

console = Console(highlight=False)
if not console.is_terminal:
    console = Console(highlight=False, width=200)  # a file or pipe is as wide as a table needs


class ConsoleHandler(logging.Handler):
    """Print log messages above the bars, in one line each."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one message."""
        console.print(self.format(record), markup=False, soft_wrap=True)


class Terminal:
    """The bars below the messages, one for the sweep, one for the run; without a terminal they do nothing."""

    def __init__(self) -> None:
        self._bars: Progress | None = None
        self._sweep: TaskID | None = None

    @contextmanager
    def bars(self) -> Iterator[None]:
        """Show bars while the body runs, in this process only."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
        )
        if not console.is_terminal:
            yield
            return
        with Progress(*columns, console=console, transient=True) as self._bars:
            yield
        self._bars = None

    @contextmanager
    def sweep(self, num_jobs: int) -> Iterator[None]:
        """Show how many jobs of a sweep are done."""
        self._num_jobs, self._jobs_done = num_jobs, 0
        if self._bars is not None:
            self._sweep = self._bars.add_task("sweep", total=num_jobs, state=f"0 of {num_jobs} jobs")
        try:
            yield
        finally:
            self._sweep = None

    def job_done(self) -> None:
        """Move the sweep's bar on by one job."""
        if self._bars is not None and self._sweep is not None:
            self._jobs_done += 1
            state = f"{self._jobs_done} of {self._num_jobs} jobs"
            self._bars.update(self._sweep, completed=self._jobs_done, state=state)

    def watch(self, events: Iterable[Event], name: str, *, epochs: int, num_train: int, seen: int) -> Iterator[Event]:
        """Pass events on and show how far training has come.

        Args:
            events: What training yields.
            name: The run's name.
            epochs: How many it will train.
            num_train: Images an epoch.
            seen: Images that were trained on before.
        """
        if self._bars is None:
            yield from events
            return
        begun = time.perf_counter()
        task = self._bars.add_task(name, total=epochs * num_train, completed=seen, state="")
        try:
            for event in events:
                if isinstance(event, Window):
                    rate = (event.step - seen) / (time.perf_counter() - begun)
                    state = f"epoch {event.epoch} of {epochs}  loss {event.loss:.3f}  {rate:,.0f} images/s"
                    self._bars.update(task, completed=event.step, state=state)
                yield event
        finally:
            self._bars.remove_task(task)


terminal = Terminal()  # there is one, so there is one set of bars
