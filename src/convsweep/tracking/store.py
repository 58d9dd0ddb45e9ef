"""MLflow's store: opened such that whatever is wrong with it is told in one line, without a password, and soon.

The store is the SQLite file in ``mlruns``, or what ``MLFLOW_TRACKING_URI`` names: another SQLite file, a server, a
database server.
"""

import logging
import os
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

# before mlflow is imported. Repeating is our own business: whoever repeats must look first what got through
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")  # seconds
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

import sqlalchemy
from mlflow import MlflowClient
from mlflow.entities import Experiment, Run
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from requests import RequestException
from sqlalchemy.exc import SQLAlchemyError

from convsweep.errors import UserError
from convsweep.tracking import addresses, database
from convsweep.tracking.refusals import is_forbidden, reason

STORE_ERRORS = (MlflowException, RequestException, SQLAlchemyError, sqlite3.Error, ImportError)


class StoreError(UserError):
    """The store doesn't do what it was asked to; the text says which one and why.

    Args:
        text: What is told.
        away: Whether it would refuse anything else as well: it doesn't answer, is locked, is full.
    """

    def __init__(self, text: str, *, away: bool = True) -> None:
        self.away = away
        super().__init__(text)


class StoreForbidsError(StoreError):
    """A server wants another user, password or token: asking once more is in vain."""


class StoreDeletedError(StoreError):
    """The store's file is another one than was opened, or gone."""


class Store(NamedTuple):
    """An MLflow experiment, ready to write runs to."""

    uri: str  # with its password: never to be shown
    client: MlflowClient
    experiment_id: str
    told: tuple[str, ...]  # what a person must be told of the opening, a line each
    inode: int | None  # of an SQLite file
    engine: sqlalchemy.Engine | None  # of a database

    @property
    def shown(self) -> str:
        """The address as it may be shown."""
        return addresses.shown(self.uri)

    def check_file(self) -> None:
        """Find out whether an SQLite file is still the one that was opened.

        Raises:
            StoreDeletedError: It was deleted or replaced: what was written into it since is lost.
        """
        path = addresses.sqlite_path(self.uri)
        if path is not None and database.inode(path) != self.inode:
            raise StoreDeletedError(
                f"'{path}' was deleted while it was in use. A new one is made, for the runs of this sweep; "
                "`convsweep sync` sends those of all others."
            )

    def check_lock(self) -> None:
        """Find out whether an SQLite file can be written to: MLflow itself would wait for 20 s, in each call.

        Raises:
            StoreError: Another program has held its lock for some seconds, or it can't be written to at all.
        """
        path = addresses.sqlite_path(self.uri)
        if path is not None:
            with answering(self.uri):
                database.try_lock(path)

    def close(self) -> None:
        """Close all connections to a database, so that whoever opens it next starts from nothing."""
        if self.engine is not None:
            with suppress(*STORE_ERRORS):  # a server that is away has closed them itself
                self.engine.dispose()


def connect(mlruns: Path, experiment: str) -> Store:
    """Open the store for writing, making database and experiment if need be.

    Raises:
        StoreError: The store doesn't answer or can't be written to.
    """
    uri = addresses.with_patience(addresses.tracking_uri(mlruns))
    artifacts = mlruns.absolute() / "artifacts"
    with answering(uri):
        told, inode, engine = _prepare(uri, artifacts)
        path = addresses.sqlite_path(uri)
        if path is not None:
            database.try_lock(path)
        client = MlflowClient(uri)
        found = client.get_experiment_by_name(experiment) or _make_experiment(client, uri, experiment, artifacts)
        _check_experiment(found, uri)
        return Store(uri, client, found.experiment_id, tuple(told), inode, engine)


def open_existing(mlruns: Path, experiment: str) -> Store:
    """Open the store for reading.

    Raises:
        StoreError: The store doesn't answer, or has no such experiment.
    """
    uri = addresses.with_patience(addresses.tracking_uri(mlruns))
    none_yet = StoreError(f"No experiment '{experiment}' in '{addresses.shown(uri)}' yet: `convsweep train` makes one.")
    path = addresses.sqlite_path(uri)
    if path is not None and not path.exists():
        raise none_yet
    with answering(uri):
        told, inode, engine = _prepare(uri, mlruns.absolute() / "artifacts")
        client = MlflowClient(uri)
        found = client.get_experiment_by_name(experiment)
        if found is None:
            raise none_yet
        _check_experiment(found, uri)
        return Store(uri, client, found.experiment_id, tuple(told), inode, engine)


