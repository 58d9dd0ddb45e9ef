"""What the tests of MLflow's view share: records made by real training, and stores that are copied, not made anew."""

import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import pytest
from store_content import read_content
from sweeps_on_disk import record

# settings of this machine's would change what is tested; those that our own modules make are made after this
for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
    del os.environ[name]

PATIENCE = 300  # seconds until a process that should have got somewhere is given up on


@pytest.fixture(scope="session")
def tables(tmp_path_factory):
    """A whole database without experiments of ours: making one takes a second, copying it none."""
    from convsweep.tracking.database import prepare

    mlruns = tmp_path_factory.mktemp("tables")
    assert prepare(mlruns / "mlflow.db", mlruns / "artifacts") == []
    return mlruns / "mlflow.db"


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A sweep of three runs, one of which diverges, and whose launch is over."""
    folder = tmp_path_factory.mktemp("trained")
    return record(folder, ["train.seed=0"], ["train.learning_rate=1000.0"], ["train.seed=1"])


@pytest.fixture
def recorded(trained, tables, tmp_path):
    """A copy of it with an empty store."""
    copy = trained.copy(tmp_path)
    shutil.copy(tables, copy.mlruns)
    return copy


@pytest.fixture(scope="session")
def follow_once():
    """Mirror a sweep whose launch is over; return whether MLflow has everything, and the lines told."""
    from convsweep.tracking.mirror import follow

    def mirror(recorded):
        told: list[str] = []
        closed = threading.Event()
        closed.set()
        return follow(recorded.mlruns, recorded.sweep.id, closed, told.append), told

    return mirror


class Following:
    """A mirror at work in a thread of this process."""

    def __init__(self, recorded, mirrors):
        from convsweep.tracking.mirror import follow

        self.told: list[str] = []
        self.result = None
        self._closed = threading.Event()

        def run():
            self.result = follow(recorded.mlruns, recorded.sweep.id, self._closed, self.told.append, mirrors=mirrors)

        self._thread = threading.Thread(target=run)
        self._thread.start()

    def until(self, happened):
        """Wait until something has happened."""
        deadline = time.monotonic() + PATIENCE
        while not happened():
            assert time.monotonic() < deadline, self.told
            assert self._thread.is_alive(), self.told
            time.sleep(0.02)

    def close(self):
        """Tell it that the launch is over; return whether MLflow has everything."""
        self._closed.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        return self.result


@pytest.fixture
def follow_live():
    """Begin to follow a sweep; it ends with the test at the latest."""
    begun = []

    def start(recorded, mirrors=1):
        begun.append(Following(recorded, mirrors))
        return begun[-1]

    yield start
    for following in begun:
        following.close()


@pytest.fixture(scope="session")
def content_of(trained, tables, follow_once, tmp_path_factory):
    """What an undisturbed mirror leaves of that sweep."""
    copy = trained.copy(tmp_path_factory.mktemp("undisturbed"))
    shutil.copy(tables, copy.mlruns)
    assert follow_once(copy) == (True, [])
    return read_content(copy.database)


@pytest.fixture(scope="session")
def killable():
    """Start a function in a process that has mlflow imported already, so that a kill falls into its work."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["convsweep.tracking.mirror"])

    def start(function, *arguments):
        process = context.Process(target=function, args=arguments)
        process.start()
        return process

    warm = start(time.sleep, 0)  # importing takes two seconds: not within the first test's time
    warm.join()
    return start


class Server:
    """MLflow's own server on an SQLite store of its own."""

    def __init__(self, folder):
        self.folder, self.database = folder, folder / "mlflow.db"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self._process = None

    def start(self):
        """Start it, and wait until it answers."""
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{self.database}"]
        command += ["--artifacts-destination", str(self.folder / "artifacts")]
        environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "PYTHONWARNINGS": "ignore"}
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, start_new_session=True, cwd=self.folder
            )
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def kill(self):
        """End it and its worker at once."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _answers(self):
        try:
            with urllib.request.urlopen(f"{self.address}/health", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False


@pytest.fixture
def new_server(tables, tmp_path):
    """A server that isn't started yet."""
    folder = tmp_path / "server"
    folder.mkdir()
    shutil.copy(tables, folder)
    server = Server(folder)
    yield server
    server.kill()
