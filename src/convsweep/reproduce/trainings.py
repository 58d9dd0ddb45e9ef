"""Many runs, spread over processes in stacks, and how long that may take."""

import time
from collections.abc import Generator, Sequence
from typing import NamedTuple

from threadpoolctl import threadpool_limits

from convsweep.config import RunConfig
from convsweep.data import load
from convsweep.nn.training import Batch
from convsweep.reproduce.courses import Course, Wanted, follow
from convsweep.runs.executors import Processes, num_cores
from convsweep.runs.partition import divide_into_stacks

START_UP = 2.0  # seconds until all processes train
TRIED_STEPS = 200  # whose time an estimate is made from


class Training(NamedTuple):
    """A stack of runs to train."""

    configs: tuple[RunConfig, ...]
    wanted: Wanted


def in_stacks(configs: Sequence[RunConfig], kept: Wanted) -> list[Training]:
    """Divide runs into the stacks that they train in."""
    stacks = divide_into_stacks(configs, num_cores())
    return [Training(tuple(configs[number] for number in stack), kept) for stack in stacks]


def estimate(stacks: Sequence[Training]) -> float:
    """Return about how many seconds training will take, from a few steps of each kind of stack tried out here.

    Evaluations are counted as steps. Other work on the same cores makes it longer.
    """
    seconds: dict[tuple[int, int, str], float] = {}
    total = 0.0
    for training in stacks:
        config = training.configs[0]
        kind = (len(training.configs), config.model.num_filters, config.train.gradient)
        if kind not in seconds:
            seconds[kind] = _seconds_a_step(training)
        images = config.train.epochs * config.data.num_train + len(training.wanted.evaluations) * config.data.num_test
        total += seconds[kind] * images
    return START_UP + total / min(num_cores(), len(stacks))


def train_all(stacks: Sequence[Training]) -> Generator[dict[RunConfig, Course]]:
    """Train stacks on all cores; yield what comes of each as soon as it is there, in any order.

    Closing the generator ends the processes.

    Raises:
        UserError: A process was killed, or the images can't be had.
    """
    with Processes(_train, min(num_cores(), len(stacks))) as workers:
        for done in workers.work_off(stacks):
            yield dict(zip(done.task.configs, done.result, strict=True))


def all_courses(stacks: Sequence[Training]) -> dict[RunConfig, Course]:
    """Train stacks on all cores and return what comes of them.

    Raises:
        UserError: A process was killed, or the images can't be had.
    """
    courses: dict[RunConfig, Course] = {}
    for of_stack in train_all(stacks):
        courses |= of_stack
    return courses


def _train(training: Training) -> list[Course]:
    with threadpool_limits(1):  # the products are too small to share
        return follow(training.configs, training.wanted, load(training.configs[0].data).splits)


def _seconds_a_step(training: Training) -> float:
    """Train a stack for some steps and return how long one takes."""
    splits = load(training.configs[0].data).splits
    few = Batch(splits.train.images[:TRIED_STEPS], splits.train.labels[:TRIED_STEPS])
    configs = [
        config.model_copy(update={"train": config.train.model_copy(update={"epochs": 1})})
        for config in training.configs
    ]
    with threadpool_limits(1):
        begun = time.process_time()
        follow(configs, Wanted((), (), training.wanted.plain_softmax), splits._replace(train=few))
    return (time.process_time() - begun) / len(few.labels)
