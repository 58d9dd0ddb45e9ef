"""A launch: the same jobs continue the same sweep, `rerun` trains anew, records are mended before work begins."""

import shutil
import threading

import filelock
import pytest
from configurations import small_job, small_sweep
from hypothesis import given
from hypothesis import strategies as st

from convsweep.compare.runs import load_runs
from convsweep.errors import UserError
from convsweep.records.anew import take_place
from convsweep.records.journal import Failure, read_failure, read_record, write_failure
from convsweep.records.locks import run_lock
from convsweep.records.provenance import Provenance
from convsweep.records.sweep import (
    find_sweep,
    is_live,
    is_mirrored,
    mark_mirrored,
    read_sweep,
    read_sweeps,
    sweep_directory,
)
from convsweep.runs.launch import open_launch, settle
from convsweep.runs.plan import make_plan, room_here
from convsweep.runs.stack import run_stack

PROVENANCE = Provenance("abc", b"a difference", {"python": "3"})


def open_sweep(mlruns, sweep):
    launch = open_launch(mlruns, sweep, lambda: PROVENANCE)
    assert launch.try_lock()
    return launch


@pytest.fixture
def jobs(tmp_path):
    return [small_job(tmp_path, number, {"train.seed": number}) for number in range(3)]


def test_a_new_sweep_has_its_record_before_anything_runs(tmp_path, jobs):
    sweep = small_sweep(jobs)
    launch = open_sweep(tmp_path, sweep)
    assert read_sweep(tmp_path, sweep.id) == sweep
    directory = sweep_directory(tmp_path, sweep.id)
    assert (directory / "uncommitted.diff").read_bytes() == b"a difference"
    assert (directory / "environment.json").exists()
    launch.release()


def test_the_same_jobs_in_another_order_continue_the_same_sweep(tmp_path, jobs):
    first = open_sweep(tmp_path, small_sweep(jobs))
    first.end("killed")
    again = open_sweep(tmp_path, small_sweep(jobs[::-1]))
    assert again.sweep == first.sweep
    again.release()
    assert len(read_sweeps(tmp_path)) == 1


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(lambda jobs: small_sweep(jobs[:2]), id="fewer jobs"),
        pytest.param(lambda jobs: small_sweep([*jobs, jobs[0]]), id="a job twice"),
        pytest.param(lambda jobs: small_sweep(jobs, experiment="other"), id="another experiment"),
        pytest.param(lambda jobs: small_sweep(jobs, multirun=False), id="a single run"),
    ],
)
def test_other_jobs_or_another_place_in_mlflow_are_another_sweep(tmp_path, jobs, other):
    open_sweep(tmp_path, small_sweep(jobs)).release()
    launch = open_sweep(tmp_path, other(jobs))
    launch.release()
    assert len(read_sweeps(tmp_path)) == 2


def test_an_id_that_is_in_use_is_not_taken_again(tmp_path, jobs):
    open_sweep(tmp_path, small_sweep(jobs, "2026-01-01_00-00-00.000000")).release()
    launch = open_sweep(tmp_path, small_sweep(jobs[:1], "2026-01-01_00-00-00.000000"))
    assert launch.sweep.id != "2026-01-01_00-00-00.000000"
    assert read_sweep(tmp_path, launch.sweep.id) == launch.sweep
    launch.release()


def test_a_sweep_whose_record_is_damaged_is_begun_anew_under_another_id(tmp_path, jobs):
    first = open_sweep(tmp_path, small_sweep(jobs))
    first.end("finished")
    path = sweep_directory(tmp_path, first.sweep.id) / "sweep.json"
    path.write_bytes(path.read_bytes()[:-20])
    again = open_sweep(tmp_path, small_sweep(jobs, first.sweep.id))
    assert again.sweep.id != first.sweep.id
    assert read_sweeps(tmp_path) == [again.sweep]
    again.release()


