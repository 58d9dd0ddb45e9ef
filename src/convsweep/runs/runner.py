"""Runs from their configurations to their results: training, and who is sent what happens.

A run's own course is a coroutine (see ``recording``). ``run_stack`` drives as many of them as train
side by side; a single run is a stack of one.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack

from threadpoolctl import threadpool_limits

from convsweep.data import load
from convsweep.nn.network import CNN
from convsweep.nn.training import Checkpoint, Evaluation, Event, Window, order_rng, train
from convsweep.records.journal import Result
from convsweep.runs.jobs import Began, Ended, Job, Tell
from convsweep.runs.recording import Asked, Heard, Waiting, job_name, record


def run(job: Job, tell: Tell) -> Result:
    """Train as configured, or take up what the run's directory already holds, and log it all to MLflow.

    Raises:
        UserError: Data, disk or MLflow fail. What was trained is kept.
    """
    (ended,) = run_stack([job], tell)
    if ended.result is None:
        assert ended.error is not None
        raise ended.error
    return ended.result


def run_stack(jobs: Sequence[Job], tell: Tell, turn: Callable[[int], None] = lambda _: None) -> list[Ended]:
    """Run jobs side by side, as one stack of networks; each has its own record and fails alone.

    Args:
        jobs: Alike in all that decides whether they can share a stack; see ``sweeping.stacks``.
        tell: Is told what happens, and to which job.
        turn: Is told whose turn it is, before anything is done or logged for a job.

    Returns:
        How each ended, in the order of the jobs.
    """
    ends: list[Ended | None] = [None] * len(jobs)
    courses = [record(job) for job in jobs]

    def advance(number: int, heard: Heard | None = None) -> Asked:
        """Let a job go on; return what it asks for, or None if it is over."""
        turn(number)
        try:
            return courses[number].send(heard)
        except StopIteration as stop:
            ended = Ended(job_name(jobs[number]), stop.value, None)
        except Exception as error:  # noqa: BLE001 - told, not swallowed; the others go on
            ended = Ended(job_name(jobs[number]), None, error)
        ends[number] = ended
        tell(number, ended)
        return None

    with threadpool_limits(1), ExitStack() as interrupted:  # one thread: the products are too small to share
        for course in courses:
            interrupted.callback(course.close)  # does nothing to those that are over
        begun = {number: advance(number) for number in range(len(jobs))}
        starts = {number: start for number, start in begun.items() if isinstance(start, Checkpoint)}
        for epoch in sorted({start.epoch for start in starts.values()}):
            together = {number: start for number, start in starts.items() if start.epoch == epoch}
            _train(jobs, together, advance, ends, tell)
        for number in (number for number, start in begun.items() if isinstance(start, Waiting)):
            start = advance(number)
            if isinstance(start, Checkpoint):
                _train(jobs, {number: start}, advance, ends, tell)
    return [ended for ended in ends if ended is not None]


def _train(
    jobs: Sequence[Job],
    starts: dict[int, Checkpoint],
    advance: Callable[[int, Heard], object],
    ends: Sequence[Ended | None],
    tell: Tell,
) -> None:
    """Train jobs that start from the same epoch, and send each its events until all are over."""
    numbers = list(starts)
    configs = [jobs[number].config for number in numbers]
    first, start = configs[0], starts[numbers[0]]
    dataset = load(first.data)
    epoch_steps = len(dataset.splits.train.labels)
    for number, config in zip(numbers, configs, strict=True):
        last_step = config.train.epochs * epoch_steps
        tell(number, Began(job_name(jobs[number]), max(start.epoch, 0) * epoch_steps, last_step))
    network = CNN(
        [start.parameters for start in starts.values()],
        [config.train.learning_rate for config in configs],
        padding=first.model.padding,
        ties=first.train.ties,
        gradient=first.train.gradient,
        frozen=first.train.frozen,
    )
    rng = order_rng(first.train.order_seed)
    rng.bit_generator.state = json.loads(start.order_state)
    events = train(
        network,
        dataset.splits,
        epochs=[config.train.epochs for config in configs],
        shuffle=first.train.shuffle,
        rng=rng,
        window=first.train.window,
        first_epoch=start.epoch + 1,
    )
    seconds = dict.fromkeys(numbers, 0.0)
    training = list(numbers)  # those that are not over yet
    for event, duration in _timed(events):
        for number in training:
            seconds[number] += duration / len(training)
        number = numbers[event.member]
        if number not in training:
            continue  # its record failed
        if isinstance(event, Window | Evaluation):
            tell(number, event)
        advance(number, Heard(event, seconds[number]))
        if ends[number] is not None:
            training.remove(number)
            if not training:
                return


def _timed(events: Iterable[Event]) -> Iterator[tuple[Event, float]]:
    """Pass events on, each with the seconds that it took to come."""
    begun = time.perf_counter()
    for event in events:
        yield event, time.perf_counter() - begun
        begun = time.perf_counter()
