"""Sweeps that something happens to while they train: how they are stopped for a moment, and what they must not do."""

from contextlib import contextmanager, suppress

import psutil

from convsweep.nn.training import EpochEnd
from convsweep.records.checkpoints import checkpoint_path
from convsweep.records.journal import read_record

LONG = (
    *("data.num_train=1000", "data.num_valid=50", "data.num_test=50", "train.epochs=40", "tracking.enabled=false"),
    *("model.num_filters=2,4", "train.seed=0,1"),
)


def written(workplace):
    """Return when each checkpoint was written that training can go on from: one that the record's events tell.

    A process that was stopped between a checkpoint and its event has left a file that is rightly written again.
    """
    records = [read_record(directory) for directory in workplace.records()]
    paths = [
        checkpoint_path(record.directory, event.epoch)
        for record in records
        for event in record.events
        if isinstance(event, EpochEnd)
    ]
    return {path: path.stat().st_mtime_ns for path in paths}


@contextmanager
def paused(workplace):
    """Have the processes that train stand still while the body runs, so that it needn't hurry; yield them."""
    files = {str(record / "events.jsonl") for record in workplace.records()}
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if files & {file.path for file in process.open_files()}:
                process.suspend()
                found.append(process)
    assert found
    try:
        yield found
    finally:
        for process in found:
            with suppress(psutil.NoSuchProcess):
                process.resume()


def assert_went_on(before, workplace):
    """Assert that no checkpoint that was there before has been written again."""
    assert before
    assert before.items() <= written(workplace).items()
