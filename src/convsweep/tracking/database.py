"""The SQLite file of MLflow's store: whole or not there at all, and at home wherever its folder is.

MLflow makes its tables in some eighty steps. A kill amid them leaves a file that no later start can use, so the file
is made under another name and renamed. MLflow also keeps absolute paths of artifacts: after ``mlruns`` was moved or
copied they are made to lead to the new place.
"""

import os
import re
import sqlite3
import time
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote
from urllib.request import url2pathname

import filelock
import mlflow
import mlflow.store.db.utils  # declares all tables
from alembic.script import ScriptDirectory
from mlflow.store.db.base_sql_model import Base
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from convsweep.errors import UserError
from convsweep.tracking.addresses import sqlite_uri

LOCK_PATIENCE = 60  # seconds; making a database takes two
STILL = 5.0  # seconds that a half-made file must not have been written to before it is taken for abandoned
COMPANIONS = ("-journal", "-wal", "-shm")  # what SQLite keeps beside a file while it is open

# where MLflow keeps the paths of artifacts: table, column, condition
LOCATIONS = (
    ("experiments", "artifact_location", "1"),
    ("runs", "artifact_uri", "1"),
    ("logged_models", "artifact_location", "1"),
    ("model_versions", "source", "1"),
    ("model_versions", "storage_location", "1"),
    ("trace_tags", "value", "key = 'mlflow.artifactLocation'"),
)


def prepare(path: Path, artifacts: Path) -> list[str]:
    """Bring an SQLite file into a state in which MLflow can open it; make it if need be.

    Args:
        path: The file.
        artifacts: The folder for the artifacts of experiments.

    Returns:
        What a person must be told, a line each.

    Raises:
        UserError: The file is of another program or version.
        OSError, sqlite3.Error: It can't be read or made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    told = []
    with file_lock(path):
        for leftover in path.parent.glob(f".{path.name}.*.tmp*"):
            leftover.unlink(missing_ok=True)
        state = _state(path)
        if state == "half made" and _is_abandoned(path):
            told.append(_set_aside(path))
            state = "missing"
        if state == "missing":
            _make(path, artifacts)
        elif path.parent == artifacts.parent:
            told += _bring_home(path, artifacts)
    return told


def inode(path: Path) -> int | None:
    """Return which file it is, to notice that it was deleted or replaced; None if there is none."""
    try:
        return path.stat().st_ino
    except OSError:
        return None


def try_lock(path: Path) -> None:
    """Find out whether a file can be written to.

    Raises:
        sqlite3.Error: Another program has held its lock for some seconds, or it can't be written to at all.
    """
    with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        database.execute("ROLLBACK")


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold the lock of whoever makes or changes the file as a whole: ``mlflow.lock`` for ``mlflow.db``."""
    lock = filelock.FileLock(path.with_suffix(".lock"), timeout=LOCK_PATIENCE)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise UserError(f"'{path.with_suffix('.lock')}' has been held for {LOCK_PATIENCE} s by another process.") from (
            error
        )
    try:
        yield
    finally:
        lock.release()


def _state(path: Path) -> str:
    """Return ``missing``, ``half made`` or ``whole``.

    Raises:
        UserError: It is the file of another program, or of another version of MLflow.
    """
    if not path.exists() or path.stat().st_size == 0:
        return "missing"
    with closing(sqlite3.connect(path)) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        tables = {name for name in tables if not name.startswith(("sqlite_", "_alembic_tmp_"))}
        if not tables:
            return "missing"
        revisions = _column(database, tables, "alembic_version", "version_num")
        experiments = _column(database, tables, "experiments", "experiment_id")
    expected = set(Base.metadata.tables)
    if revisions == [_newest_revision()] and expected <= tables:
        return "whole"
    if not experiments and tables <= expected | {"alembic_version"}:
        return "half made"
    if not revisions:
        raise UserError(f"'{path}' is a database of another program, not of MLflow.")
    raise UserError(
        f"'{path}' has the tables of another version of MLflow than {mlflow.__version__}. If that was an older one, "
        f'`mlflow db upgrade "{sqlite_uri(path)}"` brings them up to date; keep a copy of the file before.'
    )


def _column(database: sqlite3.Connection, tables: set[str], table: str, column: str) -> list[object]:
    if table not in tables:
        return []
    return [value for (value,) in database.execute(f"SELECT {column} FROM {table}")]  # noqa: S608 - names of our own


