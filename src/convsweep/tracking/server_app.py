"""MLflow's server with a page of ours: the application that ``mlflow server --app-name convsweep`` runs.

MLflow documents such plugins (entry point group ``mlflow.app``). That its application takes routes is not: a test opens
the page. Which experiment is shown stands in environment variables, set by ``server.start``.

======================================== ==========================================================
/convsweep                               every sweep with its answer
/convsweep/VIEW                          goes on to a view of the last sweep, or of the last study
/convsweep/sweeps/ID/VIEW                the same of one sweep
/convsweep/sweeps/ID/files/NAME          a file of the sweep's page
======================================== ==========================================================
"""

import functools
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
from mlflow.entities import Run
from mlflow.server.fastapi_app import app
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from convsweep.compare.sweep_files import FILES
from convsweep.errors import UserError
from convsweep.tracking import pages
from convsweep.tracking.artifacts import local_folder
from convsweep.tracking.open_views import find_parent, open_view, sweep_parents, views_of
from convsweep.tracking.server import EXPERIMENT, MLRUNS, PARENT
from convsweep.tracking.store import Store, answering, open_existing
from convsweep.tracking.study import last_study
from convsweep.tracking.summary import shown_sweep

HEADERS = {"Content-Security-Policy": pages.POLICY}


def _answered(page: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """Turn a problem into a page that says it."""

    @functools.wraps(page)
    def answered(request: Request) -> Response:
        try:
            return page(request)
        except UserError as error:
            return HTMLResponse(pages.problem(str(error)), status_code=404, headers=HEADERS)

    return answered


@_answered
def index(request: Request) -> Response:  # noqa: ARG001 - Starlette's interface
    """Show every sweep with its answer."""
    store = _store()
    listed = [
        pages.ListedSweep(shown_sweep(parent), views_of(parent), [path.name for path in _files(parent)])
        for parent in sweep_parents(store)
    ]
    with answering(store.uri):
        study = last_study(store)
    text = pages.index(os.environ[EXPERIMENT], store.experiment_id, listed, study.info.run_name if study else None)
    return HTMLResponse(text, headers=HEADERS)


@_answered
def view(request: Request) -> Response:
    """Write a view and go on to it."""
    address = open_view(_store(), request.path_params["view"], request.path_params.get("sweep"))
    return HTMLResponse(pages.opener(address), headers=HEADERS)


@_answered
def file(request: Request) -> Response:
    """Serve a file of a sweep's page."""
    sweep, name = request.path_params["sweep"], request.path_params["name"]
    for path in _files(find_parent(_store(), sweep)):
        if path.name == name:
            return FileResponse(path)
    raise UserError(f"There is no file {name!r} of sweep {sweep!r} here.")


@functools.cache
def _store() -> Store:
    return open_existing(Path(os.environ[MLRUNS]), os.environ[EXPERIMENT])


def _files(parent: Run) -> list[Path]:
    """Return those files of a sweep's page that lie on this machine."""
    folder = local_folder(parent.info.artifact_uri)
    return [] if folder is None else [folder / name for name in FILES if (folder / name).exists()]


def _end_with_parent() -> None:
    """End the server once the command that started it is gone, though it was killed outright."""
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(int(os.environ[PARENT]))
        while parent.is_running() and parent.status() != psutil.STATUS_ZOMBIE:
            time.sleep(1)
    os.killpg(os.getpgrp(), signal.SIGKILL)  # a session of its own: the server and this process


threading.Thread(target=_end_with_parent, daemon=True).start()

# before all of MLflow's, the last of which takes any address
app.router.routes[:0] = [
    Route(pages.BASE, index),
    Route(f"{pages.BASE}/{{view}}", view),
    Route(f"{pages.BASE}/sweeps/{{sweep}}/{{view}}", view),
    Route(f"{pages.BASE}/sweeps/{{sweep}}/files/{{name}}", file),
]
