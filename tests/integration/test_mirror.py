"""The mirror against real SQLite stores: MLflow shows what the records say, once, whatever was killed in between."""

import json
import os
import random
import shlex
import shutil
import sqlite3
import time
from contextlib import closing

import pytest
from store_content import read_content, read_ids, read_statuses
from sweeps_on_disk import kill, mirror_to_its_end, record

from convsweep.hydra_app.compose import compose_run
from convsweep.nn.training import Window
from convsweep.records.events import read_entries, to_line
from convsweep.records.identity import run_key
from convsweep.records.journal import Failure, read_record, read_result, write_failure
from convsweep.records.sweep import launch_lock


def experiment_note(recorded):
    with closing(sqlite3.connect(recorded.database)) as database:
        query = "SELECT value FROM experiment_tags WHERE key = 'mlflow.note.content'"
        return database.execute(query).fetchone()[0]


def content_by_name(recorded):
    return {run["name"]: run for run in read_content(recorded.database)}


def best_of(runs):
    """The name that stands for the id of the best run: the run of the best configuration that did best on valid."""
    return max(("train.seed=0", "train.seed=1"), key=lambda name: dict_of(runs[name])["valid/accuracy"])


def dict_of(run):
    return {key: value for key, _, value in run["latest"]}


BEHIND = 420.0  # seconds that a host's clock is behind another's
FIRST_END = 1_800_000_000.0  # of a sweep that is continued, seconds


def last_crc(directory):
    """The checksum of a record's last event, be it an epoch's end or not."""
    return list(read_entries((directory / "events.jsonl").read_bytes()))[-1].crc


def with_the_last_end_only(content):
    """What MLflow holds, without the points that a parent was given when its sweep ended the first time."""
    for run in content:
        if run["tags"]["convsweep.role"] == "sweep":
            run["metrics"] = [point for point in run["metrics"] if point[3] != FIRST_END * 1000]
    return content