def _newest_revision() -> str | None:
    migrations = Path(mlflow.__file__).parent / "store" / "db_migrations"
    return ScriptDirectory(str(migrations)).get_current_head()


def _is_abandoned(path: Path) -> bool:
    """Wait until a half-made file is either whole or hasn't been written to for a while.

    How long ago it was written to is not asked: on a shared disk, another clock than this machine's says when.
    """
    seen, since = _versions(path), time.monotonic()
    while _state(path) == "half made":
        if time.monotonic() > since + STILL:
            return True
        time.sleep(STILL / 10)
        versions = _versions(path)
        if versions != seen:
            seen, since = versions, time.monotonic()
    return False


def _versions(path: Path) -> list[tuple[int, int]]:
    """Return what tells whether the file, or one that SQLite keeps beside it, has been written to."""
    found = []
    for file in (path, *_companions(path)):
        with suppress(FileNotFoundError):
            state = file.stat()
            found.append((state.st_ctime_ns, state.st_size))
    return found


def _companions(path: Path) -> list[Path]:
    return [path.with_name(path.name + suffix) for suffix in COMPANIONS]


def _set_aside(path: Path) -> str:
    aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y-%m-%d_%H-%M-%S')}")
    for companion, suffix in zip(_companions(path), COMPANIONS, strict=True):
        if companion.exists():
            companion.replace(aside.with_name(aside.name + suffix))
    path.replace(aside)
    return f"'{path}' was only half made (a program was killed meanwhile): it is now '{aside.name}', and made anew."


def _make(path: Path, artifacts: Path) -> None:
    """Make the file with all its tables under another name, and rename it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    SqlAlchemyStore(sqlite_uri(temporary), artifacts.as_uri()).engine.dispose()  # type: ignore[no-untyped-call] # MLflow's has no types
    with closing(sqlite3.connect(temporary)) as database:
        database.execute("PRAGMA journal_mode=WAL")  # readers don't wait for writers; stays set
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    # subtle: the log of a file that was deleted would be taken for that of the new one
    for companion in _companions(path):
        companion.unlink(missing_ok=True)
    temporary.replace(path)


def _bring_home(path: Path, artifacts: Path) -> list[str]:
    """Make locations that lead to where ``mlruns`` was before lead to where it is."""
    with closing(sqlite3.connect(path)) as database:
        found = database.execute("SELECT experiment_id, name, artifact_location FROM experiments").fetchall()
        roots = [_old_root(number, name, location, artifacts) for number, name, location in found]
        old_roots = {root for root in roots if root is not None}
        if not old_roots:
            return []
        with database:  # one transaction
            database.execute("BEGIN IMMEDIATE")
            changed = {place: _replace_roots(database, place, old_roots, artifacts.as_uri()) for place in LOCATIONS}
    if changed[LOCATIONS[1]] == 0:
        return []  # no run was anywhere yet
    places = ", ".join(sorted(f"'{_path_of(old).parent}'" for old in old_roots))
    return [f"'{artifacts.parent}' was moved or copied from {places}: MLflow now looks for its artifacts here."]


def _replace_roots(
    database: sqlite3.Connection, place: tuple[str, str, str], old_roots: Collection[str], new: str
) -> int:
    """Make locations in one of the old folders lead to the new one; return how many there were."""
    table, column, condition = place
    return sum(
        database.execute(
            f"UPDATE {table} SET {column} = :new || substr({column}, length(:old) + 1) "  # noqa: S608 - our own names
            f"WHERE {condition} AND substr({column}, 1, length(:old)) = :old",
            {"old": f"{old}/", "new": f"{new}/"},
        ).rowcount
        for old in old_roots
    )


def _old_root(number: int, name: str, location: str | None, artifacts: Path) -> str | None:
    """Return the address of the folder of artifacts that an experiment's location lies in, if that isn't ours."""
    found = re.fullmatch(r"(file://.*/artifacts)/(.+)", location or "")
    if found is None or found[1] == artifacts.as_uri() or found[2] not in (str(number), name, quote(name)):
        return None
    old, here = _path_of(found[1]), artifacts / url2pathname(found[2])
    if old.exists() and artifacts.exists() and old.samefile(artifacts):
        return None  # the same folder by another path
    if old.exists() and not here.exists() and not (old.parent / "mlflow.db").exists():
        return None  # only the database was moved, the artifacts were left
    return found[1]


def _path_of(uri: str) -> Path:
    return Path(url2pathname(uri.removeprefix("file://")))
