"""A run that was stopped goes on, and ends as if nothing had happened; a finished one is not trained again."""

import json
import shutil
import signal
from typing import Any, NamedTuple

import pytest

# shuffled, so that the order's random state must survive, and with windows that end in the middle of an epoch
RUN = ("train", "data.num_train=700", "data.num_valid=50", "data.num_test=50", "train.epochs=25", "train.shuffle=true")


def content(record):
    """Return what a record says of the run's course, apart from how long it took."""
    result = json.loads((record / "result.json").read_text())
    del result["seconds"]
    return result, (record / "events.jsonl").read_bytes()


def modified(record):
    """Return when each of the record's own files was last written."""
    files = [record / "config.yaml", record / "events.jsonl", record / "result.json"]
    files += [*record.glob("checkpoints/*"), *record.glob("figures/*")]
    return {str(path.relative_to(record)): path.stat().st_mtime_ns for path in files}


@pytest.fixture(scope="module")
def uninterrupted_and_stopped(new_workplace):
    """The run in one go, and the run stopped by SIGTERM in its course."""
    whole, stopped = new_workplace(), new_workplace()
    with whole.running(*RUN) as one, stopped.running(*RUN) as other:
        other.until(lambda: stopped.epochs_done() >= 1)
        other.send(signal.SIGTERM)
        assert other.end().status == 143
        assert one.end().status == 0
    return whole, stopped


@pytest.fixture(scope="module")
def uninterrupted(uninterrupted_and_stopped):
    return uninterrupted_and_stopped[0]


@pytest.fixture(scope="module")
def stopped(uninterrupted_and_stopped):
    return uninterrupted_and_stopped[1]


class Again(NamedTuple):
    """A run that was launched again."""

    workplace: Any
    ending: Any
    epoch: int  # the last one that its record told the end of


@pytest.fixture(scope="module")
def resumed_and_truncated(new_workplace, stopped):
    """Two copies of the stopped run, launched again: as it was, and with the last epoch's end cut off in the middle."""
    resumed, truncated = new_workplace(), new_workplace()
    shutil.copytree(stopped.mlruns, resumed.mlruns, dirs_exist_ok=True)
    shutil.copytree(stopped.mlruns / "runs", truncated.mlruns / "runs")
    epoch = stopped.epochs_done()
    (record,) = truncated.records()
    text = (record / "events.jsonl").read_text()
    line = next(line for line in text.splitlines() if f'"epoch_end", "epoch": {epoch},' in line)
    (record / "events.jsonl").write_text(text[: text.index(line) + len(line) // 2])
    assert truncated.epochs_done() == epoch - 1
    with resumed.running(*RUN) as one, truncated.running(*RUN) as other:
        endings = one.end(), other.end()
    assert [ending.status for ending in endings] == [0, 0], [ending.err for ending in endings]
    return Again(resumed, endings[0], epoch), Again(truncated, endings[1], epoch - 1)


@pytest.fixture(scope="module")
def resumed(resumed_and_truncated):
    return resumed_and_truncated[0]


@pytest.fixture(scope="module")
def truncated(resumed_and_truncated):
    return resumed_and_truncated[1]


class TestResumedRun:
    """Stopped and launched again, compared with the same run in one go, bit for bit."""

    def test_it_was_stopped_halfway(self, stopped):
        assert 1 <= stopped.epochs_done() < 25

    def test_it_goes_on_where_it_was(self, stopped, resumed):
        assert resumed.epoch == stopped.epochs_done()
        assert f"goes on after epoch {resumed.epoch} of 25" in resumed.ending.out

    def test_every_checkpoint_is_the_same(self, resumed, uninterrupted, digests_of):
        (one,), (other,) = resumed.workplace.records(), uninterrupted.records()
        assert one.name == other.name
        assert digests_of(one) == digests_of(other)

    def test_result_and_events_are_the_same(self, resumed, uninterrupted):
        (one,), (other,) = resumed.workplace.records(), uninterrupted.records()
        assert content(one) == content(other)

    def test_its_new_run_in_the_store_has_the_whole_history(self, resumed, uninterrupted):
        first, second = resumed.workplace.runs()
        (whole,) = uninterrupted.runs()
        assert [first.status, second.status] == ["KILLED", "FINISHED"]
        assert [point for point in second.history if point[0] != "seconds"] == [
            point for point in whole.history if point[0] != "seconds"
        ]
        assert second.files() - {"environment/uncommitted.diff"} == whole.files() - {"environment/uncommitted.diff"}
        assert second.tags["convsweep.reused"] == "false"


class TestTruncatedRecord:
    """A power cut in the middle of a line."""

    def test_the_epoch_whose_end_is_not_told_is_trained_again(self, truncated):
        assert f"goes on after epoch {truncated.epoch} of 25" in truncated.ending.out

    def test_the_end_is_the_same(self, truncated, uninterrupted, digests_of):
        (one,), (other,) = truncated.workplace.records(), uninterrupted.records()
        assert content(one) == content(other)
        assert digests_of(one) == digests_of(other)


class TestFinishedRun:
    """The same command again."""

    @pytest.fixture(scope="class")
    @classmethod
    def repeated(cls, uninterrupted):
        """The finished run launched again: when its files were written before and after, and what was said."""
        (record,) = uninterrupted.records()
        before = modified(record)
        ending = uninterrupted.convsweep(*RUN)
        assert ending.status == 0, ending.err
        return before, modified(record), ending

    def test_its_record_is_not_touched(self, repeated):
        before, after, _ = repeated
        assert len(before) == 3 + 26 + 5
        assert {name for name in after if after[name] != before.get(name)} == set()

    def test_it_says_that_it_was_trained_before(self, repeated):
        assert "(trained before)" in repeated[2].out

    def test_it_is_logged_as_a_run_of_its_own_with_all_the_first_had(self, repeated, uninterrupted):
        assert repeated[2].status == 0
        first, second = uninterrupted.runs()
        assert second.status == "FINISHED"
        assert second.tags["convsweep.reused"] == "true"
        assert second.tags["convsweep.outcome"] == "finished"
        assert second.history == first.history
        assert second.files() == first.files()
