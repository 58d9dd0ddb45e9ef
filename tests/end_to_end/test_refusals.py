"""Stores that don't answer and disks that refuse: one line, an honest exit status, nothing half-written."""

import sys

import pytest

from convsweep.records.journal import read_record

FEW = ("data.num_train=200", "data.num_valid=50", "data.num_test=50", "train.epochs=2")
LONG = ("train", "data.num_train=1000", "data.num_valid=50", "data.num_test=50", "train.epochs=30")


def trained_files(workplace):
    """Return the files that only training makes."""
    return [path for pattern in ("*.npz", "result.json", "*.png") for path in workplace.mlruns.rglob(pattern)]


class TestStore:
    """A store that can't be used costs one line and the exit status, and no training."""

    NOBODY = "http://somebody:secret@127.0.0.1:1"

    @pytest.fixture(scope="class")
    @classmethod
    def unanswered(cls, new_workplace):
        """A run and a sweep whose server isn't there: their workplace and endings."""
        workplace = new_workplace(store=False)
        commands = ["train", *FEW], ["train", "-m", *FEW, "train.seed=1,2"]
        return workplace, workplace.at_once(*commands, MLFLOW_TRACKING_URI=cls.NOBODY)

    def test_everything_is_trained_though_the_server_is_away(self, unanswered):
        workplace, _ = unanswered
        assert len(list(workplace.mlruns.glob("runs/*/result.json"))) == 3
        assert {sweep["state"] for sweep in workplace.sweeps()} == {"finished"}

    def test_the_command_fails_in_one_line_that_says_what_to_do(self, unanswered):
        for ending in unanswered[1]:
            assert ending.only_line == "MLflow was not told everything; `convsweep sync` sends the rest."

    def test_what_is_wrong_with_the_server_is_told_once_while_training_and_once_at_the_end(self, unanswered):
        for ending in unanswered[1]:
            told = [line for line in ending.out.splitlines() if "does not answer" in line]
            while_training = [line for line in told if "Training goes on" in line]
            at_the_end = [line for line in told if "`convsweep sync` sends them" in line]
            assert len(while_training) <= 1  # none, if training was over before MLflow was imported
            assert len(at_the_end) == 1
            assert len(told) == len(while_training) + len(at_the_end)

    def test_a_password_is_neither_shown_nor_recorded(self, unanswered):
        workplace, endings = unanswered
        assert not any("secret" in ending.out + ending.err for ending in endings)
        recorded = [path for path in workplace.mlruns.rglob("*.json") if b"secret" in path.read_bytes()]
        assert recorded == []

    def test_sync_sends_it_to_a_store_that_works(self, unanswered):
        workplace, _ = unanswered
        assert workplace.convsweep("sync").status == 0
        assert {run.status for run in workplace.runs() + workplace.runs("sweep")} == {"FINISHED"}
        assert len(workplace.runs()) == 3
        assert "MLflow has everything" in workplace.convsweep("sync").out
        assert len(workplace.runs()) == 3

    def test_a_file_that_is_no_database_is_named_and_left_alone(self, bare_workplace):
        path = bare_workplace.folder / "letter.db"
        path.write_text("Dear reader, this is no database. " * 100)
        ending = bare_workplace.train(MLFLOW_TRACKING_URI=f"sqlite:///{path}")
        assert ending.status == 1
        assert str(path) in ending.out
        assert not ending.traceback
        assert path.read_text().startswith("Dear reader")
        assert len(list(bare_workplace.mlruns.glob("runs/*/result.json"))) == 1