class TestFinishedSweep:
    """What MLflow shows of a sweep of three, one of which diverged."""

    @pytest.fixture(scope="class")
    @classmethod
    def runs(cls, content_of):
        return {run["name"]: run for run in content_of}

    def test_there_is_one_parent_and_a_run_a_job(self, runs):
        assert set(runs) == {"sweep seed", "train.seed=0", "train.learning_rate=1000.0", "train.seed=1"}
        assert {run["status"] for run in runs.values()} == {"FINISHED"}

    def test_every_point_of_the_record_is_there_once_with_its_own_time(self, runs, trained):
        entries = read_record(trained.run(0)).entries
        expected = []
        for entry in entries:
            split = getattr(entry.event, "split", "train")
            if hasattr(entry.event, "loss"):
                step = 0 if split == "test" else entry.event.step
                expected.append((f"{split}/accuracy", step, entry.event.accuracy, entry.milliseconds))
                expected.append((f"{split}/loss", step, entry.event.loss, entry.milliseconds))
        found = [point for point in runs["train.seed=0"]["metrics"] if point[0] != "seconds"]
        assert found == sorted(expected, key=lambda point: (point[0], point[1], point[3]))

    def test_the_times_are_those_of_the_record(self, runs, trained):
        record = read_record(trained.run(0))
        assert runs["train.seed=0"]["times"] == (record.entries[0].milliseconds, int(record.result.time * 1000))

    def test_a_run_is_tagged_with_its_job_and_its_record(self, runs, trained):
        tags = runs["train.seed=0"]["tags"]
        assert tags["convsweep.job"] == f"{trained.sweep.id}/0"
        assert tags["convsweep.run_key"] == trained.jobs[0].run_key
        assert (tags["convsweep.outcome"], tags["convsweep.reused"]) == ("finished", "false")
        assert tags["mlflow.parentRunId"] == "sweep seed"
        assert (tags["mlflow.user"], tags["mlflow.source.git.commit"]) == ("somebody", "0" * 40)
        assert tags["convsweep.git_dirty"] == "True"

    def test_the_model_is_measured_by_the_last_evaluations(self, runs, trained):
        result = read_result(trained.run(0))
        (model,) = runs["train.seed=0"]["models"]
        measured = {name: value for name, _, value in model["metrics"]}
        assert measured == {
            "valid/accuracy": result.valid_accuracy,
            "valid/loss": result.valid_loss,
            "test/accuracy": result.test_accuracy,
            "test/loss": result.test_loss,
        }
        assert runs["train.seed=0"]["outputs"] == 1

    def test_a_sweeps_description_begins_with_the_answer_and_ends_with_how_to_run_it_again(self, runs):
        parts = runs["sweep seed"]["tags"]["mlflow.note.content"].split("\n\n")
        assert parts[0].startswith("Best on valid: lr0.005: ")
        assert parts[0] == runs["sweep seed"]["tags"]["convsweep.answer"]
        assert parts[1] == "3 runs over seed: 2 finished, 1 diverged."
        assert parts[-2] == "    convsweep train -m train.seed=0,1 'x=a`b'"
        (table,) = [part for part in parts if part.startswith("| #")]
        assert [row.split(" | &ensp;")[1] for row in table.splitlines()[2:]] == [
            f"[lr0.005](#/experiments/1/runs/{best_of(runs)})",
            "lr1000",
        ]

    def test_the_parent_shows_the_best_configurations_means_and_how_many_jobs_ended_how(self, runs, trained):
        results = [read_result(trained.run(number)) for number in (0, 2)]
        expected = {
            "valid/accuracy": (results[0].valid_accuracy + results[1].valid_accuracy) / 2,
            "valid/loss": (results[0].valid_loss + results[1].valid_loss) / 2,
            "test/accuracy": (results[0].test_accuracy + results[1].test_accuracy) / 2,
            "test/loss": (results[0].test_loss + results[1].test_loss) / 2,
            "finished": 2,
            "diverged": 1,
            "failed": 0,
        }
        assert {key: value for key, _, value in runs["sweep seed"]["latest"]} == pytest.approx(expected)
        assert len(runs["sweep seed"]["metrics"]) == len(expected)

    def test_picture_and_report_lie_beside_the_parents_description(self, runs):
        assert sorted(runs["sweep seed"]["artifacts"]) == ["comparison.png", "report.html"]

    def test_a_runs_description_tells_its_place_and_how_to_train_it_alone(self, runs, trained):
        first, place, _, command, _ = runs["train.seed=0"]["tags"]["mlflow.note.content"].split("\n\n")
        assert first.startswith("train.seed=0: valid ")
        assert place.startswith("Its configuration, lr0.005, is number 1 of 2 in sweep seed: ")
        words = shlex.split(command.replace("\\\n", ""))  # as a shell reads it
        assert words[:2] == ["convsweep", "train"]
        assert run_key(compose_run(words[2:])) == trained.jobs[0].run_key

    def test_runs_that_differ_in_their_seeds_only_have_a_tag_in_common(self, runs):
        tags = {name: run["tags"].get("convsweep.configuration") for name, run in runs.items()}
        assert tags["train.seed=0"] == tags["train.seed=1"]

    def test_files_are_not_kept_twice_where_they_share_a_disk(self, recorded, follow_once):
        assert follow_once(recorded) == (True, [])
        checkpoint = recorded.run(0) / "checkpoints" / "epoch_002.npz"
        assert checkpoint.stat().st_nlink == 3  # the record, the run's artifacts, the model

    def test_no_temporary_file_is_left(self, recorded, follow_once):
        assert follow_once(recorded) == (True, [])
        assert [path for path in recorded.mlruns.rglob(".*") if path.is_file()] == []


