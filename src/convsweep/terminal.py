"""What a terminal shows while things run: messages, and below them a bar for the run or the whole sweep.

Without a terminal there are no bars, only messages.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from convsweep.nn.training import Evaluation, Window
from convsweep.runs.jobs import Began, Ended, News

console = Console(highlight=False)
if not console.is_terminal:
    console = Console(highlight=False, width=200)  # a file or pipe is as wide as a table needs


class ConsoleHandler(logging.Handler):
    """Print log messages above the bars, in one line each."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one message."""
        console.print(self.format(record), markup=False, soft_wrap=True)


class Terminal:
    """The bar below the messages; without a terminal it does nothing."""

    def __init__(self) -> None:
        self._bars: Progress | None = None
        self._bar: _RunBar | _SweepBar | None = None

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
        self._bars = self._bar = None

    @contextmanager
    def sweep(self, steps: Sequence[int]) -> Iterator[None]:
        """Show a sweep's bar while the body runs, for jobs of so many training steps."""
        if self._bars is not None:
            self._bar = _SweepBar(self._bars, steps)
        try:
            yield
        finally:
            self._bar = None

    def show(self, job: int, news: News) -> None:
        """Show what happens to a job."""
        if self._bars is None:
            return
        if self._bar is None:
            self._bar = _RunBar(self._bars)
        self._bar.show(job, news)


class _RunBar:
    """How far a single run has come."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._task: TaskID | None = None

    def show(self, _: int, news: News) -> None:
        match news:
            case Began():
                self._begun, self._first_step = time.perf_counter(), news.step
                self._task = self._bars.add_task(news.name, total=news.last_step, completed=news.step, state="")
            case Window():
                rate = (news.step - self._first_step) / (time.perf_counter() - self._begun)
                state = f"epoch {news.epoch}  loss {news.loss:.3f}  {rate:,.0f} images/s"
                self._update(completed=news.step, state=state)
            case Ended() if self._task is not None:
                self._bars.remove_task(self._task)

    def _update(self, **fields: object) -> None:
        assert self._task is not None
        self._bars.update(self._task, **fields)  # type: ignore[arg-type] # the fields of a task are the caller's


class _SweepBar:
    """How far a whole sweep has come: jobs done and in flight, speed, best so far."""

    def __init__(self, bars: Progress, steps: Sequence[int]) -> None:
        self._bars, self._steps = bars, steps
        self._seen = [0] * len(steps)  # how far each job has come
        self._in_flight: set[int] = set()
        self._names: dict[int, str] = {}
        self._done, self._trained, self._best = 0, 0, ""
        self._best_accuracy = -1.0
        self._begun: float | None = None
        self._task = bars.add_task("sweep", total=sum(steps), state=self._state())

    def show(self, job: int, news: News) -> None:
        match news:
            case Began():
                self._begun = self._begun or time.perf_counter()
                self._in_flight.add(job)
                self._seen[job], self._names[job] = news.step, news.name
            case Window():
                self._trained += news.step - self._seen[job]
                self._seen[job] = news.step
            case Evaluation(split="valid") if news.accuracy > self._best_accuracy:
                self._best_accuracy = news.accuracy
                self._best = f"  best on valid {news.accuracy:.2%}: {self._names[job]}"
            case Ended():
                self._in_flight.discard(job)
                self._done += 1
                self._seen[job] = self._steps[job]
        self._bars.update(self._task, completed=sum(self._seen), state=self._state())

    def _state(self) -> str:
        jobs = f"{self._done} of {len(self._steps)} jobs, {len(self._in_flight)} in flight"
        speed = self._trained / (time.perf_counter() - self._begun) if self._begun else 0
        return f"{jobs}  {speed:,.0f} steps/s{self._best}"


terminal = Terminal()  # there is one, so there is one set of bars
