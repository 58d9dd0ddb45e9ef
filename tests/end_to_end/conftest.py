"""What the end-to-end tests share: workplaces where the real program runs, and eyes for what it leaves there.

Nothing is imitated: every command is a process of its own, the store is MLflow's SQLite database, read
here without MLflow, so that what MLflow's own code believes of it doesn't matter.
"""

import hashlib
import itertools
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlparse
from urllib.request import url2pathname

import numpy as np
import psutil
import pytest
from clusters import DaskCluster

from convsweep.hydra_app.compose import compose_run
from convsweep.nn.network import CNN
from convsweep.records.identity import run_key
from convsweep.records.journal import read_config, read_record

CONVSWEEP = Path(sys.executable).with_name("convsweep")
TINY = ("data.num_train=200", "data.num_valid=50", "data.num_test=50", "train.epochs=2")
GRID = ("data.num_train=2000", "data.num_valid=100", "data.num_test=100", "train.epochs=2")
AXES = ("train.learning_rate=0.005,0.02", "model.num_filters=4,8")
PATIENCE = 300  # seconds until a process that should have got somewhere is given up on

# a shell starts background jobs with SIGINT ignored, and then so would the programs started here
signal.signal(signal.SIGINT, signal.default_int_handler)


class Ending(NamedTuple):
    """How a process ended, and what it said."""

    status: int
    out: str
    err: str

    @property
    def traceback(self) -> bool:
        """Whether it showed its insides."""
        return "Traceback" in self.out + self.err

    @property
    def only_line(self) -> str:
        """The one line of complaint; anything else beside it is a failure."""
        assert self.status != 0, self.out + self.err
        assert not self.traceback, self.err
        lines = [line for line in self.err.splitlines() if line]  # after Ctrl-C click first ends the terminal's line
        assert len(lines) == 1, self.err
        assert lines[0].startswith("convsweep: "), self.err
        return lines[0].removeprefix("convsweep: ")


class Running:
    """A program that was started and is still to be waited for."""

    def __init__(self, command: Sequence[str | Path], folder: Path, environment: dict[str, str], log: Path) -> None:
        self._out, self._err = log.with_suffix(".out"), log.with_suffix(".err")
        with self._out.open("w") as out, self._err.open("w") as err:
            self.process = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=err)

    @property
    def out(self) -> str:
        """What it has said on standard output so far."""
        return self._out.read_text()

    def until(self, happened: Callable[[], bool]) -> None:
        """Wait until something has happened; the program must still be at it."""
        deadline = time.monotonic() + PATIENCE
        while not happened():
            assert self.process.poll() is None, f"ended too early:\n{self.out}{self._err.read_text()}"
            assert time.monotonic() < deadline, f"nothing happened:\n{self.out}{self._err.read_text()}"
            time.sleep(0.02)

    def send(self, signal_number: int) -> None:
        """Send a signal to the program alone."""
        self.process.send_signal(signal_number)

    def end(self) -> Ending:
        """Wait for the end."""
        status = self.process.wait(PATIENCE)
        return Ending(status, self.out, self._err.read_text())

    def family(self) -> list[psutil.Process]:
        """Return the program's processes: itself and all that it started."""
        itself = psutil.Process(self.process.pid)
        return [itself, *itself.children(recursive=True)]

    def stop_workers(self) -> None:
        """Let the processes that train stand still, so that nothing ends before something else has happened."""
        for process in self.family()[1:]:
            if any("popen_loky" in word for word in process.cmdline()):
                process.suspend()

    def kill(self) -> None:
        """Leave nothing behind, however the test went."""
        if self.process.poll() is None:
            for process in reversed(self.family()):
                process.kill()
            self.process.wait()


class LoggedRun(NamedTuple):
    """A run as the store has it."""

    id: str
    name: str
    status: str
    experiment: str
    artifacts: Path
    params: dict[str, str]
    tags: dict[str, str]
    history: list[tuple[str, int, float]]  # every logged metric: key, step, value; as logged
    datasets: list[tuple[str, str]]  # name, digest

    def metric(self, key: str) -> list[tuple[int, float]]:
        """Return a metric's steps and values."""
        return [(step, value) for name, step, value in self.history if name == key]

    def files(self) -> set[str]:
        """Return the artifacts' paths."""
        return {str(path.relative_to(self.artifacts)) for path in self.artifacts.rglob("*") if path.is_file()}


