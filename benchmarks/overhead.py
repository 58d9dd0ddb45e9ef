"""What a run costs beyond its training and its figures: journal, checkpoints, MLflow, its model.

Measured where runs are run, ``runner.run_stack``, with runs that train little but tell as much as the
default one: 10 epochs, 9 windows each. In this process, training and figures are replaced by
themselves, timed. Left out: Hydra's share and the start of processes, which a sweep pays once.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from convsweep.hydra_app.compose import compose_run
from convsweep.runs import recording, runner
from convsweep.runs.jobs import Job

JOBS = 16  # one stack
FEW_IMAGES = ("data.num_train=90", "train.window=10", "data.num_valid=10", "data.num_test=10")


def cpu_seconds_a_run(repeats: int) -> list[float]:
    """Run a stack of 16 runs ``repeats`` times; return each time's CPU-seconds a run beyond training and figures."""
    timed = _Timed()
    runner.train = timed.generator(runner.train)
    recording.draw_figures = timed.function(recording.draw_figures)
    with tempfile.TemporaryDirectory() as folder:
        _run_stack(folder, seeds=range(1))  # imports MLflow and makes its database
        samples = []
        for repeat in range(1, repeats + 1):
            begun, timed.seconds = _cpu_seconds(), 0.0
            _run_stack(folder, seeds=range(repeat * JOBS, (repeat + 1) * JOBS))
            samples.append((_cpu_seconds() - begun - timed.seconds) / JOBS)
    return samples


def _run_stack(folder: str, seeds: range) -> None:
    base = compose_run([*FEW_IMAGES, f"mlruns={Path(folder, 'mlruns')}"])
    trains = [base.train.model_copy(update={"seed": seed}) for seed in seeds]
    jobs = [Job(base.model_copy(update={"train": train})) for train in trains]
    for ended in runner.run_stack(jobs, tell=lambda _number, _news: None):
        if ended.error is not None:
            raise ended.error


class _Timed:
    """Adds up the CPU time spent in functions and generators."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def function(self, called: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: object, **keywords: object) -> object:
            begun = _cpu_seconds()
            try:
                return called(*arguments, **keywords)
            finally:
                self.seconds += _cpu_seconds() - begun

        return timed

    def generator(self, called: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        def timed(*arguments: object, **keywords: object) -> Iterator[object]:
            following = self.function(called(*arguments, **keywords).__next__)
            while True:
                try:
                    yield following()
                except StopIteration:
                    return

        return timed


def _cpu_seconds() -> float:
    times = os.times()  # to 0.01 s each, which is little beside a stack of runs
    return times.user + times.system + times.children_user + times.children_system
