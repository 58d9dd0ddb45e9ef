"""Runs from their configurations to their results: where training, journal, tracking and figures meet.

A run's own course is a coroutine, ``_record``: it opens journal and MLflow run, says where training
begins, is sent every event, and returns the result. ``run_stack`` drives as many of them as train
side by side; a single run is a stack of one.
"""

import json
import logging
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import filelock
from threadpoolctl import threadpool_limits

from convsweep.config import RunConfig
from convsweep.data import Dataset, load
from convsweep.errors import UserError
from convsweep.figures import draw_figures
from convsweep.identity import code_digest, run_key
from convsweep.jobs import Began, Ended, Job, Tell
from convsweep.journal import Journal, Result, checkpoint_path, load_checkpoint, run_directory, writing
from convsweep.network import CNN, initial_parameters
from convsweep.provenance import provenance
from convsweep.tracking.names import config_tags, params, run_name
from convsweep.tracking.run import OUTCOME_TAG, REUSED_TAG, RUN_KEY_TAG, TrackedRun
from convsweep.tracking.store import connect
from convsweep.training import (
    Checkpoint,
    Diverged,
    EpochEnd,
    Evaluation,
    Event,
    Window,
    initialization_rng,
    order_rng,
    train,
)

log = logging.getLogger(__name__)


class _Heard(NamedTuple):
    event: Event
    seconds: float  # this run's share of the time spent training and evaluating, until now


class _Waiting(NamedTuple):
    """Another process writes the same record: to go on is to wait for it."""


_Asked = Checkpoint | _Waiting | None  # where training starts, patience, or the next event


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
    courses = [_record(job) for job in jobs]

    def advance(number: int, heard: _Heard | None = None) -> _Asked:
        """Let a job go on; return what it asks for, or None if it is over."""
        turn(number)
        try:
            return courses[number].send(heard)
        except StopIteration as stop:
            ended = Ended(_name(jobs[number]), stop.value, None)
        except Exception as error:  # noqa: BLE001 - told, not swallowed; the others go on
            ended = Ended(_name(jobs[number]), None, error)
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
        for number in (number for number, start in begun.items() if isinstance(start, _Waiting)):
            start = advance(number)
            if isinstance(start, Checkpoint):
                _train(jobs, {number: start}, advance, ends, tell)
    return [ended for ended in ends if ended is not None]