class Workplace:
    """A folder to run the program in, with nothing of this machine's MLflow settings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mlruns = folder / "mlruns"
        self.program = CONVSWEEP
        self._numbers = itertools.count()
        self._logs = folder.with_name(f"{folder.name}-output")
        self._logs.mkdir()

    def start(self, command: Sequence[str | Path], **environment: str) -> Running:
        """Start any program here."""
        # MLflow also looks for pytest's variables, and does then what it doesn't otherwise
        foreign = ("MLFLOW_", "HYDRA_", "PYTEST_")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        everything = inherited | {"MLFLOW_DISABLE_TELEMETRY": "true"} | environment
        return Running(command, self.folder, everything, self._logs / str(next(self._numbers)))

    @contextmanager
    def running(self, *arguments: str | Path, **environment: str) -> Iterator[Running]:
        """Have ``convsweep`` run while the body does."""
        program = self.start([self.program, *arguments], **environment)
        try:
            yield program
        finally:
            program.kill()

    def convsweep(self, *arguments: str | Path, **environment: str) -> Ending:
        """Run ``convsweep`` to its end."""
        with self.running(*arguments, **environment) as program:
            return program.end()

    def at_once(self, *commands: Sequence[str | Path], **environment: str) -> list[Ending]:
        """Run several ``convsweep``s at the same time, all to their ends."""
        with ExitStack() as programs:
            running = [programs.enter_context(self.running(*command, **environment)) for command in commands]
            return [program.end() for program in running]

    def train(self, *overrides: str, **environment: str) -> Ending:
        """Run ``convsweep train`` on few images."""
        return self.convsweep("train", *TINY, *overrides, **environment)

    def sweep(self, *overrides: str, **environment: str) -> Ending:
        """Run ``convsweep train -m`` on few images."""
        return self.convsweep("train", "-m", *TINY, *overrides, **environment)

    def runs(self, role: str = "run") -> list[LoggedRun]:
        """Return what the store has: runs, or with ``sweep`` the parents of sweeps; oldest first."""
        with closing(sqlite3.connect(self.mlruns / "mlflow.db")) as store:
            rows = store.execute(
                "SELECT run_uuid, runs.name, status, experiments.name, artifact_uri FROM runs "
                "JOIN experiments USING (experiment_id) ORDER BY start_time, runs.rowid"
            ).fetchall()
            found = [_logged_run(store, *row) for row in rows]
        return [run for run in found if run.tags.get("convsweep.role") == role]

    def record(self, run: LoggedRun) -> Path:
        """Return a run's own directory."""
        return self.mlruns / "runs" / run.tags["convsweep.run_key"]

    def records(self) -> list[Path]:
        """Return the directories of all runs."""
        return sorted(self.mlruns.glob("runs/*"))

    def sweeps(self) -> list[dict]:
        """Return the records of all sweeps, oldest first."""
        return [json.loads(path.read_text()) for path in sorted(self.mlruns.glob("sweeps/*/sweep.json"))]

    def epochs_done(self) -> int:
        """Return how many epochs the furthest run has finished."""
        return max(self._epochs().values(), default=0)

    def all_begun(self, number: int) -> bool:
        """Tell whether so many runs have finished an epoch."""
        return sum(epoch >= 1 for epoch in self._epochs().values()) == number

    def all_shown(self, number: int) -> bool:
        """Tell whether MLflow shows so many runs as running, each with an epoch's end."""
        if not (self.mlruns / "mlflow.db").exists():
            return False
        shown = [run for run in self.runs() if run.status == "RUNNING" and len(run.metric("valid/accuracy")) > 1]
        return len(shown) == number

    def _epochs(self) -> dict[str, int]:
        """Return the last epoch that each record tells the end of."""
        return {
            path.parent.name: max(
                (event["epoch"] for event in read_events(path.parent) if event["event"] == "epoch_end"), default=0
            )
            for path in self.mlruns.glob("runs/*/events.jsonl")
        }


def _logged_run(store: sqlite3.Connection, run_id: str, *columns: str) -> LoggedRun:
    name, status, experiment, artifact_uri = columns

    def of_run(table: str, columns: str) -> list[tuple]:
        return store.execute(f"SELECT {columns} FROM {table} WHERE run_uuid = ? ORDER BY rowid", (run_id,)).fetchall()

    datasets = store.execute(
        "SELECT name, digest FROM inputs JOIN datasets ON source_id = dataset_uuid "
        "WHERE source_type = 'DATASET' AND destination_id = ?",
        (run_id,),
    ).fetchall()
    return LoggedRun(
        id=run_id,
        name=name,
        status=status,
        experiment=experiment,
        artifacts=Path(url2pathname(urlparse(artifact_uri).path)),
        params=dict(of_run("params", "key, value")),
        tags=dict(of_run("tags", "key, value")),
        history=of_run("metrics", "key, step, value"),
        datasets=datasets,
    )


