"""A whole sweep, its jobs trained side by side: the work of ``hydra/launcher=stacked``.

This process talks to Hydra and to the terminal; the processes of the pool train, record and log to
MLflow, and say what happens.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from logging.handlers import QueueHandler
from pathlib import Path
from typing import NamedTuple

from hydra.core.utils import JobReturn
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from convsweep.config import parse
from convsweep.errors import UserError
from convsweep.news import Ended
from convsweep.progress import terminal
from convsweep.sweeping.jobs import OpenJob
from convsweep.sweeping.pool import Handed, Over, Pool, Said, Say
from convsweep.sweeping.stacks import plan_stacks

log = logging.getLogger(__name__)

pool = Pool(["convsweep.runner"])  # one a program: its processes are copies of one that has imported MLflow


class _Stack(NamedTuple):
    """What a process is handed."""

    numbers: list[int]  # of the jobs
    jobs: list[object]  # runner.Job, which this process needn't know


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
    from convsweep.runner import Job
    from convsweep.tracking.sweep import read_sweep

    configs = [parse(job) for job in composed]
    sweep = read_sweep(Path(composed[0].hydra.sweep.dir))
    jobs = [Job(config, sweep.axes if sweep else (), sweep) for config in configs]
    stacks = [_Stack(numbers, [jobs[number] for number in numbers]) for numbers in plan_stacks(configs, processes)]
    processes = min(processes, len(stacks))
    log.info("Training %d jobs in %d stacks, %d at a time", len(jobs), len(stacks), processes)

    first = composed[0].hydra.job.num
    open_jobs: dict[int, OpenJob] = {}
    returns: dict[int, JobReturn] = {}

    def end(number: int, ended: Ended) -> None:
        accuracy = ended.result and ended.result.valid_accuracy
        returns[number] = open_jobs.pop(number).end(ended.error or accuracy, failed=ended.error is not None)
        terminal.show(first + number, ended)

    for event in pool.run(work, stacks, processes):
        match event:
            case Handed(stack):
                for number in stacks[stack].numbers:
                    open_jobs[number] = OpenJob(composed[number], context, task_function)
            case Said(_, (number, logging.LogRecord() as record)):
                open_jobs[number].log(record)
            case Said(_, (number, Ended() as ended)):
                end(number, ended)
            case Said(_, (number, news)):
                terminal.show(first + number, news)
            case Over(stack, exit_code):
                error = UserError(
                    f"the process that trained it ended with status {exit_code}; "
                    "the same command goes on from the last finished epoch."
                )
                for number in stacks[stack].numbers:
                    if number in open_jobs:
                        end(number, Ended("", None, error))
    return [returns[number] for number in range(len(jobs))]


def work(stack: _Stack, say: Say) -> None:
    """Run a stack, in a process of the pool; say what happens and what is logged, each with the job's number."""
    from convsweep.runner import run_stack

    with _logging_to(say) as handler:
        run_stack(
            stack.jobs,
            tell=lambda place, news: say((stack.numbers[place], news)),
            turn=lambda place: setattr(handler, "number", stack.numbers[place]),
        )


class _SayingHandler(QueueHandler):
    """Says log records instead of writing them."""

    number = 0  # the job whose turn it is

    def enqueue(self, record: logging.LogRecord) -> None:
        self.queue((self.number, record))


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
