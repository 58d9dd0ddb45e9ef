"""Passwords and tokens are not shown, whatever servers answer."""

import base64
import http.server
import threading

import pytest

from convsweep.credentials import credentials, without_credentials
from convsweep.tracking.store import StoreError, connect

TOKEN = "t0ken/with+signs"
PASSWORD = "correct horse"


class Echo(http.server.BaseHTTPRequestHandler):
    """A server that answers every request with an error that repeats what it was asked with."""

    status = 400

    def do_GET(self):
        body = f"cannot {self.path} {dict(self.headers)} {PASSWORD} {TOKEN}".encode()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the library's name

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def echo():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    "given",
    [
        {"MLFLOW_TRACKING_URI": "http://ada:correct%20horse@HOST", "MLFLOW_TRACKING_TOKEN": TOKEN},
        {"MLFLOW_TRACKING_URI": "http://t0ken%2Fwith%2Bsigns@HOST", "MLFLOW_TRACKING_PASSWORD": PASSWORD},
        {
            "MLFLOW_TRACKING_URI": "http://HOST",
            "MLFLOW_TRACKING_USERNAME": "ada",
            "MLFLOW_TRACKING_PASSWORD": PASSWORD,
            "AWS_SESSION_TOKEN": TOKEN,
        },
    ],
)
def test_an_error_text_of_a_server_that_repeats_the_request_is_told_without_secrets(echo, given, tmp_path, monkeypatch):
    for name, value in given.items():
        monkeypatch.setenv(name, value.replace("HOST", echo))
    with pytest.raises(StoreError) as refusal:
        connect(tmp_path, "convsweep")
    text = str(refusal.value)
    header = base64.b64encode(f"ada:{PASSWORD}".encode()).decode()
    for secret in (PASSWORD, TOKEN, "correct%20horse", "t0ken%2Fwith", header):
        assert secret not in text
    assert "***" in text  # what it said is told


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "it refuses the user and password, or the token, or that there are none (HTTP 401)"),
        (403, "it forbids this to the user (HTTP 403)"),
        (500, "it answers with an error of its own (HTTP 500)"),
        (503, "it answers with an error of its own (HTTP 503)"),
    ],
)
def test_a_server_or_proxy_that_refuses_is_told_by_its_status_not_as_one_that_is_away(
    echo, tmp_path, monkeypatch, status, said
):
    monkeypatch.setattr(Echo, "status", status)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://{echo}")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", TOKEN)
    with pytest.raises(StoreError) as refusal:
        connect(tmp_path, "convsweep")
    text = str(refusal.value)
    assert f"cannot be used: {said}" in text
    assert (status < 500) == text.endswith("MLFLOW_TRACKING_PASSWORD, or a token from MLFLOW_TRACKING_TOKEN.")
    assert TOKEN not in text


def test_only_what_may_be_a_secret_is_hidden(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "pw")  # shorter than any word
    monkeypatch.setenv("MY_TOKEN", "digits")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////tmp/mlflow.db")
    assert not {"MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MY_TOKEN", "MLFLOW_TRACKING_URI"} & set(
        credentials()
    )
    assert without_credentials("ada's digits: pw") == "ada's digits: pw"
