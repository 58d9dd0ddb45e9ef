"""Two commands at work in one folder at a time."""

import itertools
import multiprocessing
import shutil
import time
from contextlib import contextmanager

import pytest
from configurations import small_job, small_sweep
from store_content import read_content
from sweeps_on_disk import record

from convsweep.compare.runs import load_runs
from convsweep.nn.training import EpochEnd
from convsweep.records.anew import begin_anew, take_place
from convsweep.records.journal import Journal, anew_directory, read_record, run_directory
from convsweep.records.sweep import write_sweep
from convsweep.runs.plan import estimate, make_plan, room_here
from convsweep.runs.stack import run_stack
from convsweep.tracking.mirror import sync

PATIENCE = 300  # seconds until a process that should have got somewhere is given up on


@contextmanager
def in_another_process(function, *arguments):
    """Have another process call a function, which sets one event once it has begun, and ends once another is set."""
    context = multiprocessing.get_context("spawn")
    begun, ended = context.Event(), context.Event()
    process = context.Process(target=function, args=(*arguments, begun, ended))
    process.start()
    try:
        assert begun.wait(PATIENCE)
        yield
    finally:
        ended.set()
        process.join()
    assert process.exitcode == 0


def replace_again_and_again(mlruns, run_key, begun, ended):
    """Have a record replaced by one that was trained anew, over and over."""
    place, beside = run_directory(mlruns, run_key), anew_directory(mlruns, run_key)
    others = itertools.cycle([mlruns / "one", mlruns / "other"])
    begun.set()
    while not ended.is_set():
        shutil.copytree(next(others), beside)
        take_place(mlruns, run_key)
    assert place.exists()


def test_whatever_reads_records_goes_on_while_others_take_their_place(tmp_path):
    """Between two renames a record is not there: that is no error. What is read as a result is one of the two."""
    job = small_job(tmp_path, 0, {"train.epochs": 1})
    sweep = small_sweep([job], job.sweep, state="finished")
    for name in ("one", "other"):
        shutil.rmtree(job.directory, ignore_errors=True)
        assert run_stack([job]) == {}
        shutil.copytree(job.directory, tmp_path / name)
    write_sweep(tmp_path, sweep)
    seen: set[float | None] = set()
    looks: list[float] = []
    times = {read_record(tmp_path / name).result.time for name in ("one", "other")}
    with in_another_process(replace_again_and_again, tmp_path, job.run_key):
        while seen - {None} != times or len(looks) < 300:
            looks.append(time.monotonic())
            assert looks[-1] < looks[0] + PATIENCE
            found = read_record(job.directory)
            seen.add(found.result and found.result.time)
            assert len(make_plan([job], room_here(1)).jobs) == 1
            results = {run.result.time for run in load_runs(tmp_path, sweep) if run.result is not None}
            assert results <= times


def move_away_and_back(path, begun, ended):
    """Have a file be there only half of the time."""
    begun.set()
    while not ended.is_set():
        path.rename(path.with_name("elsewhere"))
        path.with_name("elsewhere").rename(path)


@pytest.mark.parametrize("name", ["result.json", "checkpoints/epoch_001.npz"])
def test_an_estimate_is_made_while_files_of_finished_runs_come_and_go(tmp_path, name):
    job = small_job(tmp_path)
    assert run_stack([job]) == {}
    wanted = make_plan([small_job(tmp_path, 1, {"train.seed": 1})], room_here(1))
    with in_another_process(move_away_and_back, job.directory / name):
        found = [estimate(wanted, tmp_path) is None for _ in range(1000)]
    assert not all(found)


def test_a_sweep_that_was_finished_while_another_was_being_sent_is_shown_as_finished(tables, tmp_path):
    """``sync`` reads all sweeps at its beginning, and comes to the last one after minutes."""
    first = record(tmp_path, ["train.seed=0"])
    second = record(tmp_path, ["train.seed=1"], number=1)
    shutil.copy(tables, first.mlruns)
    second.write(state="killed", ended=1_900_000_000.0)
    synced = sync(first.mlruns)
    assert next(synced).sweep.id == first.sweep.id
    second.write(state="finished", ended=1_900_000_100.0)
    (last,) = synced
    assert (last.sweep.id, last.sweep.state) == (second.sweep.id, "finished")
    assert {run["status"] for run in read_content(second.database)} == {"FINISHED"}


def test_mlflow_shows_an_earlier_sweeps_result_while_its_run_is_trained_anew_and_the_new_one_then(tables, tmp_path):
    """The second sweep's launch is killed after its first epoch, then continued."""
    first = record(tmp_path, ["train.seed=0"])
    shutil.copy(tables, first.mlruns)
    again = first.sweep._replace(id="again", rerun=True, state="running", ended=None, created=1_800_000_000.0)
    write_sweep(first.mlruns, again)
    (job,) = (job._replace(sweep="again", anew=True) for job in first.jobs)
    begin_anew(first.mlruns, job.run_key)
    journal = Journal(job.directory, job.config)
    earlier = read_record(first.run(0))
    for epoch in (0, 1):
        entries = [entry for entry in earlier.entries if entry.event.epoch == epoch]
        for entry in entries:
            event = entry.event
            if isinstance(event, EpochEnd):
                event = event._replace(checkpoint=earlier.checkpoint(epoch))
            journal.write(event, seconds=0.0)
    journal.close()

    def statuses():
        assert [synced.problems for synced in sync(first.mlruns)] == [(), ()]
        runs = [run["tags"] | run for run in read_content(first.database)]
        return {run["convsweep.sweep"]: run["status"] for run in runs if run["convsweep.role"] == "run"}

    assert statuses() == {first.sweep.id: "FINISHED", "again": "KILLED"}
    assert run_stack([job]) == {}
    write_sweep(first.mlruns, again._replace(state="finished", ended=1_900_000_100.0))
    assert statuses() == {first.sweep.id: "FINISHED", "again": "FINISHED"}
    assert read_record(first.run(0)).result.sweep == "again"