class TestStates:
    """Whatever became of a job, MLflow says so."""

    @pytest.fixture
    def half(self, recorded):
        """The sweep with its first job cut off amid its second epoch."""
        (recorded.run(0) / "result.json").unlink()
        events = recorded.run(0) / "events.jsonl"
        events.write_bytes(b"".join(events.read_bytes().splitlines(keepends=True)[:7]))
        return recorded

    def test_a_job_without_a_result_is_killed_once_its_launch_is_over(self, half, follow_once):
        half.write(state="killed")
        assert follow_once(half) == (True, [])
        statuses = read_statuses(half.database)
        assert (statuses["train.seed=0"], statuses["sweep seed"]) == ("KILLED", "KILLED")

    def test_so_it_is_when_the_launch_was_killed_outright(self, half, follow_once):
        half.write(state="running", ended=None)
        assert follow_once(half) == (True, [])
        statuses = read_statuses(half.database)
        assert (statuses["train.seed=0"], statuses["sweep seed"]) == ("KILLED", "KILLED")

    def test_it_is_running_while_a_launch_lives(self, half, follow_once):
        half.write(state="running", ended=None)
        with launch_lock(half.mlruns, half.sweep.id):
            assert follow_once(half) == (True, [])
        statuses = read_statuses(half.database)
        assert (statuses["train.seed=0"], statuses["sweep seed"]) == ("RUNNING", "RUNNING")
        assert statuses["train.seed=1"] == "FINISHED"

    def test_a_killed_job_that_goes_on_is_running_and_then_finished(
        self, half, trained, follow_once, follow_live, content_of
    ):
        half.write(state="killed", ended=FIRST_END)
        assert follow_once(half) == (True, [])
        half.write(state="running", ended=None)
        following = follow_live(half)
        following.until(lambda: read_statuses(half.database)["sweep seed"] == "RUNNING")
        assert read_statuses(half.database)["train.seed=0"] == "KILLED"  # it waits
        whole = (trained.run(0) / "events.jsonl").read_bytes().splitlines(keepends=True)
        with (half.run(0) / "events.jsonl").open("ab") as events:
            events.write(whole[7])
        following.until(lambda: read_statuses(half.database)["train.seed=0"] == "RUNNING")
        with (half.run(0) / "events.jsonl").open("ab") as events:
            events.writelines(whole[8:])
        shutil.copy2(trained.run(0) / "result.json", half.run(0))
        half.write()
        assert following.close()
        assert with_the_last_end_only(read_content(half.database)) == content_of

    def test_a_failed_job_is_failed_with_the_reason_as_a_tag(self, half, follow_once):
        write_failure(half.run(0), Failure("ValueError", "It broke\nhere.", "Traceback ...", time.time()))
        half.write(state="failed")
        assert follow_once(half) == (True, [])
        run = content_by_name(half)["train.seed=0"]
        assert (run["status"], run["tags"]["convsweep.failure"]) == ("FAILED", "It broke here.")
        assert read_statuses(half.database)["sweep seed"] == "FAILED"

    def test_a_failed_job_that_is_finished_later_is_not_failed_any_more(self, half, trained, follow_once, content_of):
        write_failure(half.run(0), Failure("ValueError", "It broke.", "", time.time()))
        half.write(state="failed", ended=FIRST_END)
        assert follow_once(half) == (True, [])
        shutil.rmtree(half.run(0))
        shutil.copytree(trained.run(0), half.run(0))
        half.write()
        assert follow_once(half) == (True, [])
        assert with_the_last_end_only(read_content(half.database)) == content_of

    def test_a_job_is_failed_though_the_clock_of_the_host_that_says_so_is_behind_the_one_that_trained(
        self, half, follow_once
    ):
        write_failure(half.run(0), Failure("UserError", "Killed twice.", "", time.time() - BEHIND))
        half.write(state="failed")
        assert follow_once(half) == (True, [])
        run = content_by_name(half)["train.seed=0"]
        assert (run["status"], run["tags"]["convsweep.failure"]) == ("FAILED", "Killed twice.")
        begun, ended = run["times"]
        assert begun <= ended

    def test_a_killed_job_is_running_once_it_goes_on_where_the_clock_is_behind(self, half, follow_once, follow_live):
        half.write(state="killed")
        assert follow_once(half) == (True, [])
        half.write(state="running", ended=None)
        following = follow_live(half)
        following.until(lambda: read_statuses(half.database)["sweep seed"] == "RUNNING")
        last = read_record(half.run(0)).entries[-1]
        event = Window(epoch=2, step=200, loss=1.0, accuracy=0.5)
        line, _ = to_line(
            event, time=last.time - BEHIND, seconds=0.0, checkpoint_sha256=None, previous_crc=last_crc(half.run(0))
        )
        with (half.run(0) / "events.jsonl").open("ab") as events:
            events.write(line)
        following.until(lambda: read_statuses(half.database)["train.seed=0"] == "RUNNING")
        half.write(state="killed")
        assert following.close()
        begun, ended = content_by_name(half)["train.seed=0"]["times"]
        assert begun <= ended

    def test_a_sweep_does_not_end_before_it_begins_where_another_host_finds_it_ended(self, recorded, follow_once):
        recorded.write(ended=recorded.sweep.created - BEHIND)
        assert follow_once(recorded) == (True, [])
        begun, ended = content_by_name(recorded)["sweep seed"]["times"]
        assert begun <= ended

    def test_a_job_that_failed_before_anything_happened_is_shown_too(self, recorded, follow_once):
        shutil.rmtree(recorded.run(0))
        write_failure(recorded.run(0), Failure("UserError", "No images.", "", time.time()))
        recorded.write(state="failed")
        assert follow_once(recorded) == (True, [])
        assert read_statuses(recorded.database)["train.seed=0"] == "FAILED"

    def test_a_job_that_has_not_begun_has_no_run(self, recorded, follow_once):
        shutil.rmtree(recorded.run(0))
        recorded.write(state="killed")
        assert follow_once(recorded) == (True, [])
        assert "train.seed=0" not in read_statuses(recorded.database)
        assert (
            "1 finished, 1 diverged, 1 not begun"
            in content_by_name(recorded)["sweep seed"]["tags"]["mlflow.note.content"]
        )

    def test_a_damaged_record_is_not_shown_as_finished_and_is_told(self, recorded, follow_once):
        checkpoint = recorded.run(0) / "checkpoints" / "epoch_002.npz"
        content = bytearray(checkpoint.read_bytes())
        content[1000] ^= 1
        checkpoint.write_bytes(content)
        complete, told = follow_once(recorded)
        assert not complete
        assert told == [f"Not in MLflow: '{checkpoint}' is damaged."]
        assert read_statuses(recorded.database)["train.seed=0"] == "KILLED"

    def test_a_run_of_another_sweep_is_marked_as_reused(self, recorded, follow_once):
        again = recorded.sweep._replace(id="2026-01-05_00-00-00.000000")
        other = recorded._replace(sweep=again)
        other.write()
        shutil.copytree(recorded.mlruns / "sweeps" / recorded.sweep.id, recorded.mlruns / "other")
        assert follow_once(other) == (True, [])
        assert content_by_name(other)["train.seed=0"]["tags"]["convsweep.reused"] == "true"

    def test_a_single_run_has_no_parent(self, recorded, follow_once):
        recorded.write(multirun=False, jobs=recorded.sweep.jobs[:1])
        assert follow_once(recorded) == (True, [])
        (run,) = read_content(recorded.database)
        assert "mlflow.parentRunId" not in run["tags"]