def test_two_launches_of_the_same_jobs_at_once_make_one_sweep(tmp_path, jobs):
    launches = []
    threads = [
        threading.Thread(target=lambda: launches.append(open_launch(tmp_path, small_sweep(jobs), lambda: PROVENANCE)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({launch.sweep.id for launch in launches}) == 1
    assert len(read_sweeps(tmp_path)) == 1


def test_only_one_launch_holds_a_sweep_and_others_see_that_it_lives(tmp_path, jobs):
    first = open_sweep(tmp_path, small_sweep(jobs))
    second = open_launch(tmp_path, small_sweep(jobs), lambda: PROVENANCE)
    assert is_live(tmp_path, first.sweep.id)
    assert not second.try_lock()
    first.end("finished")
    assert not is_live(tmp_path, first.sweep.id)
    assert second.try_lock()
    second.release()


def test_how_a_sweep_stands_is_in_its_record(tmp_path, jobs):
    launch = open_sweep(tmp_path, small_sweep(jobs))
    mark_mirrored(tmp_path, launch.sweep.id, mirrored=True)
    launch.begin([], PROVENANCE)
    assert read_sweep(tmp_path, launch.sweep.id).state == "running"
    assert not is_mirrored(tmp_path, launch.sweep.id)
    launch.end("failed")
    found = read_sweep(tmp_path, launch.sweep.id)
    assert found.state == "failed"
    assert found.ended is not None


class TestWhatSlurmLeaves:
    """Scripts, pickles and logs of tasks, in the sweep's own folder."""

    @pytest.fixture
    def detached(self, tmp_path, jobs):
        launch = open_sweep(tmp_path, small_sweep(jobs))
        launch.end("detached")
        folder = sweep_directory(tmp_path, launch.sweep.id) / "slurm"
        folder.mkdir()
        (folder / "7_0_log.err").touch()
        return launch.sweep, folder

    def test_it_goes_once_a_detached_sweep_is_found_finished(self, tmp_path, jobs, detached):
        sweep, folder = detached
        assert run_stack(jobs[1:]) == {}
        assert settle(tmp_path, sweep).state == "detached"
        assert folder.exists()
        assert run_stack(jobs[:1]) == {}
        assert settle(tmp_path, sweep).state == "finished"
        assert not folder.exists()

    @pytest.mark.parametrize("state", ["failed", "killed", "detached"])
    def test_it_stays_to_be_read_while_jobs_lack_results(self, tmp_path, jobs, detached, state):
        _, folder = detached
        open_sweep(tmp_path, small_sweep(jobs)).end(state)
        assert folder.exists()


def anew(jobs):
    """Return jobs as a sweep has them that trains its runs anew."""
    return [job._replace(anew=True) for job in jobs]


class TestRerun:
    """``rerun=true``: a new sweep whose runs are trained beside their records, and replace them once they are done."""

    @pytest.fixture
    def finished(self, tmp_path, jobs):
        """A finished sweep of all jobs: the content of every file of its records."""
        assert run_stack(jobs) == {}
        open_sweep(tmp_path, small_sweep(jobs)).end("finished")
        return contents(tmp_path)

    def test_earlier_records_stay_until_the_new_ones_have_their_results(self, tmp_path, jobs, finished):
        launch = open_sweep(tmp_path, small_sweep(jobs[:2], rerun=True))
        plan = make_plan(anew(jobs[:2]), room_here(1))
        assert [planned.action for planned in plan.jobs] == ["train", "train"]
        launch.begin(plan.unfinished, PROVENANCE)
        assert contents(tmp_path) == finished
        assert run_stack(anew(jobs[:1])) == {}
        now = contents(tmp_path)
        assert changed_runs(now, finished) == {jobs[0].run_key}
        assert [read_record(job.directory).damage for job in jobs] == [(), (), ()]
        plan = make_plan(anew(jobs[:2]), room_here(1))
        assert [planned.action for planned in plan.jobs] == ["finished", "train"]
        launch.end("killed")

    def test_the_new_record_has_the_same_bits_and_is_the_new_sweeps(self, tmp_path, jobs, finished):
        launch = open_sweep(tmp_path, small_sweep(jobs, rerun=True))
        before = [read_record(job.directory) for job in jobs]
        again = [job._replace(sweep="again") for job in anew(jobs)]
        assert run_stack(again) == {}
        launch.end("finished")
        for job, earlier in zip(jobs, before, strict=True):
            record = read_record(job.directory)
            assert (record.result.sweep, record.events) == ("again", earlier.events)
        assert changed_runs(contents(tmp_path), finished) == {job.run_key for job in jobs}
        assert list((tmp_path / "anew").iterdir()) == []

    def test_a_run_that_fails_when_it_is_trained_anew_keeps_its_result(self, tmp_path, jobs, finished):
        launch = open_sweep(tmp_path, small_sweep(jobs, rerun=True))
        (tmp_path / "anew" / jobs[0].run_key).rmdir()
        (tmp_path / "anew" / jobs[0].run_key).touch()  # nothing can be written there
        assert run_stack(anew(jobs)).keys() == {0}
        launch.end("failed")
        assert changed_runs(contents(tmp_path), finished) == {job.run_key for job in jobs[1:]}

    @pytest.mark.usefixtures("finished")
    def test_an_unfinished_rerun_is_continued_and_trains_nothing_twice(self, tmp_path, jobs):
        first = open_sweep(tmp_path, small_sweep(jobs, rerun=True))
        assert run_stack(anew(jobs[:1])) == {}
        first.end("killed")
        again = open_sweep(tmp_path, small_sweep(jobs, rerun=True))
        assert again.sweep.id == first.sweep.id
        assert [planned.action for planned in make_plan(anew(jobs), room_here(1)).jobs] == [
            "finished",
            "train",
            "train",
        ]
        assert run_stack(anew(jobs)) == {}
        again.end("finished")
        third = open_sweep(tmp_path, small_sweep(jobs, rerun=True))
        assert third.sweep.id != first.sweep.id
        assert {planned.action for planned in make_plan(anew(jobs), room_here(1)).jobs} == {"train"}
        assert {planned.action for planned in make_plan(jobs, room_here(1)).jobs} == {"finished"}
        third.release()

    @pytest.mark.usefixtures("finished")
    def test_a_new_record_that_cannot_be_trusted_does_not_take_the_place_of_a_whole_one(self, tmp_path, jobs):
        """After a power cut a result may be on disk before the checkpoints that it names are."""
        new = tmp_path / "anew" / jobs[0].run_key
        shutil.copytree(jobs[0].directory, new, dirs_exist_ok=True)
        (new / "checkpoints" / "epoch_003.npz").write_bytes(b"")
        before = read_record(jobs[0].directory)
        take_place(tmp_path, jobs[0].run_key)
        assert read_record(jobs[0].directory) == before
        assert before.result is not None

    @pytest.mark.usefixtures("finished")
    def test_a_job_that_is_in_the_sweep_twice_is_trained_anew_once(self, tmp_path, jobs):
        open_sweep(tmp_path, small_sweep([jobs[0], jobs[0]], rerun=True)).release()
        twice = [jobs[0]._replace(anew=True, sweep=name) for name in ("first", "second")]
        assert run_stack(twice) == {}
        assert read_record(jobs[0].directory).result.sweep == "first"

    def test_what_was_never_trained_is_trained_where_all_records_are(self, tmp_path, jobs):
        open_sweep(tmp_path, small_sweep(jobs, rerun=True)).release()
        assert not (tmp_path / "anew").exists()
        assert anew(jobs)[0].directory == jobs[0].directory

    def test_rerun_is_refused_while_another_command_trains_one_of_the_runs_and_nothing_is_gone(
        self, tmp_path, jobs, finished
    ):
        with filelock.FileLock(run_lock(tmp_path, jobs[1].run_key)):
            with pytest.raises(UserError, match=r"'rerun=true' needs that no other command trains the same"):
                open_launch(tmp_path, small_sweep(jobs, rerun=True), lambda: PROVENANCE)
            assert len(read_sweeps(tmp_path)) == 1
        assert contents(tmp_path) == finished
        assert not (tmp_path / "anew").exists()

    @pytest.mark.usefixtures("finished")
    def test_the_runs_of_a_sweep_that_trains_them_anew_are_compared_once_they_are_new(self, tmp_path, jobs):
        launch = open_sweep(tmp_path, small_sweep(jobs, rerun=True))
        assert load_runs(tmp_path, launch.sweep) == []
        assert len(load_runs(tmp_path)) == 3
        assert run_stack(anew(jobs[:1])) == {}
        assert [run.run_key for run in load_runs(tmp_path, launch.sweep)] == [jobs[0].run_key]
        launch.release()


def contents(mlruns):
    """Return the content of every file of the runs' records."""
    return {path: path.read_bytes() for path in sorted(mlruns.glob("runs/**/*")) if path.is_file()}


def changed_runs(now, before):
    """Return the keys of the runs whose files have changed; no file may be missing, or new."""
    assert now.keys() == before.keys()
    return {path.parent.name for path in now if path.name == "result.json" and now[path] != before[path]}


class TestBegin:
    def test_failures_of_before_are_forgotten(self, tmp_path, jobs):
        write_failure(jobs[0].directory, Failure("UserError", "no data", "", 1.0))
        launch = open_sweep(tmp_path, small_sweep(jobs))
        launch.begin(make_plan(jobs, room_here(1)).unfinished, PROVENANCE)
        assert read_failure(jobs[0].directory) is None
        launch.end("killed")

    def test_a_result_that_cannot_be_trusted_is_gone_before_anybody_watches(self, tmp_path, jobs):
        assert run_stack(jobs[:1]) == {}
        shutil.rmtree(jobs[0].directory / "checkpoints")
        launch = open_sweep(tmp_path, small_sweep(jobs))
        launch.begin(make_plan(jobs, room_here(1)).unfinished, PROVENANCE)
        assert not (jobs[0].directory / "result.json").exists()
        assert read_record(jobs[0].directory).damage == ()
        launch.end("killed")

    def test_a_damaged_record_that_another_process_is_at_is_left_to_it(self, tmp_path, jobs):
        assert run_stack(jobs[:1]) == {}
        shutil.rmtree(jobs[0].directory / "checkpoints")
        launch = open_sweep(tmp_path, small_sweep(jobs))
        with filelock.FileLock(run_lock(tmp_path, jobs[0].run_key)):
            launch.begin(make_plan(jobs, room_here(1)).unfinished, PROVENANCE)
        assert (jobs[0].directory / "result.json").exists()
        launch.end("killed")


class TestFindingSweeps:
    def test_sweeps_come_newest_first(self, tmp_path, jobs):
        for number, created in enumerate((2.0, 3.0, 1.0)):
            open_sweep(tmp_path, small_sweep(jobs[number:], str(number), created=created)).release()
        assert [sweep.id for sweep in read_sweeps(tmp_path)] == ["1", "0", "2"]

    def test_the_last_sweep_is_not_a_single_run(self, tmp_path, jobs):
        with pytest.raises(UserError, match=r"There is no sweep in '.*' yet"):
            find_sweep(tmp_path)
        open_sweep(tmp_path, small_sweep(jobs, "sweep", created=1.0)).release()
        open_sweep(tmp_path, small_sweep(jobs[:1], "run", created=2.0, multirun=False)).release()
        assert find_sweep(tmp_path).id == "sweep"
        assert find_sweep(tmp_path, "run").id == "run"

    def test_an_unknown_sweep_is_told_with_the_last_one(self, tmp_path, jobs):
        open_sweep(tmp_path, small_sweep(jobs, "known")).release()
        with pytest.raises(UserError, match=r"There is no sweep 'unknown' in '.*' \(the last one is known\)\."):
            find_sweep(tmp_path, "unknown")

    @given(text=st.text() | st.sampled_from(["..", "/", "../sweeps/known", "known/", "known/sweep.json", "*", ""]))
    def test_text_from_outside_is_no_path_to_a_sweep(self, tmp_path, jobs, text):
        if not read_sweeps(tmp_path):
            open_sweep(tmp_path, small_sweep(jobs, "known")).release()
        with pytest.raises(UserError, match="There is no sweep"):
            find_sweep(tmp_path, text)

    def test_titles_name_what_varies(self, jobs):
        assert small_sweep(jobs, axes=("train.seed", "model.num_filters")).title == "sweep seed x num_filters"
        assert small_sweep(jobs, axes=()).title == "sweep of one job"
        assert small_sweep(jobs[:1], multirun=False).title == "seed=0"
