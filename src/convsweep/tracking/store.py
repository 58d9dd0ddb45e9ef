"""The MLflow store: made once, by one process, and never left with runs that only seem to run."""

import functools
import logging
import os
import re
import signal
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import filelock
import psutil

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # its default waits minutes for a dead server
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from requests import RequestException
from sqlalchemy import Engine, event
from sqlalchemy.exc import SQLAlchemyError

from convsweep.errors import UserError

OWNER_TAG = "convsweep.owner"
RUNNING = "attributes.status = 'RUNNING'"
STORE_ERRORS = (MlflowException, RequestException, SQLAlchemyError, OSError)


class Store(NamedTuple):
    """An MLflow experiment, ready to write runs to."""

    uri: str
    client: MlflowClient
    experiment_id: str


@event.listens_for(Engine, "connect")
def _trust_the_journal(connection: object, _: object) -> None:
    """Let SQLite's write-ahead log wait for the disk at its checkpoints only: MLflow commits 30 times a run.

    A power cut can then cost the last transactions, never the database; and the runs' own records have what they told.
    """
    if isinstance(connection, sqlite3.Connection):
        with suppress(sqlite3.DatabaseError):  # no database: that is told where it is used, without MLflow's retries
            connection.execute("PRAGMA synchronous=NORMAL")


def tracking_uri(mlruns: Path) -> str:
    """Return ``MLFLOW_TRACKING_URI`` if it is set, the SQLite database in ``mlruns`` otherwise."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{mlruns.absolute()}/mlflow.db"


@functools.cache
def connect(mlruns: Path, experiment: str) -> Store:
    """Open the store for writing, making database and experiment if need be; end runs whose process is gone.

    Raises:
        UserError: The store doesn't answer or can't be written to.
    """
    uri = tracking_uri(mlruns)
    _hush()
    with answering(uri):
        mlruns.mkdir(parents=True, exist_ok=True)
        # several processes that open a fresh database at once break each other's migration
        with filelock.FileLock(mlruns / "mlflow.lock"):
            mlflow.set_tracking_uri(uri)
            client = MlflowClient(uri)
            found = client.get_experiment_by_name(experiment)
            if found is not None:
                experiment_id = found.experiment_id
            elif uri.startswith("sqlite:"):
                artifacts = (mlruns / "artifacts" / experiment).absolute().as_uri()
                experiment_id = client.create_experiment(experiment, artifact_location=artifacts)
                with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as database:
                    database.execute("PRAGMA journal_mode=WAL")  # readers don't wait for writers; stays set
            else:
                experiment_id = client.create_experiment(experiment)
            mlflow.set_experiment(experiment_id=experiment_id)  # where models go, which only the fluent API logs
            store = Store(uri, client, experiment_id)
            _end_abandoned(store)
    return store


def open_existing(mlruns: Path, experiment: str) -> Store:
    """Open the store for reading.

    Raises:
        UserError: The store doesn't answer, or has no such experiment.
    """
    uri = tracking_uri(mlruns)
    _hush()
    none_yet = UserError(f"No experiment '{experiment}' in '{uri}' yet: `convsweep train` makes one.")
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).exists():
        raise none_yet
    with answering(uri):
        mlflow.set_tracking_uri(uri)
        client = MlflowClient(uri)
        found = client.get_experiment_by_name(experiment)
    if found is None:
        raise none_yet
    return Store(uri, client, found.experiment_id)


@contextmanager
def undisturbed(uri: str) -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back until the body is through: amid a transaction they could leave a database locked.

    A server is asked without: it may not answer, and then Ctrl-C is the way out.
    """
    if uri.startswith("http") or threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []
    handlers = {
        # not blocked by a mask, which another thread would not share: Python runs handlers in this one, whoever was hit
        number: signal.signal(number, lambda number, _: arrived.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if arrived:
            signal.raise_signal(arrived[0])


@contextmanager
def answering(uri: str) -> Iterator[None]:
    """Turn the store's refusal into one line; the body is undisturbed."""
    try:
        with undisturbed(uri):
            yield
    except STORE_ERRORS as error:
        raise UserError(f"MLflow's store '{uri}' cannot be used: {one_line(error)}") from error


def one_line(error: Exception) -> str:
    """Return an error's text in one line, and what matters of it where it is known to be long."""
    if isinstance(error, RequestException) or "Max retries exceeded" in str(error):
        return "it does not answer"
    of_the_driver = re.split(r"\[SQL:|\(Background on", str(error))[0]  # SQLAlchemy adds query and a link
    return " ".join(of_the_driver.split())[:200]


def owner() -> str:
    """Return who this process is: host, process number, and when it started (numbers are used again)."""
    return f"{socket.gethostname()}:{os.getpid()}:{psutil.Process().create_time():.2f}"


def search(store: Store, *conditions: str) -> list[Run]:
    """Return all of the experiment's runs that meet conditions in MLflow's search language, newest first."""
    found: list[Run] = []
    token: str | None = None
    while True:
        page = store.client.search_runs([store.experiment_id], " and ".join(conditions), page_token=token)
        found += page
        token = page.token
        if not token:
            return found


def _hush() -> None:
    """Keep libraries from talking of schema migrations (two screens) and of retries."""
    for name, level in (("mlflow", logging.WARNING), ("alembic", logging.WARNING), ("urllib3", logging.ERROR)):
        logging.getLogger(name).setLevel(level)


def _end_abandoned(store: Store) -> None:
    """Mark as KILLED what a process of this host began that is no more: killed outright, or the power went."""
    for run in search(store, RUNNING):
        host, _, process = run.data.tags.get(OWNER_TAG, "").partition(":")
        if host == socket.gethostname() and not _alive(process):
            store.client.set_terminated(run.info.run_id, "KILLED")


def _alive(process: str) -> bool:
    number, _, started = process.partition(":")
    try:
        return f"{psutil.Process(int(number)).create_time():.2f}" == started
    except psutil.NoSuchProcess:
        return False
