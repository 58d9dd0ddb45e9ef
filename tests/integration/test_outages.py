"""Stores that go away and come back: MLflow's own server, a database server, and the process that talks to them."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from store_content import read_content, read_statuses

from convsweep.records.sweep import launch_lock
from convsweep.tracking.process import MirrorProcess

POSTGRESQL = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def comparable(content):
    """Return what a server's store and a local one have in common: not the places of files, which differ."""
    return json.loads(json.dumps([{**run, "artifacts": None, "models": len(run["models"])} for run in content]))


def files(server):
    """Return the names of all files that were sent to a server."""
    names = [path.relative_to(server.folder / "artifacts") for path in (server.folder / "artifacts").rglob("*.*")]
    return sorted("/".join(name.parts[3:]) for name in names if "models" not in name.parts)


@pytest.fixture
def grown(recorded, trained):
    """The sweep with nothing recorded yet, and what lets all of it be recorded."""
    shutil.rmtree(recorded.mlruns / "runs")
    (recorded.database).unlink()
    recorded.write(state="running", ended=None)

    def grow(*numbers):
        for number in numbers:
            shutil.copytree(trained.run(number), recorded.run(number))

    return recorded, grow


class TestServer:
    """MLflow's server over HTTP."""

    def test_everything_gets_there_once_though_the_server_was_killed_and_started_again(
        self, grown, new_server, follow_live, follow_once, content_of, monkeypatch
    ):
        recorded, grow = grown
        monkeypatch.setenv("MLFLOW_TRACKING_URI", new_server.address.replace("//", "//me:secret@"))
        following = follow_live(recorded)  # the server isn't there yet
        following.until(lambda: following.told)
        new_server.start()
        grow(0)
        following.until(lambda: read_statuses(new_server.database).get("train.seed=0") == "FINISHED")
        new_server.kill()
        grow(1, 2)
        time.sleep(1)
        new_server.start()
        following.until(lambda: len(read_statuses(new_server.database)) == 4)
        recorded.write()
        assert following.close()
        shown = new_server.address.replace("//", "//me:***@")
        assert following.told == [
            (
                f"MLflow's store '{shown}' cannot be used: it does not answer. "
                "Training goes on, and is sent once this is mended."
            )
        ]
        content = read_content(new_server.database)
        assert comparable(content) == comparable(content_of)
        sent = files(new_server)
        assert follow_once(recorded) == (True, [])
        assert read_content(new_server.database) == content
        assert files(new_server) == sent
        (seed_0,) = (run for run in content_of if run["name"] == "train.seed=0")
        assert {name for name in sent if name} >= set(seed_0["artifacts"])

    def test_a_model_loads_from_the_server(self, recorded, new_server, follow_once, monkeypatch):
        import mlflow
        import numpy as np

        monkeypatch.setenv("MLFLOW_TRACKING_URI", new_server.address)
        recorded.write(multirun=False, jobs=recorded.sweep.jobs[:1])
        new_server.start()
        assert follow_once(recorded) == (True, [])
        client = mlflow.MlflowClient(new_server.address)
        (model,) = client.search_logged_models(["1"])
        folder = Path(client.download_artifacts(str(model.source_run_id), "checkpoints"))
        assert sorted(path.name for path in folder.iterdir()) == [f"epoch_00{epoch}.npz" for epoch in range(3)]
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        path = mlflow.artifacts.download_artifacts(f"models:/{model.model_id}", tracking_uri=new_server.address)
        network = mlflow.pyfunc.load_model(path)
        assert network.predict(np.zeros((2, 28, 28), np.uint8)).shape == (2, 11)


