"""A run that was stopped goes on, and ends as if nothing had happened; a finished one is not trained again."""

import json
import shutil
import signal
from typing import Any, NamedTuple

import pytest

# shuffled, so that the order's random state must survive, and with windows that end in the middle of an epoch
EPOCHS = 60  # a second and a half of training, to be stopped in
FEW = ("data.num_train=700", "data.num_valid=50", "data.num_test=50")
RUN = ("train", *FEW, f"train.epochs={EPOCHS}", "train.shuffle=true")


OWN = ("seconds", "time", "sweep", "config_sha256", "attempts", "events_crc", "crc32")  # what no two runs share


def result_of(record):
    """Return what a run came to, apart from when, where and in which time."""
    result = json.loads((record / "result.json").read_text())
    return {name: value for name, value in result.items() if name not in OWN}


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
        assert 1 <= stopped.epochs_done() < EPOCHS

    def test_it_goes_on_where_it_was(self, stopped, resumed):
        assert resumed.epoch == stopped.epochs_done()
        assert f"goes on after epoch {resumed.epoch} of {EPOCHS}" in resumed.ending.out

    def test_every_checkpoint_is_the_same(self, resumed, uninterrupted, digests_of):
        (one,), (other,) = resumed.workplace.records(), uninterrupted.records()
        assert one.name == other.name
        assert digests_of(one) == digests_of(other)

    def test_result_and_events_are_the_same(self, resumed, uninterrupted, events_of):
        (one,), (other,) = resumed.workplace.records(), uninterrupted.records()
        assert result_of(one) == result_of(other)
        assert events_of(one) == events_of(other)

    def test_mlflow_shows_one_run_which_has_the_whole_history(self, resumed, uninterrupted):
        (run,), (whole,) = resumed.workplace.runs(), uninterrupted.runs()
        assert run.status == "FINISHED"
        assert sorted(point for point in run.history if point[0] != "seconds") == sorted(
            point for point in whole.history if point[0] != "seconds"
        )
        assert run.files() - {"environment/uncommitted.diff"} == whole.files() - {"environment/uncommitted.diff"}
        assert run.tags["convsweep.reused"] == "false"

    def test_it_is_the_same_launch_that_goes_on(self, stopped, resumed):
        assert [sweep["id"] for sweep in resumed.workplace.sweeps()] == [sweep["id"] for sweep in stopped.sweeps()]


class TestTruncatedRecord:
    """A power cut in the middle of a line."""

    def test_the_epoch_whose_end_is_not_told_is_trained_again(self, truncated):
        assert f"goes on after epoch {truncated.epoch} of {EPOCHS}" in truncated.ending.out

    def test_the_end_is_the_same(self, truncated, uninterrupted, digests_of, events_of):
        (one,), (other,) = truncated.workplace.records(), uninterrupted.records()
        assert result_of(one) == result_of(other)
        assert events_of(one) == events_of(other)
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
        assert len(before) == 3 + (EPOCHS + 1) + 5
        assert {name for name in after if after[name] != before.get(name)} == set()

    def test_it_says_that_it_was_finished_before(self, repeated):
        assert "finished before" in repeated[2].out

    def test_mlflow_gets_no_second_run_of_it(self, repeated, uninterrupted):
        assert repeated[2].status == 0
        assert [run.status for run in uninterrupted.runs()] == ["FINISHED"]


class TestTrainingAnew:
    """``rerun=true``."""

    @pytest.fixture(scope="class")
    @classmethod
    def again(cls, new_workplace, digests_of):
        """A sweep run twice, the second time anew: its results and modification times before and after."""
        workplace = new_workplace()
        assert workplace.sweep("train.seed=0,1").status == 0
        before = {record: (digests_of(record), modified(record)) for record in workplace.records()}
        ending = workplace.sweep("train.seed=0,1", "rerun=true")
        assert ending.status == 0, ending.err
        return workplace, before, ending

    def test_every_file_is_written_anew_with_the_same_bits(self, again, digests_of):
        workplace, before, _ = again
        for record in workplace.records():
            digests, times = before[record]
            assert digests_of(record) == digests
            assert all(times[name] < time for name, time in modified(record).items())

    def test_it_is_a_new_sweep_beside_the_old_one(self, again):
        workplace, _, _ = again
        assert [sweep["rerun"] for sweep in workplace.sweeps()] == [False, True]
        assert len(workplace.runs("sweep")) == 2
        assert len(workplace.runs()) == 4

    def test_given_without_rerun_the_command_finds_all_jobs_finished(self, again):
        ending = again[0].sweep("train.seed=0,1")
        assert (ending.status, ending.err) == (0, "")
        assert "all 2 jobs are finished" in ending.out


class TestSweepThatIsRepeated:
    """A sweep's identity is its set of jobs."""

    @pytest.fixture(scope="class")
    @classmethod
    def workplace(cls, new_workplace):
        workplace = new_workplace()
        assert workplace.sweep("train.seed=0,1", "model.num_filters=2,3").status == 0
        return workplace

    def test_axes_in_another_order_are_the_same_sweep(self, workplace):
        ending = workplace.sweep("model.num_filters=3,2", "train.seed=1,0")
        assert (ending.status, ending.err) == (0, "")
        assert "all 4 jobs are finished" in ending.out
        assert len(workplace.sweeps()) == 1

    def test_jobs_that_another_sweep_finished_are_taken_over(self, workplace):
        ending = workplace.sweep(
            "train.seed=0,1,2", "model.num_filters=2,3", 'hydra.sweep.dir="elsewhere/bob\'s sweep"'
        )
        assert (ending.status, ending.err) == (0, "")
        assert "6 jobs: 2 to train, 4 finished before" in ending.out
        first, second = (sweep["id"] for sweep in workplace.sweeps())
        runs = [run for run in workplace.runs() if run.tags["convsweep.sweep"] == second]
        assert sorted(run.tags["convsweep.reused"] for run in runs) == ["false"] * 2 + ["true"] * 4
        assert len(workplace.runs()) == 10
        table = workplace.convsweep("compare", "--runs", "--sweep", first).out
        assert table.count("finished") == 4
