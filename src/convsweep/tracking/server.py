"""MLflow's server with a page of ours, as lean as it gets."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import requests

from convsweep.errors import UserError
from convsweep.records.files import writing

HOST = "127.0.0.1"
# environment variables that ``server_app`` reads
MLRUNS, EXPERIMENT, PARENT = "CONVSWEEP_MLRUNS", "CONVSWEEP_EXPERIMENT", "CONVSWEEP_PARENT"
LOG = "mlflow-server.log"
LEAN = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # eight more processes, for what no run here uses
    "PYTHONWARNINGS": "ignore",
}


def start(store_uri: str, mlruns: Path, experiment: str, port: int) -> "subprocess.Popen[bytes]":
    """Start the server in a session of its own: Ctrl-C reaches this process alone, which then stops it in order.

    Args:
        store_uri: What it serves.
        mlruns: The folder of everything; what the server says goes to ``LOG`` there.
        experiment: The MLflow experiment that our page shows.
        port: On this machine only.
    """
    log_path = mlruns / LOG
    shown = {MLRUNS: str(mlruns.absolute()), EXPERIMENT: experiment, PARENT: str(os.getpid())}
    # an address may hold a password, and everybody on a machine sees others' command lines
    shown["MLFLOW_BACKEND_STORE_URI"] = store_uri
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST]
    command += ["--app-name", "convsweep"]
    command += ["--port", str(port), "--workers", "1", "--uvicorn-opts", "--log-level warning"]
    with writing(log_path), log_path.open("wb") as server_log:
        return subprocess.Popen(
            command, env={**os.environ, **LEAN, **shown}, stdout=server_log, stderr=server_log, start_new_session=True
        )


def check_port(port: int) -> None:
    """Find out whether a port is free.

    Raises:
        UserError: It is not.
    """
    # MLflow itself would try for five seconds and then end with status 0
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise UserError(f"'--port' must be free (got {port}: {error.strerror}).") from error


def wait_until_healthy(server: "subprocess.Popen[bytes]", address: str, log_path: Path) -> None:
    """Wait until the server answers.

    Raises:
        UserError: It doesn't come up.
    """
    deadline = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < deadline:
        try:
            if requests.get(f"{address}/health", timeout=5).ok:
                return
        except requests.RequestException:
            pass
        time.sleep(0.1)
    raise UserError(f"MLflow's server did not come up; '{log_path}' may say why.")


def stop(server: "subprocess.Popen[bytes]") -> None:
    """Ask the server to end, once: asked twice, it prints tracebacks; killed outright, it leaves a child behind."""
    if server.poll() is None:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