class TestProcess:
    """The process that a launch starts."""

    def start(self, recorded):
        lines: list[str] = []
        process = MirrorProcess()
        process.follow(recorded.mlruns, recorded.sweep.id, lines.append)
        return process, lines

    def test_it_sends_what_is_left_and_ends_well(self, recorded, content_of, capfd):
        process, lines = self.start(recorded)
        assert process.finish(60)
        assert lines == []
        assert capfd.readouterr() == ("", "")
        assert read_content(recorded.database) == content_of

    def test_it_ends_by_itself_once_its_launch_was_killed_outright(self, recorded, follow_once, content_of):
        program = (
            "import sys, time; from pathlib import Path; from convsweep.tracking.process import MirrorProcess\n"
            "mirror = MirrorProcess(); mirror.follow(Path(sys.argv[1]), sys.argv[2], print)\n"
            "assert not {'mlflow', 'sqlalchemy'} & set(sys.modules)\n"
            "print(mirror._process.pid, flush=True); time.sleep(100)"
        )
        command = [sys.executable, "-c", program, recorded.mlruns, recorded.sweep.id]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as launch:
            mirror = int(launch.stdout.readline())
            launch.kill()
        deadline = time.monotonic() + 60
        while Path(f"/proc/{mirror}").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert follow_once(recorded) == (True, [])  # it may not have had the time for everything
        assert read_content(recorded.database) == content_of

    def test_a_store_that_is_away_costs_a_dozen_seconds_one_line_and_the_status(self, recorded, monkeypatch):
        with socket.socket() as silent:  # accepts, and never answers
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            address = f"http://127.0.0.1:{silent.getsockname()[1]}"
            monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
            process, lines = self.start(recorded)
            assert not process.finish(60)
        assert lines == [
            (
                f"MLflow's store '{address}' cannot be used: it does not answer. "
                f"The runs are complete in '{recorded.mlruns}': `convsweep sync` sends them."
            )
        ]

    def test_it_is_killed_after_the_timeout_and_that_is_told(self, recorded):
        process, lines = self.start(recorded)
        assert not process.finish(0.1)
        assert lines == ["MLflow did not take everything within 0 s: `convsweep sync` sends the rest."]

    def test_sigterm_ends_it_at_once_and_nothing_is_lost(self, recorded, follow_once, content_of):
        with launch_lock(recorded.mlruns, recorded.sweep.id):
            process, _ = self.start(recorded)
            time.sleep(2.5)
            os.kill(process._process.pid, signal.SIGTERM)
            assert process._process.wait(60) == -signal.SIGTERM
        process.finish(1)
        assert follow_once(recorded) == (True, [])
        assert read_content(recorded.database) == content_of

    def test_a_sweep_without_a_record_is_told(self, recorded):
        lines: list[str] = []
        process = MirrorProcess()
        process.follow(recorded.mlruns, "no such sweep", lines.append)
        assert not process.finish(60)
        assert lines == [f"There is no sweep 'no such sweep' in '{recorded.mlruns}'."]


class PostgreSQL:
    """A database server of its own."""

    def __init__(self, folder):
        self._data, self._bin = folder / "data", POSTGRESQL[-1]
        folder.chmod(0o777)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        (folder / "password").write_text("s3cret/word")
        self._run("initdb", "-U", "me", "-A", "scram-sha-256", f"--pwfile={folder}/password", "-D", self._data)
        self.address = f"postgresql://me:s3cret%2Fword@127.0.0.1:{self._port}/postgres"

    def start(self):
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        self._run("pg_ctl", "-w", "-D", self._data, "-l", self._data.parent / "log", "-o", options, "start")

    def stop(self):
        self._run("pg_ctl", "-w", "-D", self._data, "-m", "immediate", "stop")

    def has_runs(self):
        """Whether there is a table of runs with a run in it."""
        import psycopg

        try:
            with psycopg.connect(self.address) as connection:
                return connection.execute("SELECT count(*) FROM runs").fetchone() > (0,)
        except psycopg.Error:
            return False

    def _run(self, program, *arguments):
        command = ["runuser", "-u", "postgres", "--", self._bin / program, *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")


@pytest.fixture
def postgresql():
    pytest.importorskip("psycopg", reason="needs the extra 'postgresql'")
    if not POSTGRESQL or os.geteuid() != 0 or shutil.which("runuser") is None:
        pytest.skip("needs PostgreSQL's programs, and to start them as another user")
    folder = Path(subprocess.run(["mktemp", "-d"], check=True, capture_output=True, text=True).stdout.strip())
    server = PostgreSQL(folder)
    yield server
    server.stop()
    shutil.rmtree(folder)


class TestPostgreSQL:
    """A database server without MLflow's between."""

    def test_everything_gets_there_once_though_it_was_stopped_and_started_again(
        self, grown, postgresql, follow_live, follow_once, monkeypatch
    ):
        from mlflow import MlflowClient

        recorded, grow = grown
        monkeypatch.setenv("MLFLOW_TRACKING_URI", postgresql.address)
        following = follow_live(recorded)  # it isn't there yet
        following.until(lambda: following.told)
        postgresql.start()
        client = MlflowClient

        def runs():
            return {run.info.run_name: run for run in client(postgresql.address).search_runs(["1"])}

        following.until(postgresql.has_runs)  # asked without MLflow, which would make tables, too
        grow(0)
        following.until(lambda: runs().get("train.seed=0") and runs()["train.seed=0"].info.status == "FINISHED")
        postgresql.stop()
        grow(1, 2)
        time.sleep(1)
        postgresql.start()
        recorded.write()
        assert following.close()
        assert all("s3cret" not in line for line in following.told)
        assert len(following.told) == 1
        assert {name: run.info.status for name, run in runs().items()} == dict.fromkeys(
            ["sweep seed", "train.seed=0", "train.learning_rate=1000.0", "train.seed=1"], "FINISHED"
        )
        for name, run in runs().items():
            for key in run.data.metrics:
                steps = [metric.step for metric in client(postgresql.address).get_metric_history(run.info.run_id, key)]
                assert len(steps) == len(set(steps)), name
        assert follow_once(recorded) == (True, [])
        assert len(runs()) == 4
