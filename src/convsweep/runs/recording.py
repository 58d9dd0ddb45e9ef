"""A run's own course, from its configuration to its result: where journal, tracking and figures meet.

``record`` is a coroutine: it opens journal and MLflow run, says where training starts, is sent every
event, and returns the result. It knows nothing of who trains, or beside which other runs.
"""

import json
import logging
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import filelock

from convsweep.config import RunConfig
from convsweep.data import Dataset, load
from convsweep.errors import UserError
from convsweep.nn.network import initial_parameters
from convsweep.nn.training import Checkpoint, Diverged, EpochEnd, Evaluation, Event, initialization_rng, order_rng
from convsweep.pictures.figures import draw_figures
from convsweep.records.identity import code_digest, run_key
from convsweep.records.journal import Journal, Result, checkpoint_path, load_checkpoint, run_directory, writing
from convsweep.records.provenance import provenance
from convsweep.runs.jobs import Job
from convsweep.tracking.names import config_tags, params, run_name
from convsweep.tracking.run import OUTCOME_TAG, REUSED_TAG, RUN_KEY_TAG, TrackedRun
from convsweep.tracking.store import connect

log = logging.getLogger(__name__)


class Heard(NamedTuple):
    """What a course is sent: an event, and when."""

    event: Event
    seconds: float  # this run's share of the time spent training and evaluating, until now


class Waiting(NamedTuple):
    """Another process writes the same record: to go on is to wait for it."""


Asked = Checkpoint | Waiting | None  # where training starts, patience, or the next event


def record(job: Job) -> Generator[Asked, Heard | None, Result]:
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
        tracked.begin(name=job_name(job), params=params(config), tags=tags, provenance=provenance(), sweep=job.sweep)
        with writing(directory):
            directory.mkdir(parents=True, exist_ok=True)
        with ExitStack() as resources:
            try:
                lock.acquire(blocking=False)
            except filelock.Timeout:
                # another process, or job, with the same configuration: once it is through, its result is there
                yield Waiting()
                lock.acquire()
            resources.callback(lock.release)
            journal = resources.enter_context(Journal(directory, config))
            result = yield from _keep(job_name(job), config, journal, tracked)
    except Exception:
        tracked.end("FAILED")
        raise
    except BaseException:  # Ctrl-C, SIGTERM, or the coroutine is closed because of them
        tracked.end("KILLED")
        raise
    tracked.end("FINISHED")
    if tracked.trouble is not None:
        raise UserError(
            f"Run '{job_name(job)}' is complete in '{directory}', but MLflow failed ({tracked.trouble}). "
            "The same command again will log it without training."
        )
    return result


def _keep(
    name: str, config: RunConfig, journal: Journal, tracked: TrackedRun
) -> Generator[Asked, Heard | None, Result]:
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
) -> Generator[Asked, Heard | None, Result]:
    """Record a run's training from its start, or from the last checkpoint on."""
    seconds = 0.0
    start = journal.last_checkpoint
    if start is None:
        start = _beginning(config)
    else:
        log.info("%s: goes on after epoch %d of %d", name, start.epoch, config.train.epochs)
    asked: Asked = start
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


def job_name(job: Job) -> str:
    """Return a job's short name, of what varies in its sweep."""
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
