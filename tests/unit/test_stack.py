"""A stack of jobs, brought to their results by one process: each has its own record and fails alone."""

import json
import shutil
import zlib
from threading import Thread

import filelock
import pytest
from configurations import MNIST, small_job

from convsweep.errors import UserError
from convsweep.nn.training import Diverged, EpochEnd
from convsweep.records.events import CHECKSUM, EVENT_NAMES
from convsweep.records.files import DamagedError
from convsweep.records.journal import Journal, read_failure, read_record, read_result
from convsweep.records.locks import run_lock
from convsweep.runs.stack import record_failure, run_stack

SWEEP: list[dict[str, object]] = [
    {"train.seed": 1},
    {"train.learning_rate": 0.05, "train.epochs": 2},
    {"model.init_scale": 3.0},
]


def contents(record):
    """Return all of a run's numbers: events without their times, and every checkpoint's digest."""
    return [(entry.event, entry.checkpoint_sha256) for entry in record.entries]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Each job of the sweep, trained alone: its numbers."""
    jobs = [small_job(tmp_path_factory.mktemp("alone"), number, own) for number, own in enumerate(SWEEP)]
    for job in jobs:
        assert run_stack([job]) == {}
    return [contents(read_record(job.directory)) for job in jobs]


def test_the_jobs_of_a_stack_have_the_records_of_jobs_trained_alone(tmp_path, alone):
    jobs = [small_job(tmp_path, number, own) for number, own in enumerate(SWEEP)]
    assert run_stack(jobs) == {}
    for job, expected in zip(jobs, alone, strict=True):
        record = read_record(job.directory)
        assert (record.result.outcome, record.result.sweep, record.damage) == ("finished", job.sweep, ())
        assert contents(record) == expected
        assert len(list((job.directory / "figures").glob("*.png"))) == 5


def test_jobs_that_go_on_from_different_epochs_end_in_the_same_bits(tmp_path, alone):
    """One is finished, one was stopped after its last epoch, one in its first."""
    jobs = [small_job(tmp_path, number, own) for number, own in enumerate(SWEEP)]
    assert run_stack(jobs) == {}
    finished = (jobs[0].directory / "result.json").read_bytes()
    for job in jobs[1:]:
        (job.directory / "result.json").unlink()
    events = jobs[2].directory / "events.jsonl"
    events.write_bytes(b"".join(events.read_bytes().splitlines(keepends=True)[:4]))
    assert run_stack(jobs) == {}
    assert (jobs[0].directory / "result.json").read_bytes() == finished
    assert [contents(read_record(job.directory)) for job in jobs] == alone


def seconds(job):
    """Return how long a run has trained at each of its events."""
    return [entry.seconds for entry in read_record(job.directory).entries]


def test_a_runs_time_is_that_of_all_attempts_and_grows_with_every_event(tmp_path):
    job = small_job(tmp_path)
    assert run_stack([job]) == {}
    before, result = seconds(job), read_result(job.directory)
    assert before == sorted(before)
    assert result.seconds == round(before[-1], 3) > 0
    (job.directory / "result.json").unlink()
    assert run_stack([job]) == {}
    assert seconds(job) == before
    assert read_result(job.directory).seconds == result.seconds
    (job.directory / "result.json").unlink()
    events = job.directory / "events.jsonl"
    events.write_bytes(b"".join(events.read_bytes().splitlines(keepends=True)[:-4]))
    kept = len(read_record(job.directory).entries)
    assert run_stack([job]) == {}
    assert seconds(job)[:kept] == before[:kept]
    assert seconds(job)[kept] > before[kept - 1]
    assert seconds(job) == sorted(seconds(job))


def test_the_members_of_a_stack_share_its_time(tmp_path):
    jobs = [small_job(tmp_path, number, {"train.seed": number}) for number in range(3)]
    assert run_stack(jobs) == {}
    shares = [read_result(job.directory).seconds for job in jobs]
    assert shares == pytest.approx([shares[0]] * 3, abs=0.002)


def test_an_older_record_whose_events_have_no_seconds_is_timed_by_the_clock(tmp_path):
    job = small_job(tmp_path)
    assert run_stack([job]) == {}
    crc, lines = 0, []
    for number, entry in enumerate(read_record(job.directory).entries):
        fields = {"event": EVENT_NAMES[type(entry.event)], **entry.event._asdict(), "time": 100.0 + number}
        if isinstance(entry.event, EpochEnd):
            fields["checkpoint"] = entry.checkpoint_sha256
        body = json.dumps(fields)
        crc = zlib.crc32(body.encode(), crc)
        lines.append(f'{body[:-1]}{CHECKSUM}{crc:08x}"}}\n')
    (job.directory / "events.jsonl").write_text("".join(lines))
    assert run_stack([job]) == {}
    record = read_record(job.directory)
    assert {entry.seconds for entry in record.entries} == {None}
    assert record.result.seconds == len(lines) - 1


def test_the_same_run_twice_in_a_stack_is_trained_once(tmp_path, alone):
    jobs = [small_job(tmp_path, number, SWEEP[0]) for number in range(2)]
    assert jobs[0].directory == jobs[1].directory
    assert run_stack(jobs) == {}
    assert contents(read_record(jobs[0].directory)) == alone[0]


def test_a_job_that_diverges_leaves_its_neighbour_alone(tmp_path, alone):
    jobs = [small_job(tmp_path, 0, {"train.learning_rate": 1e30}), small_job(tmp_path, 1, SWEEP[0])]
    assert run_stack(jobs) == {}
    lost = read_record(jobs[0].directory)
    assert (lost.result.outcome, lost.result.test_loss) == ("diverged", None)
    assert isinstance(lost.events[-1], Diverged)
    assert contents(read_record(jobs[1].directory)) == alone[0]
    assert run_stack(jobs) == {}


def test_a_job_that_diverges_before_its_first_step_has_a_result_and_no_figures(tmp_path):
    job = small_job(tmp_path, 0, {"model.init_scale": 1e30})
    for _ in range(2):
        assert run_stack([job]) == {}
        record = read_record(job.directory)
        assert (record.result.outcome, record.result.valid_loss, record.last_epoch) == ("diverged", None, None)


def test_a_job_whose_record_cannot_be_written_fails_alone_in_one_line(tmp_path, alone):
    jobs = [small_job(tmp_path / "file", 0), small_job(tmp_path, 1, SWEEP[0])]
    (tmp_path / "file").touch()
    failures = run_stack(jobs)
    assert failures.keys() == {0}
    assert failures[0].text == f"'{jobs[0].directory}' cannot be written: Not a directory."
    assert failures[0].traceback == ""
    assert contents(read_record(jobs[1].directory)) == alone[0]


def test_a_job_whose_folder_is_a_file_fails_in_one_line(tmp_path):
    job = small_job(tmp_path)
    job.directory.parent.mkdir()
    job.directory.touch()
    failure = run_stack([job])[0]
    assert failure.text == f"'{job.directory}' cannot be written: File exists."
    assert failure.traceback == ""


def test_data_that_is_missing_fails_every_job_and_is_recorded(tmp_path):
    data = {"data": MNIST | {"dir": str(tmp_path)}}
    jobs = [small_job(tmp_path / "mlruns", 0, data)]
    failures = run_stack(jobs)
    assert "'data.dir' must hold" in failures[0].text
    assert read_failure(jobs[0].directory) == failures[0]
    assert read_result(jobs[0].directory) is None


def test_a_fault_of_our_own_is_recorded_with_its_traceback(tmp_path):
    """Something that nobody foresees: a folder where the record's lock must be."""
    job = small_job(tmp_path)
    run_lock(tmp_path, job.run_key).mkdir(parents=True)
    failure = run_stack([job])[0]
    assert "IsADirectoryError" in failure.text
    assert "Traceback" in failure.traceback
    assert read_failure(job.directory) == failure


