"""``checkpoints=last``: a run keeps its last checkpoint only, can still be gone on with, and ends in the same bits."""

import itertools
import shutil

import numpy as np
import pytest
from configurations import small_job

from convsweep.data import load
from convsweep.nn.training import EpochEnd
from convsweep.records.checkpoints import checkpoint_path
from convsweep.records.journal import Journal, read_record
from convsweep.runs.stack import run_stack
from convsweep.runs.training import beginning, train_together

EPOCHS = 3


def job(folder, checkpoints):
    return small_job(folder, changes={"checkpoints": checkpoints, "train.epochs": EPOCHS})


def kept(directory):
    return sorted(path.name for path in (directory / "checkpoints").iterdir())


def content(path):
    with np.load(path) as file:
        return {name: file[name].tolist() for name in file.files}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The same run with all of its checkpoints."""
    whole = job(tmp_path_factory.mktemp("all"), "all")
    assert run_stack([whole]) == {}
    return whole


def begin(to_begin, num_events, checkpoints="last"):
    """Train a run until so many events are recorded, and leave it there as a kill would."""
    config = to_begin.config.model_copy(update={"checkpoints": checkpoints})
    to_begin.directory.mkdir(parents=True, exist_ok=True)
    journal = Journal(to_begin.directory, config)
    events = train_together([config], [beginning(config)], load(config.data).splits)
    for _, event in itertools.islice(events, num_events):
        journal.write(event, seconds=0.0)
    journal.close()


def assert_same_end(run, undisturbed):
    """Compare what a run came to with the undisturbed one's."""
    record, whole = read_record(run.directory), read_record(undisturbed.directory)
    assert record.damage == ()
    assert [entry.event for entry in record.entries] == [entry.event for entry in whole.entries]
    last = checkpoint_path(run.directory, EPOCHS)
    assert content(last) == content(checkpoint_path(undisturbed.directory, EPOCHS))
    figures = sorted(path.name for path in (undisturbed.directory / "figures").iterdir())
    for name in figures:
        assert (run.directory / "figures" / name).read_bytes() == (
            undisturbed.directory / "figures" / name
        ).read_bytes(), name


def test_where_checkpoints_are_kept_does_not_enter_the_run_key(tmp_path):
    assert job(tmp_path, "all").run_key == job(tmp_path, "last").run_key


def test_a_run_that_keeps_its_last_checkpoint_only_ends_as_one_that_keeps_all(tmp_path, undisturbed):
    run = job(tmp_path, "last")
    assert run_stack([run]) == {}
    assert kept(run.directory) == [f"epoch_{EPOCHS:03d}.npz"]
    assert_same_end(run, undisturbed)


@pytest.mark.parametrize("num_events", range(1, 17))
def test_a_run_stopped_after_any_event_goes_on_from_its_last_finished_epoch(tmp_path, undisturbed, num_events):
    run = job(tmp_path, "last")
    begin(run, num_events)
    found = read_record(run.directory)
    finished = [event.epoch for event in found.events if isinstance(event, EpochEnd)]
    assert found.last_epoch == max(finished, default=None)
    assert found.damage == ()
    assert len(kept(run.directory)) == min(len(finished), 1)
    assert run_stack([run]) == {}
    assert kept(run.directory) == [f"epoch_{EPOCHS:03d}.npz"]
    assert_same_end(run, undisturbed)


def num_events_until(undisturbed, epoch):
    """Count the events up to the end of an epoch."""
    ends = [
        place for place, event in enumerate(read_record(undisturbed.directory).events) if isinstance(event, EpochEnd)
    ]
    return ends[epoch] + 1


@pytest.mark.parametrize("epoch", range(1, EPOCHS + 1))
def test_a_kill_between_an_epochs_event_and_the_removal_of_the_earlier_checkpoint_loses_nothing(
    tmp_path, undisturbed, epoch
):
    run = job(tmp_path, "last")
    begin(run, num_events_until(undisturbed, epoch))
    earlier = checkpoint_path(run.directory, epoch - 1)
    shutil.copy(checkpoint_path(undisturbed.directory, epoch - 1), earlier)
    assert read_record(run.directory).last_epoch == epoch
    assert run_stack([run]) == {}
    assert kept(run.directory) == [f"epoch_{EPOCHS:03d}.npz"]
    assert_same_end(run, undisturbed)


@pytest.mark.parametrize("epoch", range(1, EPOCHS + 1))
def test_a_kill_between_a_checkpoint_and_its_event_costs_that_epoch_only(tmp_path, undisturbed, epoch):
    run = job(tmp_path, "last")
    begin(run, num_events_until(undisturbed, epoch) - 1)
    shutil.copy(checkpoint_path(undisturbed.directory, epoch), checkpoint_path(run.directory, epoch))
    assert read_record(run.directory).last_epoch == epoch - 1
    assert run_stack([run]) == {}
    assert_same_end(run, undisturbed)


@pytest.mark.parametrize(("before", "after"), [("all", "last"), ("last", "all")])
def test_a_run_may_go_on_with_the_other_choice(tmp_path, undisturbed, before, after):
    run = job(tmp_path, after)
    begin(run, num_events_until(undisturbed, 1), before)
    assert run_stack([run]) == {}
    expected = range(EPOCHS, EPOCHS + 1) if after == "last" else range(1, EPOCHS + 1)
    assert kept(run.directory) == [f"epoch_{epoch:03d}.npz" for epoch in expected]
    assert_same_end(run, undisturbed)


def test_a_damaged_last_checkpoint_is_named_and_the_run_trained_from_the_start(tmp_path, undisturbed):
    run = job(tmp_path, "last")
    begin(run, num_events_until(undisturbed, 2))
    path = checkpoint_path(run.directory, 2)
    path.write_bytes(path.read_bytes()[:-1])
    found = read_record(run.directory)
    assert (found.last_epoch, found.damage) == (None, (f"'{path}' is damaged.",))
    assert run_stack([run]) == {}
    assert_same_end(run, undisturbed)


def test_a_checkpoint_of_a_run_that_keeps_all_is_still_missed(tmp_path):
    run = job(tmp_path, "all")
    assert run_stack([run]) == {}
    path = checkpoint_path(run.directory, 1)
    path.unlink()
    assert read_record(run.directory).damage == (f"'{path}' is missing.",)
