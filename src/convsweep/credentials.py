"""Passwords and tokens of this process' environment: they are used, but neither shown nor written anywhere.

MLflow, PostgreSQL's library and stores of artifacts take them from environment variables, or from the address in
``MLFLOW_TRACKING_URI``.
"""

import os
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus, unquote, urlsplit

HIDDEN = "***"
OWNERS = ("MLFLOW_", "PG", "AWS_", "AZURE_", "GOOGLE_", "DATABRICKS_")  # whose variables may hold them
WORDS = ("PASSWORD", "TOKEN", "SECRET", "KEY")  # one of which is in such a variable's name
SHORTEST = 3  # characters: what is shorter would be found in any word
LIKELY = 8  # characters: in code, a shorter one may well be a word of its own: `dev`, `mlflow`


def credentials() -> dict[str, str]:
    """Return the environment's passwords and tokens, by the variables that hold them."""
    found = {}
    for name, value in os.environ.items():
        if name.startswith(OWNERS) and any(word in name for word in WORDS):
            found[name] = value
        elif name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_BACKEND_STORE_URI"):
            found[name] = _of_address(value)
    return {name: value for name, value in found.items() if len(value) >= SHORTEST}


def without_credentials(text: str, more: Iterable[str] = ()) -> str:
    """Return a text, for instance an error's, with stars in the place of passwords and tokens.

    Args:
        text: The text.
        more: Others beside the environment's.
    """
    for secret in sorted({*credentials().values(), *more}, key=len, reverse=True):  # one may be a part of another
        for written in _spellings(secret):
            text = text.replace(written, HIDDEN)
    # as a request's header carries them, user and password together in base64
    return re.sub(r"\b(Basic|Bearer) +[A-Za-z0-9+/=._~-]+", rf"\1 {HIDDEN}", text)


def variables_in(text: str) -> list[str]:
    """Return the variables whose password or token stands in a text as a word of its own.

    One of fewer than 8 characters is no evidence: it may stand there by chance.
    """
    found = {name: _spellings(secret) for name, secret in credentials().items() if len(secret) >= LIKELY}
    return [
        name
        for name, spellings in found.items()
        if any(re.search(rf"(?<!\w){re.escape(written)}(?!\w)", text) for written in spellings)
    ]


def _spellings(secret: str) -> set[str]:
    return {secret, quote(secret, safe=""), quote_plus(secret)}


def _of_address(address: str) -> str:
    """Return an address' password, or its token: a user without a password."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    is_server = parts.scheme in ("http", "https")
    return unquote(parts.password or (parts.username if is_server else "") or "")