def read_events(record: Path) -> list[dict]:
    """Return a record's events without their times, which no two runs share.

    A line that is being written doesn't count yet.
    """
    lines = (record / "events.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines if line.endswith("}")]
    return [{key: value for key, value in event.items() if key not in ("time", "seconds", "crc32")} for event in events]


@pytest.fixture(scope="session")
def tables(tmp_path_factory):
    """A database with MLflow's tables and nothing in them: making them takes two seconds, copying them none."""
    path = tmp_path_factory.mktemp("tables") / "mlflow.db"
    upgrade = [sys.executable, "-m", "mlflow", "db", "upgrade", f"sqlite:///{path}"]
    subprocess.run(upgrade, check=True, capture_output=True)
    return path


@pytest.fixture(scope="session")
def new_workplace(tmp_path_factory, tables):
    """Make a workplace; its store is there but empty, unless a fresh one is what is tested."""

    def make(*, store=True):
        workplace = Workplace(tmp_path_factory.mktemp("workplace"))
        if store:
            workplace.mlruns.mkdir()
            shutil.copy(tables, workplace.mlruns)
        return workplace

    return make


@pytest.fixture
def workplace(new_workplace):
    """A workplace whose store is empty."""
    return new_workplace()


@pytest.fixture
def bare_workplace(new_workplace):
    """A workplace where nothing was ever run."""
    return new_workplace(store=False)


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


@pytest.fixture(scope="session")
def grid_command():
    """The sweep that most tests look at: 2 learning rates x 2 filter counts."""
    return ("train", "-m", *GRID, *AXES)


@pytest.fixture(scope="session")
def grid(new_workplace, grid_command):
    """A workplace where that sweep was run, on a store that wasn't there before."""
    workplace = new_workplace(store=False)
    ending = workplace.convsweep(*grid_command)
    assert ending.status == 0, ending.err
    return workplace


@pytest.fixture(scope="session")
def best(grid):
    """The run of that sweep with the best accuracy on ``valid``, and of equals the lowest loss."""
    return max(grid.runs(), key=lambda run: (run.metric("valid/accuracy")[-1][1], -run.metric("valid/loss")[-1][1]))


@pytest.fixture(scope="session")
def key_of():
    """The run key of a tiny run with these overrides."""
    return lambda *overrides: run_key(compose_run([*TINY, *overrides]))


@pytest.fixture(scope="session")
def events_of():
    """The events in a record."""
    return read_events


@pytest.fixture(scope="session")
def digests_of():
    """The sha256 of every array of every checkpoint in a record, by epoch and name."""

    def digests(record):
        found = {}
        for path in sorted((record / "checkpoints").glob("*.npz")):
            with np.load(path, allow_pickle=False) as checkpoint:
                for name, array in checkpoint.items():
                    whole = f"{array.dtype}{array.shape}".encode() + array.tobytes()
                    found[path.stem, name] = hashlib.sha256(whole).hexdigest()
        assert found, f"no checkpoints in {record}"
        return found

    return digests


@pytest.fixture(scope="session")
def same(digests_of, events_of):
    """Assert that two workplaces hold the same records, bit for bit: of every epoch, and every metric."""

    def assert_same(workplace, other):
        assert [record.name for record in workplace.records()] == [record.name for record in other.records()]
        for record in other.records():
            assert digests_of(workplace.mlruns / "runs" / record.name) == digests_of(record)
            assert events_of(workplace.mlruns / "runs" / record.name) == events_of(record)

    return assert_same


@pytest.fixture(scope="session")
def network_of():
    """The network that a record's last checkpoint holds."""

    def network(record):
        parameters, config = read_record(record).checkpoint().parameters, read_config(record)
        return CNN([parameters], [0.0], padding=config.model.padding, pixels=config.data.pixels)

    return network


@pytest.fixture(scope="session")
def free_port():
    """Find a port that nobody listens on."""

    def find():
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    return find


@pytest.fixture(scope="session")
def healthy():
    """Whether an MLflow server answers at an address."""

    def ask(address):
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    return ask


@pytest.fixture(scope="module")
def on_dask(dask: DaskCluster) -> tuple[str, ...]:
    """Return what trains a sweep on the module's Dask cluster."""
    return ("train", "-m", "hydra.launcher.executor=dask", f"hydra.launcher.address={dask.address}")
