"""One run from its configuration to its result: where training, journal, tracking and figures meet."""

import json
import logging
import time
from collections.abc import Sequence
from pathlib import Path

import filelock
from threadpoolctl import threadpool_limits

from convsweep.config import RunConfig
from convsweep.data import Dataset, load
from convsweep.errors import UserError
from convsweep.figures import draw_figures
from convsweep.identity import code_digest, run_key
from convsweep.journal import Journal, Result, checkpoint_path, load_checkpoint, run_directory, writing
from convsweep.network import CNN, Parameters, initial_parameters
from convsweep.progress import terminal
from convsweep.provenance import provenance
from convsweep.tracking.names import config_tags, params, run_name
from convsweep.tracking.run import OUTCOME_TAG, REUSED_TAG, RUN_KEY_TAG, TrackedRun
from convsweep.tracking.store import connect
from convsweep.tracking.sweep import Sweep
from convsweep.training import Diverged, EpochEnd, Evaluation, Event, initialization_rng, order_rng, train

log = logging.getLogger(__name__)


def run(config: RunConfig, varied: Sequence[str] = (), sweep: Sweep | None = None) -> Result:
    """Train as configured, or take up what the run's directory already holds, and log it all to MLflow.

    Args:
        config: What to run.
        varied: The configuration keys to name the run by.
        sweep: The sweep it is a job of, if it is one.

    Returns:
        How it ended. A run that diverges has ended well: that is its result.

    Raises:
        UserError: Data, disk or MLflow fail. What was trained is kept.
    """
    key = run_key(config)
    name = run_name(config, varied)
    directory = run_directory(config.mlruns, key)
    store = connect(config.mlruns, config.tracking.experiment)
    tracked = TrackedRun(store)
    try:
        tracked.begin(name=name, params=params(config), tags=config_tags(config) | {RUN_KEY_TAG: key}, sweep=sweep)
        with writing(directory):
            directory.mkdir(parents=True, exist_ok=True)
        # another process with the same configuration waits here, and then finds the run finished
        with filelock.FileLock(directory / "lock"), Journal(directory, config) as journal:
            result = _run(config, name, journal, tracked)
    except Exception:
        tracked.end("FAILED")
        raise
    except BaseException:  # Ctrl-C, SIGTERM
        tracked.end("KILLED")
        raise
    tracked.end("FINISHED")
    terminal.job_done()
    if tracked.trouble is not None:
        raise UserError(
            f"Run '{name}' is complete in '{directory}', but MLflow failed ({tracked.trouble}). "
            "The same command again will log it without training."
        )
    return result


def _run(config: RunConfig, name: str, journal: Journal, tracked: TrackedRun) -> Result:
    tracked.log_provenance(provenance())
    dataset = load(config.data)
    tracked.log_dataset(dataset)
    for event in journal.events:
        tracked.record(event, _checkpoint_of(event, journal))
    reused = journal.result
    result = reused or _train(config, name, dataset, journal, tracked)
    if result.data_digest != dataset.digest:
        raise UserError(f"'{journal.directory}' was trained on other images than '{dataset.name}' now holds.")

    if journal.last_checkpoint is not None:  # there is none if the untrained network's loss was not finite
        if reused is None:
            first = load_checkpoint(checkpoint_path(journal.checkpoints, 0)).parameters
            last = journal.last_checkpoint.parameters
            draw_figures(journal.figures, config, dataset, journal.events, before=first, after=last)
        tracked.log_files(sorted(journal.figures.glob("*.png")), "figures")
        final = checkpoint_path(journal.checkpoints, journal.last_checkpoint.epoch)
        tracked.log_model(final, dataset.splits.test.images[:1])
    if reused is None:
        journal.finish(result)
    tracked.log_files([journal.directory / "config.yaml", journal.directory / "result.json"])
    tracked.log_scalars({"seconds": result.seconds})
    tracked.log_tags({OUTCOME_TAG: result.outcome, REUSED_TAG: str(reused is not None).lower()})
    log.info("%s", _summary(name, result, reused=reused is not None))
    return result


def _train(config: RunConfig, name: str, dataset: Dataset, journal: Journal, tracked: TrackedRun) -> Result:
    """Train from the start or from the last checkpoint; record everything."""
    rng = order_rng(config.train.order_seed)
    checkpoint = journal.last_checkpoint
    if checkpoint is None:
        first_epoch, parameters = 0, _initial_parameters(config)
    else:
        first_epoch, parameters = checkpoint.epoch + 1, checkpoint.parameters
        rng.bit_generator.state = json.loads(checkpoint.order_state)
        log.info("%s: goes on after epoch %d of %d", name, checkpoint.epoch, config.train.epochs)
    network = CNN(
        [parameters],
        [config.train.learning_rate],
        padding=config.model.padding,
        ties=config.train.ties,
        gradient=config.train.gradient,
        frozen=config.train.frozen,
    )
    events = train(
        network,
        dataset.splits,
        epochs=[config.train.epochs],
        shuffle=config.train.shuffle,
        rng=rng,
        window=config.train.window,
        first_epoch=first_epoch,
    )
    seen = max(first_epoch - 1, 0) * config.data.num_train
    begun = time.perf_counter()
    with threadpool_limits(1):  # the products are too small to share
        for event in terminal.watch(
            events, name, epochs=config.train.epochs, num_train=config.data.num_train, seen=seen
        ):
            journal.record(event)
            tracked.record(event, _checkpoint_of(event, journal))
    return _result(journal.events, time.perf_counter() - begun, dataset.digest)


def _initial_parameters(config: RunConfig) -> Parameters:
    return initial_parameters(
        config.model.num_filters,
        config.model.init_scale,
        rng=initialization_rng(config.train.seed),
        padding=config.model.padding,
        dtype=config.train.dtype,
    )


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
