"""Stores that don't answer and disks that refuse: one line, an honest exit status, nothing half-written."""

import subprocess
import sys

import pytest

from convsweep.records.journal import load_checkpoint

LONG = ("train", "data.num_train=1000", "data.num_valid=50", "data.num_test=50", "train.epochs=30")


def trained_files(workplace):
    """Return the files that only training makes."""
    return [path for pattern in ("*.npz", "result.json", "*.png") for path in workplace.mlruns.rglob(pattern)]


class TestStore:
    """A store that can't be used is found out before anything is trained."""

    NOBODY = "http://127.0.0.1:1"

    @pytest.fixture(scope="class")
    @classmethod
    def unanswered(cls, new_workplace):
        """A run and a sweep whose server isn't there: their workplace and endings."""
        workplace = new_workplace(store=False)
        endings = workplace.at_once(["train"], ["train", "-m", "train.seed=1,2"], MLFLOW_TRACKING_URI=cls.NOBODY)
        return workplace, endings

    def test_nobody_answers(self, unanswered):
        for ending in unanswered[1]:
            assert ending.only_line == f"MLflow's store '{self.NOBODY}' cannot be used: it does not answer"

    def test_nothing_is_trained_then(self, unanswered):
        workplace, _ = unanswered
        assert trained_files(workplace) == []
        assert list(workplace.mlruns.glob("sweeps")) == []  # the sweep didn't come to its first job

    def test_the_file_is_no_database(self, bare_workplace):
        path = bare_workplace.folder / "letter.db"
        path.write_text("Dear reader, this is no database. " * 100)
        ending = bare_workplace.train(MLFLOW_TRACKING_URI=f"sqlite:///{path}")
        assert str(path) in ending.only_line
        assert "not a database" in ending.only_line
        assert trained_files(bare_workplace) == []
        assert path.read_text().startswith("Dear reader")

    def test_the_folder_cannot_be_made(self, bare_workplace):
        (bare_workplace.folder / "file").touch()
        path = bare_workplace.folder / "file" / "mlflow.db"
        ending = bare_workplace.train(MLFLOW_TRACKING_URI=f"sqlite:///{path}")
        assert str(path) in ending.only_line
        assert trained_files(bare_workplace) == []


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
        told = [line for line in abandoned[1].out.splitlines() if "failed, training goes on without it" in line]
        assert len(told) == 1

    def test_the_command_fails_in_one_line_that_says_how_to_go_on(self, abandoned):
        workplace, ending = abandoned
        (record,) = workplace.records()
        assert record.name in ending.only_line
        assert "The same command again will log it without training." in ending.only_line

    def test_the_same_command_with_a_store_that_works_logs_it(self, abandoned, events_of):
        workplace, _ = abandoned
        assert workplace.convsweep(*LONG).status == 0
        (run,) = workplace.runs()
        assert (run.status, run.tags["convsweep.reused"]) == ("FINISHED", "true")
        evaluations = [event for event in events_of(workplace.record(run)) if event.get("split") == "valid"]
        assert run.metric("valid/accuracy") == [(event["step"], event["accuracy"]) for event in evaluations]
        assert len(evaluations) == 31


@pytest.fixture
def mount(request):
    """Put a small disk at a path; what mounts it again with other options."""

    def at(path, options):
        path.mkdir(parents=True, exist_ok=True)

        def again(options):
            subprocess.run(["mount", "-o", f"remount,{options}", path], check=True, capture_output=True)

        try:
            done = subprocess.run(
                ["mount", "-t", "tmpfs", "-o", options, "tmpfs", path], capture_output=True, text=True, check=False
            )
        except OSError as error:
            pytest.skip(f"needs to mount a small disk: {error}")
        if done.returncode != 0:
            pytest.skip(f"needs to mount a small disk: {done.stderr.strip()}")
        request.addfinalizer(lambda: subprocess.run(["umount", path], check=True, capture_output=True))
        return again

    return at


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
        assert self.whole_checkpoints(workplace) == [0, 1]

        again("size=240k")
        ending = workplace.train()
        assert "goes on after epoch 1 of 2" in ending.out
        assert "No space left on device" in ending.only_line
        assert self.whole_checkpoints(workplace) == [0, 1, 2]

        again("size=8m")
        ending = workplace.train()
        assert ending.status == 0, ending.err
        assert [run.status for run in workplace.runs()] == ["FAILED", "FAILED", "FINISHED"]

    def whole_checkpoints(self, workplace):
        """Return the epochs of the checkpoints; there must be nothing else, and nothing half-written."""
        (record,) = workplace.records()
        assert not (record / "result.json").exists()
        assert [path for path in record.rglob(".*") if path.is_file()] == []
        return sorted(load_checkpoint(path).epoch for path in (record / "checkpoints").iterdir())

    def test_there_is_no_room_for_artifacts_but_for_the_record(self, workplace, mount):
        """As with a store that goes away: the run is complete, and the store doesn't say otherwise for ever."""
        mount(workplace.mlruns / "artifacts", "size=64k")
        ending = workplace.train()
        assert "The same command again will log it without training." in ending.only_line
        assert [run.status for run in workplace.runs()] == ["FAILED"]
        (record,) = workplace.records()
        assert (record / "result.json").exists()
