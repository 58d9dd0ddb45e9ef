"""What a terminal shows while things run: messages, and below them the bars of the sweep and the run.

Without a terminal there are no bars, only messages.
"""

import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from convsweep.training import Event, Window

console = Console(highlight=False)
if not console.is_terminal:
    console = Console(highlight=False, width=200)  # a file or pipe is as wide as a table needs
_bars: Progress | None = None  # there is one terminal, so there is one set of bars
_sweep: TaskID | None = None


class ConsoleHandler(logging.Handler):
    """Print log messages above the bars, in one line each."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one message."""
        console.print(self.format(record), markup=False, soft_wrap=True)


@contextmanager
def bars() -> Iterator[None]:
    """Show bars while the body runs, in this process only."""
    global _bars
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[state]}"),
        TimeRemainingColumn(compact=True),
        TextColumn("left"),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as _bars:
        try:
            yield
        finally:
            _bars = None


@contextmanager
def sweep_bar(num_jobs: int) -> Iterator[None]:
    """Show how many jobs of a sweep are done."""
    global _sweep
    if _bars is not None:
        _sweep = _bars.add_task("sweep", total=num_jobs, state=f"0 of {num_jobs} jobs")
    try:
        yield
    finally:
        _sweep = None


def job_done() -> None:
    """Move the sweep's bar on by one job."""
    if _bars is not None and _sweep is not None:
        _bars.advance(_sweep)
        task = next(task for task in _bars.tasks if task.id == _sweep)
        _bars.update(_sweep, state=f"{task.completed:.0f} of {task.total:.0f} jobs")


def watch(events: Iterable[Event], name: str, epochs: int, num_train: int, seen: int) -> Iterator[Event]:
    """Pass events on and show how far training has come.

    Args:
        events: What training yields.
        name: The run's name.
        epochs: How many it will train.
        num_train: Images an epoch.
        seen: Images that were trained on before.
    """
    if _bars is None:
        yield from events
        return
    begun = time.perf_counter()
    task = _bars.add_task(name, total=epochs * num_train, completed=seen, state="")
    try:
        for event in events:
            if isinstance(event, Window):
                rate = (event.step - seen) / (time.perf_counter() - begun)
                state = f"epoch {event.epoch} of {epochs}  loss {event.loss:.3f}  {rate:,.0f} images/s"
                _bars.update(task, completed=event.step, state=state)
            yield event
    finally:
        _bars.remove_task(task)
