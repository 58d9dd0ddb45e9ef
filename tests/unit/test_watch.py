"""Progress, found by reading records while they are written."""

import os
import shutil

import filelock
import pytest
from configurations import small_job, small_sweep

from convsweep.nn.training import Diverged, EpochEnd, Evaluation
from convsweep.records.anew import begin_anew, take_place
from convsweep.records.journal import Failure, Journal, anew_directory, read_record, write_failure
from convsweep.records.locks import run_lock
from convsweep.records.sweep import SweepJob, write_sweep
from convsweep.runs import watch
from convsweep.runs.stack import run_stack
from convsweep.runs.watch import JobEnd, JobProgress, Rest, Watch, summary


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    job = small_job(tmp_path_factory.mktemp("mlruns"))
    assert run_stack([job]) == {}
    return job


def listed(job, name="seed=0"):
    return SweepJob(job.number, name, job.run_key, 180)


def put(job, content):
    job.directory.mkdir(parents=True, exist_ok=True)
    (job.directory / "events.jsonl").write_bytes(content)


def test_a_job_is_followed_event_by_event(finished, tmp_path):
    job = small_job(tmp_path)
    progress = JobProgress(tmp_path, listed(job))
    progress.poll()
    assert (progress.has_begun, progress.step, progress.end) == (False, 0, None)
    content = (finished.directory / "events.jsonl").read_bytes()
    lines = content.splitlines(keepends=True)
    record = read_record(finished.directory)
    for number, event in enumerate(record.events, start=1):
        put(job, b"".join(lines[:number]))
        progress.poll()
        assert progress.has_begun
        assert progress.step >= event.step - 1
        if isinstance(event, Evaluation) and event.split == "valid":
            assert progress.valid_accuracy == event.accuracy
        if isinstance(event, EpochEnd):
            assert progress.step == event.step == 60 * event.epoch
        assert progress.end is None
    shutil.copy(finished.directory / "result.json", job.directory)
    progress.poll()
    assert progress.end == JobEnd(listed(job), record.result, None)


def test_a_job_that_goes_on_from_an_earlier_epoch_is_shown_where_it_is(finished, tmp_path):
    job = small_job(tmp_path)
    progress = JobProgress(tmp_path, listed(job))
    lines = (finished.directory / "events.jsonl").read_bytes().splitlines(keepends=True)
    put(job, b"".join(lines[:10]))
    progress.poll()
    assert progress.step > 60
    shutil.copytree(finished.directory / "checkpoints", job.directory / "checkpoints")
    (job.directory / "checkpoints" / "epoch_001.npz").unlink()
    Journal(job.directory, job.config).close()
    progress.poll()
    assert progress.step == 0


def test_a_failed_job_has_ended_and_one_with_a_damaged_result_has_not(finished, tmp_path):
    shutil.copytree(finished.directory, small_job(tmp_path).directory)
    jobs = [small_job(tmp_path), small_job(tmp_path, 1, {"train.seed": 1}), small_job(tmp_path, 2, {"train.seed": 2})]
    (jobs[0].directory / "result.json").write_bytes(b"{}")
    write_failure(jobs[1].directory, Failure("UserError", "no data", "", 1.0))
    watch = Watch(tmp_path, small_sweep(jobs), [listed(job) for job in jobs])
    (end,) = watch.poll()
    assert (end.job.number, end.failure.text) == (1, "no data")
    assert watch.poll() == []


def test_a_job_that_is_trained_anew_ends_once_its_record_has_taken_the_place_of_the_earlier(finished, tmp_path):
    job = small_job(tmp_path)
    shutil.copytree(finished.directory, job.directory)
    begin_anew(tmp_path, job.run_key)
    watch = Watch(tmp_path, small_sweep([job], rerun=True), [listed(job)])
    assert watch.poll() == []
    shutil.copytree(finished.directory, anew_directory(tmp_path, job.run_key), dirs_exist_ok=True)
    assert watch.poll() == []
    assert watch.jobs[0].step == 180
    take_place(tmp_path, job.run_key)
    (end,) = watch.poll()
    assert end.result == read_record(job.directory).result