class TestServerThatDies:
    """MLflow is a view of the run: the run goes on without it, and is sent to it afterwards."""

    @pytest.fixture(scope="class")
    @classmethod
    def abandoned(cls, new_workplace, tmp_path_factory, free_port, healthy):
        """A run whose server died during its second epoch, and how it ended."""
        workplace = new_workplace(store=False)
        port = free_port()
        server_folder = tmp_path_factory.mktemp("server")
        command = [
            sys.executable,
            "-m",
            "mlflow",
            "server",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--workers",
            "1",
        ]
        command += ["--backend-store-uri", f"sqlite:///{server_folder}/mlflow.db"]
        command += ["--artifacts-destination", str(server_folder / "artifacts")]
        server = workplace.start(command, MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false", PYTHONWARNINGS="ignore")
        try:
            server.until(lambda: healthy(f"http://127.0.0.1:{port}"))
            with workplace.running(*LONG, MLFLOW_TRACKING_URI=f"http://127.0.0.1:{port}") as program:
                program.until(lambda: workplace.epochs_done() >= 1)
                server.kill()
                ending = program.end()
        finally:
            server.kill()
        return workplace, ending

    def test_training_completes(self, abandoned):
        workplace, _ = abandoned
        assert workplace.epochs_done() == 30
        (record,) = workplace.records()
        assert (record / "result.json").exists()

    def test_it_is_told_once_while_training(self, abandoned):
        told = [line for line in abandoned[1].out.splitlines() if "Training goes on" in line]
        assert len(told) <= 1  # none, if training was over first
        assert "`convsweep sync` sends" in abandoned[1].out

    def test_the_command_fails_in_one_line_that_says_how_to_go_on(self, abandoned):
        assert "`convsweep sync` sends the rest" in abandoned[1].only_line

    def test_sync_with_a_store_that_works_sends_it(self, abandoned, events_of):
        workplace, _ = abandoned
        assert workplace.convsweep("sync").status == 0
        (run,) = workplace.runs()
        assert (run.status, run.tags["convsweep.reused"]) == ("FINISHED", "false")
        evaluations = [event for event in events_of(workplace.record(run)) if event.get("split") == "valid"]
        assert run.metric("valid/accuracy") == [(event["step"], event["accuracy"]) for event in evaluations]
        assert len(evaluations) == 31


class TestDisk:
    """Disks that are full or read-only, in different places."""

    def test_everything_is_read_only(self, bare_workplace, mount):
        mount(bare_workplace.mlruns, "size=8m,ro")
        assert "Read-only file system" in bare_workplace.train().only_line

    def test_everything_is_full_from_the_start(self, bare_workplace, mount):
        mount(bare_workplace.mlruns, "size=4k,nr_inodes=2")
        assert "No space left on device" in bare_workplace.train().only_line
        assert trained_files(bare_workplace) == []

    def test_the_disk_fills_up_in_the_course_of_a_run(self, workplace, mount):
        """Two checkpoints of 55 KB have room, a third has not, and then the figures; each time, the run goes on."""
        again = mount(workplace.mlruns / "runs", "size=160k")
        assert "No space left on device" in workplace.train().only_line
        assert self.last_epoch(workplace) == 1

        again("size=240k")
        ending = workplace.train()
        assert "goes on after epoch 1 of 2" in ending.out
        assert "No space left on device" in ending.only_line
        assert self.last_epoch(workplace) == 2

        again("size=8m")
        ending = workplace.train()
        assert (ending.status, ending.err) == (0, "")
        assert [run.status for run in workplace.runs()] == ["FINISHED"]

    def last_epoch(self, workplace):
        """Return the last epoch that can be gone on from; there must be nothing half-written."""
        (directory,) = workplace.records()
        record = read_record(directory)
        assert (record.result, record.damage) == (None, ())
        assert [path for path in directory.rglob(".*") if path.is_file()] == []
        return record.last_epoch

    def test_there_is_no_room_for_artifacts_but_for_the_record(self, workplace, mount):
        mount(workplace.mlruns / "artifacts", "size=64k")
        ending = workplace.train()
        assert "`convsweep sync` sends the rest" in ending.only_line
        assert "No space left on device" in ending.out
        (directory,) = workplace.records()
        assert read_record(directory).result is not None