def _train(
    jobs: Sequence[Job],
    starts: dict[int, Checkpoint],
    advance: Callable[[int, _Heard], object],
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
        tell(number, Began(_name(jobs[number]), max(start.epoch, 0) * epoch_steps, last_step))
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
        advance(number, _Heard(event, seconds[number]))
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


def _record(job: Job) -> Generator[_Asked, _Heard | None, Result]:
    """Take a run down: journal, MLflow, figures, model.

    Yields:
        Where training starts, if there is anything to train; then it wants every event up to the run's last.
    """
    config, key = job.config, run_key(job.config)
    directory = run_directory(config.mlruns, key)
    tracked = TrackedRun(connect(config.mlruns, config.tracking.experiment))
    lock = filelock.FileLock(directory / "lock")
    try:
        tags = config_tags(config) | {RUN_KEY_TAG: key}
        tracked.begin(name=_name(job), params=params(config), tags=tags, provenance=provenance(), sweep=job.sweep)
        with writing(directory):
            directory.mkdir(parents=True, exist_ok=True)
        with ExitStack() as resources:
            try:
                lock.acquire(blocking=False)
            except filelock.Timeout:
                # another process, or job, with the same configuration: once it is through, its result is there
                yield _Waiting()
                lock.acquire()
            resources.callback(lock.release)
            journal = resources.enter_context(Journal(directory, config))
            result = yield from _keep(_name(job), config, journal, tracked)
    except Exception:
        tracked.end("FAILED")
        raise
    except BaseException:  # Ctrl-C, SIGTERM, or the coroutine is closed because of them
        tracked.end("KILLED")
        raise
    tracked.end("FINISHED")
    if tracked.trouble is not None:
        raise UserError(
            f"Run '{_name(job)}' is complete in '{directory}', but MLflow failed ({tracked.trouble}). "
            "The same command again will log it without training."
        )
    return result


def _keep(
    name: str, config: RunConfig, journal: Journal, tracked: TrackedRun
) -> Generator[_Asked, _Heard | None, Result]:
    """Bring a run to its result, whatever its journal already holds of it."""
    tracked.log_provenance(provenance())
    dataset = load(config.data)
    tracked.log_dataset(dataset)
    for event in journal.events:
        tracked.record(event, _checkpoint_of(event, journal))
    reused = journal.result
    result = reused or (yield from _follow(name, config, dataset, journal, tracked))
    if result.data_digest != dataset.digest:
        raise UserError(f"'{journal.directory}' was trained on other images than '{dataset.name}' now holds.")

    if journal.last_checkpoint is not None:  # there is none if the untrained network's loss was not finite
        if reused is None:
            first = load_checkpoint(checkpoint_path(journal.checkpoints, 0)).parameters
            last = journal.last_checkpoint.parameters
            draw_figures(journal.figures, config, dataset, journal.events, before=first, after=last)
        tracked.log_files(sorted(journal.figures.glob("*.png")), "figures")
        final = checkpoint_path(journal.checkpoints, journal.last_checkpoint.epoch)
        tracked.log_model(final)
    if reused is None:
        journal.finish(result)
    tracked.log_files([journal.directory / "config.yaml", journal.directory / "result.json"])
    tracked.log_scalars({"seconds": result.seconds})
    tracked.log_tags({OUTCOME_TAG: result.outcome, REUSED_TAG: str(reused is not None).lower()})
    log.info("%s", _summary(name, result, reused=reused is not None))
    return result


def _follow(
    name: str, config: RunConfig, dataset: Dataset, journal: Journal, tracked: TrackedRun
) -> Generator[_Asked, _Heard | None, Result]:
    """Record a run's training from its start, or from the last checkpoint on."""
    seconds = 0.0
    start = journal.last_checkpoint
    if start is None:
        start = _beginning(config)
    else:
        log.info("%s: goes on after epoch %d of %d", name, start.epoch, config.train.epochs)
    asked: _Asked = start
    over = start.epoch == config.train.epochs
    while not over:
        heard = yield asked
        assert heard is not None
        event, seconds = heard
        journal.record(event)
        tracked.record(event, _checkpoint_of(event, journal))
        asked = None
        over = isinstance(event, Diverged) or (isinstance(event, EpochEnd) and event.epoch == config.train.epochs)
    return _result(journal.events, seconds, dataset.digest)


def _beginning(config: RunConfig) -> Checkpoint:
    """Return what a run starts from that nothing has happened to: the epoch before epoch 0."""
    parameters = initial_parameters(
        config.model.num_filters,
        config.model.init_scale,
        rng=initialization_rng(config.train.seed),
        padding=config.model.padding,
        dtype=config.train.dtype,
    )
    return Checkpoint(-1, parameters, json.dumps(order_rng(config.train.order_seed).bit_generator.state))


def _name(job: Job) -> str:
    return run_name(job.config, job.varied)


def _result(events: Sequence[Event], seconds: float, data_digest: str) -> Result:
    evaluations = {event.split: event for event in events if isinstance(event, Evaluation)}  # the last of each
    valid, test = evaluations.get("valid"), evaluations.get("test")
    end = events[-1]
    return Result(
        outcome="diverged" if isinstance(end, Diverged) else "finished",
        epoch=end.epoch,
        step=end.step,
        valid_loss=valid and valid.loss,
        valid_accuracy=valid and valid.accuracy,
        test_loss=test and test.loss,
        test_accuracy=test and test.accuracy,
        seconds=round(seconds, 3),
        data_digest=data_digest,
        code_digest=code_digest(),
    )


def _checkpoint_of(event: Event, journal: Journal) -> Path | None:
    return checkpoint_path(journal.checkpoints, event.epoch) if isinstance(event, EpochEnd) else None


def _summary(name: str, result: Result, *, reused: bool) -> str:
    if result.outcome == "diverged":
        ending = f"diverged in epoch {result.epoch}, at step {result.step:,}"
    else:
        ending = f"valid accuracy {result.valid_accuracy:.2%}, test accuracy {result.test_accuracy:.2%}"
    time_spent = "trained before" if reused else f"{result.seconds:.1f} s"
    return f"{name}: {ending} ({time_spent})"