@contextmanager
def answering(uri: str) -> Iterator[None]:
    """Turn the store's refusal of what the body asks into one line.

    Raises:
        StoreError: It refuses.
    """
    try:
        yield
    except STORE_ERRORS as error:
        text = f"MLflow's store '{addresses.shown(uri)}' cannot be used: {reason(error, uri)}"
        kind = StoreForbidsError if is_forbidden(error) else StoreError
        raise kind(text, away=_is_away(error)) from error


def search(store: Store, condition: str) -> list[Run]:
    """Return all of the experiment's runs that meet a condition in MLflow's search language, newest first."""
    found: list[Run] = []
    token: str | None = None
    while True:
        page = store.client.search_runs([store.experiment_id], condition, page_token=token)
        found += page
        token = page.token
        if not token:
            return found


def _prepare(uri: str, artifacts: Path) -> tuple[list[str], int | None, sqlalchemy.Engine | None]:
    """Bring the store into a state in which MLflow itself can open it.

    Returns:
        What to tell a person, an SQLite file's inode, a database's engine.
    """
    for name in ("mlflow", "alembic", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what they have to say is in the errors that they raise
    told: list[str] = []
    path = addresses.sqlite_path(uri)
    if path is not None:
        try:
            told = database.prepare(path, artifacts)
        except OSError as error:
            raise StoreError(f"'{error.filename or path}' cannot be used: {error.strerror}.") from error
    elif addresses.is_sqlite(uri):
        raise StoreError(f"MLflow's store must be a file: sqlite:////FOLDER/mlflow.db (got '{addresses.shown(uri)}').")
    elif addresses.is_database(uri):
        # subtle: MLflow itself would try ten times, for 100 s
        probe = sqlalchemy.create_engine(uri)
        try:
            with probe.connect():
                pass
        finally:
            probe.dispose()
    engine = _sql_store(uri, artifacts).engine if addresses.is_database(uri) else None
    return told, None if path is None else database.inode(path), engine


def _sql_store(uri: str, artifacts: Path) -> SqlAlchemyStore:
    """Return MLflow's store of a database; all of a process's share one engine."""
    store = SqlAlchemyStore(uri, artifacts.absolute().as_uri())  # type: ignore[no-untyped-call] # MLflow's has none
    if store.engine.dialect.name == "sqlite" and not sqlalchemy.event.contains(store.engine, "connect", _dont_sync):
        sqlalchemy.event.listen(store.engine, "connect", _dont_sync)
        store.engine.dispose()
    return store


def _dont_sync(connection: sqlite3.Connection, _: object) -> None:
    """Let the write-ahead log wait for the disk at its checkpoints only: MLflow commits 30 times a run.

    A power cut can then cost the last transactions, never the database; and the records have what they told.
    """
    with closing(connection.cursor()) as cursor:
        cursor.execute("PRAGMA synchronous=NORMAL")


def _make_experiment(client: MlflowClient, uri: str, name: str, artifacts: Path) -> Experiment:
    try:
        if addresses.is_database(uri):
            # its artifacts' folder is called by its number: the name may be anything, `../x` say
            number = _sql_store(uri, artifacts).create_experiment(name)  # type: ignore[no-untyped-call] # nor this
        else:
            number = client.create_experiment(name)
    except MlflowException as error:
        found = client.get_experiment_by_name(name)  # made by another process meanwhile?
        if error.error_code != "RESOURCE_ALREADY_EXISTS" or found is None:
            raise
        return found
    return client.get_experiment(number)


def _check_experiment(experiment: Experiment, uri: str) -> None:
    if experiment.lifecycle_stage == "deleted":
        store = shlex.quote(addresses.shown(uri))
        raise StoreError(
            f"The experiment '{experiment.name}' was deleted in MLflow: `MLFLOW_TRACKING_URI={store} "
            f"mlflow experiments restore -x {experiment.experiment_id}` brings it back; 'tracking.experiment' can name "
            "another, for which `convsweep ui` has --experiment."
        )


def _is_away(error: Exception) -> bool:
    if isinstance(error, MlflowException):
        # the others are about what was sent: a value that is too long, a run that somebody has deleted
        return error.error_code in ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "PERMISSION_DENIED", "UNAUTHENTICATED")
    return True
