"""``convsweep ui``: MLflow's pages, on this machine."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from convsweep.commands.options import experiment_option, mlruns_option

if TYPE_CHECKING:
    from convsweep.tracking.store import Store


@click.command()
@mlruns_option
@experiment_option
@click.option("--port", default=5000, show_default=True, type=click.IntRange(1, 65535), help="Port on 127.0.0.1.")
def ui(mlruns: Path, experiment: str, port: int) -> None:
    """Serve MLflow's web pages and print the address of the last sweep's table. Ctrl-C stops."""
    from convsweep.errors import UserError
    from convsweep.terminal import say
    from convsweep.tracking import server
    from convsweep.tracking.store import open_existing
    from convsweep.tracking.study import study_page

    store = open_existing(mlruns, experiment)
    pages = _sweep_pages(store, mlruns, experiment) | study_page(store)
    if not pages:
        raise UserError(
            f"MLflow knows of no runs in '{store.shown}' yet: `convsweep train` makes some, "
            "`convsweep sync` sends those that were trained without it."
        )
    if store.uri.startswith("http"):  # somebody else's server shows them already
        _print_pages(store.uri.rstrip("/"), pages)
        return
    server.check_port(port)
    address, log_path = f"http://{server.HOST}:{port}", mlruns / "mlflow-server.log"
    process = server.start(store.uri, port, log_path)
    try:
        say("Starting MLflow's server ...")
        server.wait_until_healthy(process, address, log_path)
        _print_pages(address, pages)
        say("Ctrl-C stops the server.")
        process.wait()
        raise UserError(f"MLflow's server ended by itself; '{log_path}' may say why.")
    except KeyboardInterrupt:
        say("Stopped.")
    finally:
        server.stop(process)


def _sweep_pages(store: "Store", mlruns: Path, experiment: str) -> dict[str, str]:
    """Save views of the last sweep, or of all runs if there was none; return their addresses."""
    from convsweep.compare.runs import load_runs, varied
    from convsweep.naming import HYPERPARAMETERS
    from convsweep.records.sweep import read_sweeps
    from convsweep.tracking.names import CONFIG_TAG, tagged
    from convsweep.tracking.store import answering, search
    from convsweep.tracking.views import save_views

    sweeps = [sweep for sweep in read_sweeps(mlruns) if sweep.experiment == experiment]
    last = next((sweep for sweep in sweeps if sweep.multirun), None)
    condition = tagged(role="run") if last is None else tagged(sweep=last.id, role="run")
    with answering(store.uri):
        if not search(store, condition):
            return {}
        keys = varied(load_runs(mlruns, last))
        params = [HYPERPARAMETERS[key] for key in keys if key in HYPERPARAMETERS] or list(HYPERPARAMETERS.values())
        return save_views(store, condition, params, [CONFIG_TAG + key for key in keys if key not in HYPERPARAMETERS])


def _print_pages(address: str, pages: dict[str, str]) -> None:
    from convsweep.terminal import say

    for what, page in pages.items():
        say(f"{what + ':':8}{address}/{page}")