def test_the_best_job_so_far_is_the_one_with_the_best_valid_accuracy(finished, tmp_path):
    jobs = [small_job(tmp_path, number, {"train.seed": number}) for number in range(3)]
    watch = Watch(tmp_path, small_sweep(jobs), [listed(job) for job in jobs])
    assert watch.best is None
    lines = (finished.directory / "events.jsonl").read_bytes().splitlines(keepends=True)
    put(jobs[0], lines[0])
    put(jobs[1], b"".join(lines))
    assert watch.poll() == []
    accuracies = [progress.valid_accuracy for progress in watch.jobs]
    assert accuracies[2] is None
    assert accuracies[1] > accuracies[0]
    assert watch.best is watch.jobs[1]


def test_a_job_that_diverged_is_never_the_best_whatever_its_last_accuracy(tmp_path):
    job = small_job(tmp_path, 0, {"train.learning_rate": 1e30})
    assert run_stack([job]) == {}
    watch = Watch(tmp_path, small_sweep([job]), [listed(job)])
    assert [end.result.outcome for end in watch.poll()] == ["diverged"]
    assert watch.jobs[0].valid_accuracy is not None
    assert watch.best is None


def test_a_job_is_summed_up_in_one_line(finished):
    result = read_record(finished.directory).result._replace(valid_accuracy=0.5, test_accuracy=0.25, seconds=1.25)
    job = listed(finished)
    sweep = small_sweep([finished], finished.sweep)
    end = JobEnd(job, result, None)
    assert summary(end, sweep) == "seed=0: valid accuracy 50.00%, test accuracy 25.00% (1.2 s)"
    other = sweep._replace(id="other")
    assert summary(end, other).endswith(f"(trained by {finished.sweep})")
    lost = result._replace(outcome="diverged", epoch=2, step=1234)
    assert summary(JobEnd(job, lost, None), sweep) == "seed=0: diverged in epoch 2, at step 1,234 (1.2 s)"
    failed = JobEnd(job, None, Failure("UserError", "no data", "", 1.0))
    assert summary(failed, sweep) == "seed=0: failed: no data"


def test_a_run_that_diverges_is_followed_to_its_end(tmp_path):
    job = small_job(tmp_path, 0, {"train.learning_rate": 1e30})
    assert run_stack([job]) == {}
    progress = JobProgress(tmp_path, listed(job))
    progress.poll()
    assert isinstance(read_record(job.directory).events[-1], Diverged)
    assert progress.end.result.outcome == "diverged"


class TestRest:
    @pytest.fixture
    def job(self, tmp_path, monkeypatch):
        """A job that has begun, of a sweep that was left to a cluster."""
        monkeypatch.setattr(watch, "QUIET", 0)
        job = small_job(tmp_path)
        put(job, b"")
        return job

    @pytest.fixture
    def rest(self, job, tmp_path):
        sweep = small_sweep([job], state="detached")
        write_sweep(tmp_path, sweep)
        return Rest(tmp_path, sweep)

    def test_a_sweep_is_at_rest_once_nothing_is_written_and_no_process_is_at_its_runs(self, tmp_path, job, rest):
        path = run_lock(tmp_path, job.run_key)
        path.parent.mkdir()
        with filelock.FileLock(path):
            assert rest.look() is None
        assert rest.look() is not None

    def test_a_rest_is_noticed_once_and_again_after_something_was_written(self, job, rest):
        assert rest.look() is not None
        assert rest.look() is None
        os.utime(job.directory / "events.jsonl", (4e9, 4e9))  # by a host whose clock is decades ahead
        assert rest.look() is None
        assert rest.look() == 4e9

    def test_nothing_is_said_before_some_time_has_passed(self, rest, monkeypatch):
        monkeypatch.setattr(watch, "QUIET", 1e9)
        assert rest.look() is None
