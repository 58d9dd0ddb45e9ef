"""Where MLflow's store is: addresses that fit whatever a folder is called, and that are shown without passwords."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from convsweep.credentials import HIDDEN, SHORTEST, without_credentials

# so that a database server that is away is found out within seconds. Of libpq's, the last is in milliseconds
PATIENCE = {"connect_timeout": "5", "tcp_user_timeout": "10000"}
SECRET_WORDS = ("pass", "token", "secret", "key")  # a query's field whose name holds one of these isn't shown


def tracking_uri(mlruns: Path) -> str:
    """Return ``MLFLOW_TRACKING_URI`` if it is set, the SQLite database in ``mlruns`` otherwise."""
    return os.environ.get("MLFLOW_TRACKING_URI") or sqlite_uri(mlruns.absolute() / "mlflow.db")


def sqlite_uri(path: Path) -> str:
    """Return the address of an SQLite file."""
    uri = URL.create("sqlite", database=str(path)).render_as_string()
    if uri == f"sqlite:///{path}":
        return uri
    # subtle: where characters had to be quoted, MLflow would make a folder of the quoted name, if it knew the prefix
    return "sqlite+pysqlite" + uri.removeprefix("sqlite")


def sqlite_path(uri: str) -> Path | None:
    """Return the absolute path of an SQLite store's file; None if the store is anything else.

    >>> sqlite_path("sqlite:////tmp/q.db?timeout=30")
    PosixPath('/tmp/q.db')
    """
    url = _parsed(uri)
    if url is None or _backend(url) != "sqlite" or url.database in (None, "", ":memory:"):
        return None
    return Path(str(url.database)).absolute()


def is_database(uri: str) -> bool:
    """Tell whether the store is a database that this program talks to itself, rather than a server."""
    return uri.partition(":")[0].partition("+")[0] in ("sqlite", "postgresql", "mysql", "mssql")


def is_sqlite(uri: str) -> bool:
    """Tell whether the store is SQLite: a file, or memory, which would be lost with the process."""
    return uri.partition(":")[0].partition("+")[0] == "sqlite"


def is_server(uri: str) -> bool:
    """Tell whether the store is an MLflow server."""
    return uri.startswith(("http://", "https://"))


def with_patience(uri: str) -> str:
    """Return the address with time-outs, where it can hold them and doesn't yet."""
    url = _parsed(uri)
    if url is None or _backend(url) != "postgresql":
        return uri
    missing = {name: value for name, value in PATIENCE.items() if name not in url.query}
    return url.update_query_dict(missing).render_as_string(hide_password=False)


def shown(uri: str) -> str:
    """Return an address as it may be shown.

    >>> shown("postgresql://me:word@host/runs?sslpassword=word")
    'postgresql://me:***@host/runs'
    >>> shown("https://token@host")
    'https://***@host'
    """
    url = _parsed(uri)
    if url is None:
        return uri
    hidden = [name for name in url.query if any(word in name for word in SECRET_WORDS)]
    ours = [name for name, value in PATIENCE.items() if url.query.get(name) == value]
    url = url.difference_update_query(hidden + ours)
    if is_server(uri) and url.username and not url.password:
        url = url.set(username="user", password="hidden")  # noqa: S106 - neither is one
        return url.render_as_string(hide_password=True).replace("user:***@", f"{HIDDEN}@")
    return url.render_as_string(hide_password=True)


def without_secrets(text: str, uri: str) -> str:
    """Return a text without what ``shown`` would not show of an address, and without the environment's credentials."""
    return without_credentials(text.replace(uri, shown(uri)), _secrets(uri))


def without_user(uri: str) -> str:
    """Return the address of a server without user, password and token.

    >>> without_user("https://me:word@host:5000/mlflow/")
    'https://host:5000/mlflow/'
    """
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _secrets(uri: str) -> list[str]:
    url = _parsed(uri)
    if url is None:
        return []
    secrets = [str(url.password)] if url.password else []
    if is_server(uri) and url.username and not url.password:
        secrets.append(url.username)
    for name, value in url.query.items():
        if any(word in name for word in SECRET_WORDS):
            secrets += [value] if isinstance(value, str) else list(value)
    return [secret for secret in secrets if len(secret) >= SHORTEST]


def _backend(url: URL) -> str:
    """Return the kind of database, whether or not SQLAlchemy knows it."""
    return url.drivername.partition("+")[0]


def _parsed(uri: str) -> URL | None:
    try:
        return make_url(uri)
    except (ArgumentError, ValueError):
        return None  # a folder, say, which MLflow itself refuses
