"""Why MLflow's store refuses: what its errors mean, in one line, without a password."""

import os
import re

import requests

from convsweep.credentials import without_credentials
from convsweep.tracking import addresses

LONGEST_REASON = 1000  # characters; MLflow's own remedies have up to 700
PACKAGES = {"psycopg": "psycopg[binary]", "psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient"}
USERNAME, PASSWORD, TOKEN = (f"MLFLOW_TRACKING_{name}" for name in ("USERNAME", "PASSWORD", "TOKEN"))
FROM = f"MLflow takes user and password from {USERNAME} and {PASSWORD}, or a token from {TOKEN}"
PATIENCE = 5.0  # seconds that a server has to say what it wants


def reason(error: Exception, uri: str) -> str:
    """Return an error's text in one line, and what matters of it where it is known to be long.

    Args:
        error: What MLflow, or a library that it uses, raised.
        uri: The store's address.
    """
    text = str(error)
    status = re.search(r"error code (40[13]|5\d\d) != |too many (5\d\d) error responses", text)
    if status is not None:
        return _of_status(int(status[1] or status[2]), uri)
    if isinstance(error, requests.RequestException) or "Max retries exceeded" in text or "timed out" in text.lower():
        return "it does not answer"
    if isinstance(error, ImportError) and error.name is not None:
        return f"it needs the package '{PACKAGES.get(error.name, error.name)}' (`pip install` it)."
    # of MLflow's client, of PostgreSQL's and of MySQL's
    away = ("failed with exception", "could not connect", "connection failed", "Connection refused", "terminating")
    if any(words in text for words in away):
        return "it does not answer"
    if "database is locked" in text:
        return "the database is locked by another program"
    of_the_driver = re.split(r"\[SQL:|\(Background on", text)[0]  # SQLAlchemy adds query and a link
    return one_line(addresses.without_secrets(of_the_driver, uri))


def is_forbidden(error: Exception) -> bool:
    """Tell whether a server answers, but not to this user."""
    return re.search(r"error code 40[13] != ", str(error)) is not None


def one_line(text: str) -> str:
    """Return a text in one line: whole, for its end may be the way out, unless it is a page of a web server's.

    What a server says may repeat what it was asked with: passwords and tokens are left out.
    """
    line = " ".join(without_credentials(text).split())
    return line if len(line) <= LONGEST_REASON else f"{line[:LONGEST_REASON]} ..."


def _of_status(status: int, uri: str) -> str:
    """Say what a server means by the status of its answer."""
    if status == 401:
        return f"it refuses the user and password, or the token, or that there are none (HTTP 401): {FROM}."
    if status == 403:
        return f"it forbids this to the user (HTTP 403): {FROM}."
    sends_token = TOKEN in os.environ and not (USERNAME in os.environ and PASSWORD in os.environ)
    if sends_token and _wants_password(uri):
        # subtle: MLflow's own server breaks on a token
        return f"it wants a user and a password (HTTP 401), no token: set {USERNAME} and {PASSWORD} instead of {TOKEN}."
    return f"it answers with an error of its own (HTTP {status})"


def _wants_password(uri: str) -> bool:
    """Tell whether a server asks for user and password, if it is asked without either, and without a token."""
    address = f"{addresses.without_user(uri).rstrip('/')}/api/2.0/mlflow/experiments/get-by-name"
    try:
        answer = requests.get(address, auth=lambda request: request, timeout=PATIENCE)  # nor what ~/.netrc holds
    except requests.RequestException:
        return False
    return answer.status_code == 401 and answer.headers.get("WWW-Authenticate", "").startswith("Basic")