class TestOnce:
    """Nothing is there twice."""

    def test_a_second_mirror_changes_nothing(self, recorded, follow_once, content_of):
        assert follow_once(recorded) == (True, [])
        ids = read_ids(recorded.database)
        assert follow_once(recorded) == (True, [])
        assert read_ids(recorded.database) == ids
        assert read_content(recorded.database) == content_of

    def test_a_mirror_killed_a_dozen_times_leaves_what_an_undisturbed_one_does(self, recorded, killable, content_of):
        rng = random.Random(1)
        for trial in range(14):
            process = killable(mirror_to_its_end, recorded.mlruns, recorded.sweep.id)
            process.join(0.05 + trial * 0.02 + rng.uniform(0, 0.05))
            kill(process)
        process = killable(mirror_to_its_end, recorded.mlruns, recorded.sweep.id)
        process.join()
        assert process.exitcode == 0
        assert read_content(recorded.database) == content_of
        assert [path for path in recorded.mlruns.rglob(".*") if path.is_file()] == []

    @pytest.mark.parametrize("moment", [0.12, 0.16, 0.2, 0.24, 0.28, 0.33])
    def test_a_mirror_killed_once_leaves_what_an_undisturbed_one_does(self, recorded, killable, content_of, moment):
        process = killable(mirror_to_its_end, recorded.mlruns, recorded.sweep.id)
        process.join(moment)
        kill(process)
        process = killable(mirror_to_its_end, recorded.mlruns, recorded.sweep.id)
        process.join()
        assert process.exitcode == 0
        assert read_content(recorded.database) == content_of

    def test_two_mirrors_at_once_leave_what_one_does(self, recorded, killable, content_of):
        processes = [killable(mirror_to_its_end, recorded.mlruns, recorded.sweep.id) for _ in range(2)]
        for process in processes:
            process.join()
        assert [process.exitcode for process in processes] == [0, 0]
        assert read_content(recorded.database) == content_of

    def test_of_two_runs_of_a_job_the_older_is_kept(self, recorded, follow_once, content_of):
        assert follow_once(recorded) == (True, [])
        before = read_ids(recorded.database)
        with closing(sqlite3.connect(recorded.database)) as database, database:
            columns = [row[1] for row in database.execute("PRAGMA table_info(runs)")]
            others = ", ".join(name for name in columns if name not in ("run_uuid", "start_time"))
            job = f"{recorded.sweep.id}/0"
            database.execute(
                f"INSERT INTO runs (run_uuid, start_time, {others}) SELECT 'twin', start_time + 1, {others} FROM runs "
                "WHERE run_uuid IN (SELECT run_uuid FROM tags WHERE key = 'convsweep.job' AND value = ?)",
                (job,),
            )
            database.execute(
                "INSERT INTO tags (key, value, run_uuid) SELECT key, value, 'twin' FROM tags WHERE run_uuid IN "
                "(SELECT run_uuid FROM tags WHERE key = 'convsweep.job' AND value = ?)",
                (job,),
            )
        assert follow_once(recorded) == (True, [])
        assert read_content(recorded.database) == content_of
        assert read_ids(recorded.database) == before | {"twin"}  # deleted, not gone

    def test_a_run_trained_again_after_damage_keeps_its_points(self, recorded, trained, follow_once):
        assert follow_once(recorded) == (True, [])
        before = content_by_name(recorded)["train.seed=0"]
        shutil.rmtree(recorded.run(0))
        again = record(recorded.mlruns.parent / "again", ["train.seed=0"])
        shutil.copytree(again.run(0), recorded.run(0))
        times = {entry.milliseconds for entry in read_record(again.run(0)).entries}
        assert times.isdisjoint(entry.milliseconds for entry in read_record(trained.run(0)).entries)
        # the configuration names the folder it was trained in: nothing of a run but this may differ
        assert follow_once(recorded) == (True, [])
        after = content_by_name(recorded)["train.seed=0"]
        points = {(key, step) for key, step, *_ in after["metrics"]}
        assert len(points) == len(after["metrics"])
        assert [point for point in after["metrics"] if point[0] != "seconds"] == [
            point for point in before["metrics"] if point[0] != "seconds"
        ]
        assert len(after["models"][0]["metrics"]) == 4

    def test_a_description_that_a_person_has_written_is_kept(self, recorded, follow_once):
        assert follow_once(recorded) == (True, [])
        with closing(sqlite3.connect(recorded.database)) as database, database:
            database.execute("UPDATE tags SET value = 'Mine.' WHERE key = 'mlflow.note.content'")
            database.execute("UPDATE experiment_tags SET value = 'Mine.' WHERE key = 'mlflow.note.content'")
        recorded.write(ended=1_900_000_001.0)
        assert follow_once(recorded) == (True, [])
        notes = {run["tags"]["mlflow.note.content"] for run in read_content(recorded.database)}
        assert notes == {"Mine."}
        assert experiment_note(recorded) == "Mine."

    def test_the_experiments_description_begins_with_the_last_sweeps_answer_and_lists_each_sweep_once(
        self, recorded, follow_once
    ):
        later = recorded.sweep._replace(id="2026-01-05_00-00-00.000000", created=1_800_000_000.0)
        for sweep in (recorded, recorded._replace(sweep=later._replace(jobs=later.jobs[:1])), recorded):
            sweep.write()
            assert follow_once(sweep) == (True, [])
        first, table, _ = experiment_note(recorded).split("\n\n")
        assert "1 seed" in first
        assert [row.split(" | ")[2] for row in table.splitlines()[2:]] == ["1 finished", "2 finished, 1 diverged"]

    def test_artifacts_that_were_deleted_are_sent_again(self, recorded, follow_once, content_of):
        assert follow_once(recorded) == (True, [])
        shutil.rmtree(recorded.mlruns / "artifacts")
        assert follow_once(recorded) == (True, [])
        assert read_content(recorded.database) == content_of


