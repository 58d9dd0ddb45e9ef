"""The plan: what is going to be done about each job, what it may cost, what changed since the last time."""

import shutil
from pathlib import Path

import pytest
from configurations import MNIST, small_job, small_sweep

from convsweep.records.journal import Journal, read_result, run_directory, write_result
from convsweep.runs import memory
from convsweep.runs.plan import Room, changes, estimate, make_plan, room_here
from convsweep.runs.stack import run_stack


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two finished jobs."""
    mlruns = tmp_path_factory.mktemp("trained")
    jobs = [small_job(mlruns, 0), small_job(mlruns, 1, {"train.seed": 1})]
    assert run_stack(jobs) == {}
    return jobs


@pytest.fixture
def jobs(trained, tmp_path):
    """A copy of them, and one that was never trained."""
    shutil.copytree(trained[0].config.mlruns, tmp_path, dirs_exist_ok=True)
    return [small_job(tmp_path, number, {"train.seed": number} if number else {}) for number in range(3)]


def cut_events(job, lines):
    (job.directory / "result.json").unlink()
    events = job.directory / "events.jsonl"
    events.write_bytes(b"".join(events.read_bytes().splitlines(keepends=True)[:lines]))


def test_each_job_is_trained_or_goes_on_or_is_finished(jobs):
    cut_events(jobs[1], 8)
    plan = make_plan(jobs, room_here(2))
    assert [(planned.action, planned.epoch) for planned in plan.jobs] == [("finished", 3), ("go on", 1), ("train", 0)]
    assert plan.jobs[0].result == read_result(jobs[0].directory)
    assert [planned.job for planned in plan.unfinished] == jobs[1:]
    assert sorted(plan.stacks or ()) == [(1,), (2,)]
    assert plan.room.at_once == 2
    assert [plan.count(action) for action in ("train", "go on", "finished")] == [1, 1, 1]


def test_a_run_stopped_before_its_first_epoch_ended_goes_on_after_epoch_0_or_is_trained(jobs):
    cut_events(jobs[0], 2)
    cut_events(jobs[1], 1)
    plan = make_plan(jobs[:2], room_here(1))
    assert [(planned.action, planned.epoch) for planned in plan.jobs] == [("go on", 0), ("train", 0)]


def test_a_damaged_record_is_planned_again_and_the_damage_is_named(jobs):
    path = jobs[0].directory / "checkpoints" / "epoch_002.npz"
    path.write_bytes(b"")
    (planned,) = make_plan(jobs[:1], room_here(1)).jobs
    assert (planned.action, planned.epoch, planned.result) == ("go on", 1, None)
    assert planned.damage == (f"'{path}' is damaged.",)


def test_planning_anew_trains_what_is_finished(jobs):
    plan = make_plan(jobs, room_here(1), anew=True)
    assert plan.count("train") == 3
    assert plan.stacks == ((0, 1, 2),)


def test_planning_writes_nothing(jobs, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    plan = make_plan(jobs, room_here(1))
    estimate(plan, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_plan_of_finished_jobs_has_no_stacks(jobs, tmp_path):
    plan = make_plan(jobs[:2], room_here(4))
    assert (plan.stacks, plan.unfinished, plan.room.at_once) == ((), [], 1)
    assert estimate(plan, tmp_path).bytes == 0


def test_without_finished_runs_there_is_no_estimate(tmp_path):
    assert estimate(make_plan([small_job(tmp_path)], room_here(1)), tmp_path) is None


@pytest.mark.usefixtures("jobs")
def test_an_estimate_of_disk_is_close_to_what_the_run_then_takes(tmp_path):
    """A run of 9 epochs instead of 3 of the same network."""
    job = small_job(tmp_path, 0, {"train.epochs": 9})
    expected = estimate(make_plan([job], room_here(1)), tmp_path)
    assert run_stack([job]) == {}
    taken = sum(path.stat().st_size for path in job.directory.rglob("*") if path.is_file())
    assert expected.bytes == pytest.approx(taken, rel=0.1)


@pytest.mark.usefixtures("jobs")
def test_an_estimate_of_time_grows_with_the_work_and_shrinks_with_the_processes(tmp_path):
    def seconds(number, processes, epochs=300):
        wanted = [small_job(tmp_path, n, {"train.epochs": epochs, "train.seed": n}) for n in range(number)]
        return estimate(make_plan(wanted, room_here(processes)), tmp_path).seconds - 1.5  # what starting takes

    assert seconds(4, 1) == pytest.approx(4 * seconds(1, 1))
    assert seconds(4, 4) == pytest.approx(seconds(1, 1))
    assert seconds(2, 1, epochs=600) == pytest.approx(2 * seconds(2, 1))


def test_runs_whose_record_is_damaged_or_of_another_machine_do_not_count_for_an_estimate(jobs, tmp_path):
    plan = make_plan(jobs, room_here(1))
    (jobs[0].directory / "result.json").write_bytes(b"\xff")
    (jobs[1].directory / "config.yaml").write_bytes(b"\xff: [")
    assert estimate(plan, tmp_path) is None


class TestOnACluster:
    def test_stacks_are_those_of_the_clusters_shares_and_not_bounded_by_this_machines_memory(self, jobs, monkeypatch):
        monkeypatch.setattr(memory, "machine_bytes", lambda: 1)
        plan = make_plan(jobs, Room(here=False, shares=2, at_once=2), anew=True)
        assert (len(plan.stacks or ()), plan.room.at_once) == (2, 2)
        assert make_plan(jobs, room_here(2), anew=True).room.at_once == 1

    def test_without_known_shares_there_are_no_stacks_and_no_time_but_all_the_work(self, jobs, tmp_path):
        here = estimate(make_plan(jobs, room_here(1), anew=True), tmp_path)
        plan = make_plan(jobs, Room(here=False, shares=None, at_once=None), anew=True)
        assert plan.stacks is None
        assert estimate(plan, tmp_path) == here._replace(seconds=None)

    def test_with_unknown_room_for_known_stacks_no_time_is_told(self, jobs, tmp_path):
        plan = make_plan(jobs, Room(here=False, shares=2, at_once=None), anew=True)
        assert (len(plan.stacks or ()), estimate(plan, tmp_path).seconds) == (2, None)

    def test_finished_runs_of_any_machine_count_for_an_estimate(self, jobs, tmp_path):
        for job in jobs[:2]:
            result = read_result(job.directory)
            write_result(job.directory, result._replace(host="elsewhere"))
        assert estimate(make_plan(jobs, room_here(2)), tmp_path) is None
        assert estimate(make_plan(jobs, Room(here=False, shares=2, at_once=2)), tmp_path).seconds > 0


class TestChanges:
    def test_a_job_that_is_the_same_has_no_changes(self, jobs, tmp_path):
        assert changes(jobs[0], tmp_path, small_sweep(jobs)) == []

    def test_a_job_that_was_not_in_the_earlier_sweep_has_no_changes(self, jobs, tmp_path):
        assert changes(jobs[2], tmp_path, small_sweep(jobs[:2])) == []
        assert changes(jobs[0], tmp_path, None) == []

    def test_changed_values_are_told_with_what_they_were(self, jobs, tmp_path):
        job = small_job(tmp_path, 1, {"train.epochs": 5, "model.padding": "same"})
        expected = ["train.epochs was 3", "train.seed was 1", "model.padding was valid"]  # hyperparameters first
        assert changes(job, tmp_path, small_sweep(jobs)) == expected

    @pytest.mark.parametrize(("digest", "said"), [("another", ["code"]), (None, ["data"])])
    def test_changed_code_and_changed_data_are_told_by_their_names(self, jobs, tmp_path, digest, said):
        """The same values under another key: the record says by which code it was made."""
        result = read_result(jobs[0].directory)
        before = run_directory(tmp_path, "0" * 16)
        jobs[0].directory.rename(before)
        write_result(before, result._replace(code_digest=digest or result.code_digest))
        earlier = small_sweep([jobs[0]._replace(run_key="0" * 16)])
        assert changes(jobs[0], tmp_path, earlier) == said

    def test_an_earlier_record_that_is_gone_or_damaged_says_nothing(self, jobs, tmp_path):
        job = small_job(tmp_path, 0, {"train.epochs": 5})
        (jobs[0].directory / "result.json").write_bytes(b"{")
        assert changes(job, tmp_path, small_sweep(jobs)) == []
        shutil.rmtree(jobs[0].directory)
        assert changes(job, tmp_path, small_sweep(jobs)) == []

    def test_where_the_images_lie_is_no_change(self, tmp_path):
        old = small_job(tmp_path, 0, {"data": MNIST | {"dir": "/a"}})
        Journal(old.directory, old.config).close()
        before = run_directory(tmp_path, "1" * 16)
        Path(old.directory).rename(before)
        new = small_job(tmp_path, 0, {"data": MNIST | {"dir": "/b", "mirrors": ["x"]}, "train.seed": 4})
        assert changes(new, tmp_path, small_sweep([old._replace(run_key="1" * 16)])) == ["train.seed was 0"]
