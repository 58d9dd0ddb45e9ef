"""``convsweep ui``: MLflow's server, as lean as it gets, and the address of the page worth opening."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import requests

from convsweep.compare.runs import differing, load_runs
from convsweep.errors import UserError
from convsweep.records.journal import writing
from convsweep.terminal import console
from convsweep.tracking.names import CONFIG_TAG, HYPERPARAMETERS
from convsweep.tracking.store import Store, answering, open_existing
from convsweep.tracking.study import study_page
from convsweep.tracking.sweep import ROLE_TAG, jobs_of, last_sweep_id
from convsweep.tracking.views import save_views

HOST = "127.0.0.1"
LEAN = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # eight more processes, for what no run here uses
    "PYTHONWARNINGS": "ignore",
}


def serve(mlruns: Path, experiment: str, port: int) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Raises:
        UserError: There is nothing to show, the port is taken, or the server doesn't come up.
    """
    store = open_existing(mlruns, experiment)
    pages = _sweep_pages(store) | study_page(store)
    if not pages:
        raise UserError(f"There are no runs in '{store.uri}' yet: `convsweep train` makes one.")
    address = f"http://{HOST}:{port}"
    if store.uri.startswith("http"):  # somebody else's server shows them already
        _print_pages(store.uri.rstrip("/"), pages)
        return
    _check_port(port)
    log_path = mlruns / "mlflow-server.log"
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store.uri, "--host", HOST]
    command += ["--port", str(port), "--workers", "1", "--uvicorn-opts", "--log-level warning"]
    with writing(log_path), log_path.open("wb") as server_log:
        # a session of its own: Ctrl-C reaches this process alone, which then stops the server in order
        server = subprocess.Popen(
            command, env=os.environ | LEAN, stdout=server_log, stderr=server_log, start_new_session=True
        )
    try:
        _wait_until_healthy(server, address, log_path)
        _print_pages(address, pages)
        console.print("Ctrl-C stops the server.")
        server.wait()
        raise UserError(f"MLflow's server ended by itself; '{log_path}' may say why.")
    except KeyboardInterrupt:
        console.print("Stopped.")
    finally:
        _stop(server)


def _sweep_pages(store: Store) -> dict[str, str]:
    """Save views of the last sweep, or of all runs if there was none; return their addresses."""
    sweep_id = last_sweep_id(store)
    runs = load_runs(store, sweep_id)
    if runs.empty:
        return {}
    varied = differing(runs)
    params = [name for name in HYPERPARAMETERS.values() if name in varied] or list(HYPERPARAMETERS.values())
    tags = [CONFIG_TAG + name for name in varied if name not in params]
    condition = jobs_of(sweep_id) if sweep_id else f"tags.`{ROLE_TAG}` = 'run'"
    with answering(store.uri):
        return save_views(store, condition, params, tags)


def _print_pages(address: str, pages: dict[str, str]) -> None:
    for what, page in pages.items():
        console.print(f"{what + ':':8}{address}/{page}", soft_wrap=True, markup=False)


def _check_port(port: int) -> None:
    # MLflow itself would try for five seconds and then end with status 0
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise UserError(f"'--port' must be free (got {port}: {error.strerror}).") from error


def _wait_until_healthy(server: "subprocess.Popen[bytes]", address: str, log_path: Path) -> None:
    console.print("Starting MLflow's server ...")
    deadline = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < deadline:
        try:
            if requests.get(f"{address}/health", timeout=5).ok:
                return
        except requests.RequestException:
            pass
        time.sleep(0.1)
    raise UserError(f"MLflow's server did not come up; '{log_path}' may say why.")


def _stop(server: "subprocess.Popen[bytes]") -> None:
    """Ask the server to end, once: asked twice, it prints tracebacks; killed outright, it leaves a child behind."""
    if server.poll() is None:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