def test_a_run_that_another_process_is_at_is_waited_for_once_the_others_are_done(tmp_path, alone):
    jobs = [small_job(tmp_path, number, own) for number, own in enumerate(SWEEP)]
    path = run_lock(tmp_path, jobs[0].run_key)
    path.parent.mkdir()
    lock = filelock.FileLock(path)
    failures = []
    with lock:
        thread = Thread(target=lambda: failures.append(run_stack(jobs)))
        thread.start()
        while not all((job.directory / "result.json").exists() for job in jobs[1:]):
            thread.join(0.05)
        assert not (jobs[0].directory / "result.json").exists()
    thread.join()
    assert failures == [{}]
    assert [contents(read_record(job.directory)) for job in jobs] == alone


def test_a_failure_of_before_is_gone_once_the_run_goes_on(tmp_path):
    job = small_job(tmp_path)
    job.directory.mkdir(parents=True)
    (job.directory / "failure.json").write_text("{}")
    Journal(job.directory, job.config).close()
    assert not (job.directory / "failure.json").exists()


def test_a_checkpoint_that_vanishes_while_a_run_is_open_is_refused_and_trained_again_later(tmp_path):
    job = small_job(tmp_path)
    assert run_stack([job]) == {}
    (job.directory / "result.json").unlink()
    journal = Journal(job.directory, job.config)
    journal.close()
    shutil.rmtree(job.directory / "checkpoints")
    with pytest.raises(DamagedError, match="cannot be read: No such file or directory"):
        journal.record.checkpoint()
    assert run_stack([job]) == {}
    assert isinstance(read_record(job.directory).events[-1], EpochEnd)


def test_why_a_job_failed_is_returned_even_where_it_cannot_be_written(tmp_path):
    error = UserError("the process that worked at it was killed 2 times: is there enough memory?")
    job = small_job(tmp_path)
    assert record_failure(job, error) == read_failure(job.directory)
    (tmp_path / "file").touch()
    assert record_failure(small_job(tmp_path / "file"), error).text == str(error)