class TestLive:
    """While its launch lives, MLflow shows a run as it grows."""

    @pytest.fixture
    def growing(self, trained, tables, tmp_path):
        """A sweep that nothing has happened of yet."""
        growing = trained.copy(tmp_path)
        shutil.rmtree(growing.mlruns / "runs")
        shutil.copy(tables, growing.mlruns)
        growing.write(state="running", ended=None)
        return growing

    def grow(self, growing, trained, number, lines):
        """Let a job's run come so far."""
        source, target = trained.run(number), growing.run(number)
        (target / "checkpoints").mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / "config.yaml", target)
        whole = (source / "events.jsonl").read_bytes().splitlines(keepends=True)[:lines]
        for line in whole:
            event = json.loads(line)
            if event["event"] == "epoch_end":
                name = f"checkpoints/epoch_{event['epoch']:03d}.npz"
                shutil.copy2(source / name, target / name)
        with (target / "events.jsonl").open("ab") as events:
            events.write(b"".join(whole)[events.tell() :])

    def test_points_and_checkpoints_appear_as_they_are_recorded(self, growing, trained, follow_live, content_of):
        with launch_lock(growing.mlruns, growing.sweep.id):
            following = follow_live(growing)
            following.until(lambda: "sweep seed" in read_statuses(growing.database))
            assert set(read_statuses(growing.database)) == {"sweep seed"}
            self.grow(growing, trained, 0, 3)
            following.until(lambda: "train.seed=0" in read_statuses(growing.database))
            following.until(lambda: len(content_by_name(growing)["train.seed=0"]["metrics"]) == 4)
            assert "checkpoints/epoch_000.npz" in content_by_name(growing)["train.seed=0"]["artifacts"]
            self.grow(growing, trained, 0, 7)
            following.until(lambda: len(content_by_name(growing)["train.seed=0"]["metrics"]) > 8)
            assert read_statuses(growing.database)["train.seed=0"] == "RUNNING"
            for number in range(3):
                shutil.copytree(trained.run(number), growing.run(number), dirs_exist_ok=True)
            growing.write()
        assert following.close()
        assert following.told == []
        assert read_content(growing.database) == content_of

    def test_a_database_deleted_amid_is_told_and_everything_is_sent_again(
        self, growing, trained, follow_live, content_of
    ):
        following = follow_live(growing)
        self.grow(growing, trained, 0, 7)
        following.until(lambda: "train.seed=0" in read_statuses(growing.database))
        growing.database.unlink()
        following.until(lambda: following.told)
        for number in range(3):
            shutil.copytree(trained.run(number), growing.run(number), dirs_exist_ok=True)
        growing.write()
        assert following.close()
        assert following.told == [
            (
                f"'{growing.database}' was deleted while it was in use. A new one is made, for the runs of this sweep; "
                "`convsweep sync` sends those of all others."
            )
        ]
        assert read_content(growing.database) == content_of

    def test_a_locked_database_is_told_once_and_then_everything_is_sent(
        self, growing, trained, follow_live, content_of, monkeypatch
    ):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{growing.database}?timeout=0.1")
        following = follow_live(growing)
        following.until(lambda: "sweep seed" in read_statuses(growing.database))
        with closing(sqlite3.connect(growing.database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for number in range(3):
                shutil.copytree(trained.run(number), growing.run(number))
            following.until(lambda: following.told)
            time.sleep(1)
            other.execute("ROLLBACK")
        growing.write()
        assert following.close()
        assert following.told == [
            (
                f"MLflow's store 'sqlite:///{growing.database}?timeout=0.1' cannot be used: "
                "the database is locked by another program. Training goes on, and is sent once this is mended."
            )
        ]
        assert read_content(growing.database) == content_of

    def test_a_store_that_is_slow_to_refuse_is_tried_again(self, recorded, content_of, killable):
        """Patience begins with the first refusal: that may come late, and another program be over soon after."""
        with closing(sqlite3.connect(recorded.database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            mirror = killable(mirror_to_its_end, recorded.mlruns, recorded.sweep.id)
            time.sleep(9)  # a try waits for five seconds
            other.execute("ROLLBACK")
        mirror.join()
        assert mirror.exitcode == 0
        assert read_content(recorded.database) == content_of


class TestSync:
    """``sync`` sends what is missing of all sweeps that are over."""

    def test_it_sends_everything_and_then_nothing(self, recorded, content_of):
        from convsweep.tracking.mirror import sync

        assert [(done.num_sent, done.live, done.problems) for done in sync(recorded.mlruns)] == [(3, False, ())]
        assert read_content(recorded.database) == content_of
        assert [(done.num_sent, done.live, done.problems) for done in sync(recorded.mlruns)] == [(0, False, ())]
        assert read_content(recorded.database) == content_of

    def test_it_leaves_a_live_sweep_to_its_own_mirror(self, recorded):
        from convsweep.tracking.mirror import sync

        with launch_lock(recorded.mlruns, recorded.sweep.id):
            assert [done.live for done in sync(recorded.mlruns)] == [True]
        assert read_content(recorded.database) == []

    def test_a_full_disk_is_told_in_one_line(self, recorded, mount):
        from convsweep.tracking.mirror import sync
        from convsweep.tracking.store import StoreError

        mount(recorded.mlruns / "artifacts", "size=64k")
        with pytest.raises(StoreError, match="cannot be written: No space left on device") as failure:
            list(sync(recorded.mlruns))
        assert "\n" not in str(failure.value)


@pytest.fixture
def mount(request):
    """Put a small disk at a path."""
    import subprocess

    def at(path, options):
        path.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", path]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"needs to mount a small disk: {done.stderr.strip()}")
        request.addfinalizer(lambda: subprocess.run(["umount", path], check=True, capture_output=True))

    if os.geteuid() != 0:
        pytest.skip("needs to mount a small disk")
    return at
