"""A whole sweep, its jobs trained side by side: the work of ``hydra/launcher=stacked``.

This process talks to Hydra and to the terminal; the processes of the pool train, record and log to
MLflow, and say what happens.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from hydra.core.utils import JobReturn
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from convsweep.errors import UserError
from convsweep.hydra_app.compose import parse
from convsweep.hydra_app.job import HydraJob
from convsweep.runs.jobs import Ended, Job, News
from convsweep.runs.plan import plan_stacks
from convsweep.runs.pool import Handed, Over, Pool, Said, Say
from convsweep.terminal import terminal

log = logging.getLogger(__name__)

pool = Pool(["convsweep.runs.runner"])  # one a program: its processes are copies of one that has imported MLflow


class _Stack(NamedTuple):
    """What a process is handed."""

    numbers: list[int]  # of the jobs
    jobs: list[Job]


def launch(
    composed: Sequence[DictConfig], processes: int, context: HydraContext, task_function: TaskFunction
) -> list[JobReturn]:
    """Run jobs in stacks.

    Args:
        composed: Each job's whole configuration, ``hydra.job.num`` and ``id`` set.
        processes: How many stacks train at a time, at most.
        context: Hydra's context.
        task_function: What the callbacks are told that will run.

    Returns:
        How each job ended, in their order.
    """
    from convsweep.tracking.sweep import read_sweep

    configs = [parse(job) for job in composed]
    sweep = read_sweep(Path(composed[0].hydra.sweep.dir))
    jobs = [Job(config, sweep.axes if sweep else (), sweep) for config in configs]
    stacks = [_Stack(numbers, [jobs[number] for number in numbers]) for numbers in plan_stacks(configs, processes)]
    processes = min(processes, len(stacks))
    log.info("Training %d jobs in %d stacks, %d at a time", len(jobs), len(stacks), processes)
    batch = _Batch(composed, context, task_function)
    for event in pool.run(work, stacks, processes):
        match event:
            case Handed(stack):
                batch.begin(stacks[stack].numbers)
            case Said(_, (number, what)):
                batch.hear(number, what)
            case Over(stack, exit_code):
                batch.lose(stacks[stack].numbers, exit_code)
    return [batch.returns[number] for number in range(len(jobs))]


class _Batch:
    """The jobs of one launch, as Hydra and the terminal are told of them."""

    def __init__(self, composed: Sequence[DictConfig], context: HydraContext, task_function: TaskFunction) -> None:
        self.returns: dict[int, JobReturn] = {}  # of the jobs that are over
        self._composed, self._context, self._task_function = composed, context, task_function
        self._open: dict[int, HydraJob] = {}

    def begin(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            self._open[number] = HydraJob(self._composed[number], self._context, self._task_function)

    def hear(self, number: int, what: logging.LogRecord | News) -> None:
        if isinstance(what, logging.LogRecord):
            self._open[number].log(what)
            return
        terminal.show(self._composed[number].hydra.job.num, what)
        if isinstance(what, Ended):
            failed = what.result is None
            value = what.error if what.result is None else what.result.valid_accuracy
            self.returns[number] = self._open.pop(number).end(value, failed=failed)

    def lose(self, numbers: Sequence[int], exit_code: int | None) -> None:
        """End those jobs of a stack that is over which have not told their own end."""
        for number in numbers:
            if number in self._open:
                error = UserError(
                    f"the process that trained it is gone (exit code {exit_code}); "
                    "the same command goes on from the last finished epoch."
                )
                self.hear(number, Ended("", None, error))


def work(stack: _Stack, say: Say) -> None:
    """Run a stack, in a process of the pool; say what happens and what is logged, each with the job's number."""
    from convsweep.runs.runner import run_stack

    with _logging_to(say) as handler:
        run_stack(
            stack.jobs,
            tell=lambda place, news: say((stack.numbers[place], news)),
            turn=lambda place: setattr(handler, "number", stack.numbers[place]),
        )


class _SayingHandler(logging.Handler):
    """Says log records instead of writing them."""

    def __init__(self, say: Say) -> None:
        super().__init__()
        self.number = 0  # of the job whose turn it is
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        plain = logging.makeLogRecord(record.__dict__ | {"msg": self.format(record), "args": None, "exc_info": None})
        self._say((self.number, plain))


@contextmanager
def _logging_to(say: Say) -> Iterator[_SayingHandler]:
    root = logging.getLogger()
    outside, level = root.handlers, root.level
    handler = _SayingHandler(say)
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    try:
        yield handler
    finally:
        root.handlers = outside
        root.setLevel(level)
