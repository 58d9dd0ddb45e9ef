"""What a terminal shows while runs train: a line for each that ends, and below them a bar. Read from the records.

Without a terminal there are no bars, only lines.
"""

import logging
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from convsweep.records.mirrored import num_mirrored
from convsweep.records.sweep import Sweep, SweepJob
from convsweep.runs.watch import JobProgress, Watch, summary

INTERVAL = 0.25  # seconds between two looks at the records
SHARE = 0.05  # of the time, at most, goes into looking


class _Console(Console):
    """A console that goes on in silence once nobody reads it any more, as after ``| head``; rich ends the program."""

    def on_broken_pipe(self) -> None:
        with suppress(SystemExit):
            super().on_broken_pipe()


console = _Console(highlight=False, emoji=False)
if not console.is_terminal:
    console = _Console(highlight=False, emoji=False, width=200)  # a file or pipe is as wide as a table needs


class ConsoleHandler(logging.Handler):
    """Print log messages above the bars, in one line each."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one message."""
        say(self.format(record))


def say(text: str) -> None:
    """Print a line as it is: text from outside is no markup, and isn't wrapped."""
    console.print(text, markup=False, emoji=False, soft_wrap=True)


def counted(number: int, noun: str) -> str:
    """Return a number of things in words.

    >>> counted(1, "job"), counted(2, "job")
    ('1 job', '2 jobs')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def in_mlflow(mlruns: Path, sweep: Sweep) -> str:
    """Say how many of a sweep's runs MLflow has to their end; nothing if it was never told of any."""
    number = num_mirrored(mlruns, sweep.id)
    return "" if number is None else f"{number} of {counted(len(sweep.jobs), 'run')} in MLflow"


class Display:
    """Watches jobs and shows how far they have come.

    Args:
        mlruns: Where the records are.
        sweep: Whose jobs they are.
        jobs: Those to be shown.
    """

    def __init__(self, mlruns: Path, sweep: Sweep, jobs: Sequence[SweepJob]) -> None:
        self._mlruns, self._sweep = mlruns, sweep
        self._watch = Watch(mlruns, sweep, jobs)
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[state]}", markup=False),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task: TaskID = self._bars.add_task(
            sweep.title if len(jobs) == 1 else "sweep", total=sum(job.steps for job in jobs), state=""
        )
        self._first_step: int | None = None  # that was seen: a sweep may go on from there
        self._begun = 0.0

    @property
    def is_over(self) -> bool:
        """Whether every job has ended."""
        return all(progress.end is not None for progress in self._watch.jobs)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Look and show, in a thread of its own, while the body runs; and once more at its end.

        A terminal that is gone, or a disk that is full where the output goes, does not disturb the body.
        """
        over = threading.Event()

        def follow() -> None:
            while not over.is_set():
                begun = time.perf_counter()
                with suppress(OSError):
                    self.update()
                over.wait(max(INTERVAL, (time.perf_counter() - begun) / SHARE))

        with suppress(OSError):
            self._bars.start()
        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            with suppress(OSError):
                self.update()
            with suppress(OSError):
                self._bars.stop()

    def ask(self, question: str) -> bool:
        """Ask a question that is answered by y or n; without a terminal, or at its end, the answer is no."""
        if not (console.is_terminal and sys.stdin.isatty()):
            return False
        self._bars.stop()
        try:
            return console.input(f"{question} [y/n] ", markup=False).strip().lower().startswith("y")
        except (EOFError, KeyboardInterrupt):
            return False
        finally:
            self._bars.start()

    def update(self) -> None:
        """Look at the records; print a line for every job that has ended, and move the bar."""
        for end in self._watch.poll():
            say(summary(end, self._sweep))
        jobs = self._watch.jobs
        steps = sum(progress.job.steps if progress.end is not None else progress.step for progress in jobs)
        if self._first_step is None and any(progress.has_begun for progress in jobs):
            self._first_step, self._begun = steps, time.perf_counter()
        state = self._of_a_run(jobs[0]) if len(jobs) == 1 else self._of_a_sweep(jobs)
        self._bars.update(self._task, completed=steps, state=f"{state}  {self._speed(steps):,.0f} steps/s")

    def _of_a_run(self, progress: JobProgress) -> str:
        loss = "" if progress.loss is None else f"  loss {progress.loss:.3f}"
        return f"epoch {progress.epoch}{loss}"

    def _of_a_sweep(self, jobs: Sequence[JobProgress]) -> str:
        done = sum(progress.end is not None for progress in jobs)
        training = sum(progress.has_begun and progress.end is None for progress in jobs)
        best = self._watch.best
        best_so_far = "" if best is None else f", best {best.valid_accuracy:.2%}"
        mirrored = num_mirrored(self._mlruns, self._sweep.id)
        in_store = "" if mirrored is None else f", {mirrored} in MLflow"
        return f"{done} of {len(jobs)} done, {training} training{in_store}{best_so_far}"

    def _speed(self, steps: int) -> float:
        seconds = time.perf_counter() - self._begun
        return 0 if self._first_step is None or seconds <= 0 else (steps - self._first_step) / seconds
