"""``convsweep ui``: MLflow's pages and ours, on this machine."""

from collections.abc import Mapping
from pathlib import Path

import click

from convsweep.commands.options import experiment_option, mlruns_option


@click.command()
@mlruns_option
@experiment_option
@click.option("--port", default=5000, show_default=True, type=click.IntRange(1, 65535), help="Port on 127.0.0.1.")
def ui(mlruns: Path, experiment: str, port: int) -> None:
    """Serve MLflow's web pages, with a page that lists all sweeps; print the addresses. Ctrl-C stops."""
    from convsweep.errors import UserError
    from convsweep.terminal import say
    from convsweep.tracking import server
    from convsweep.tracking.addresses import is_server, without_user
    from convsweep.tracking.open_views import last_views, open_view
    from convsweep.tracking.store import open_existing

    store = open_existing(mlruns, experiment)
    views = last_views(store)
    if not views:
        raise UserError(
            f"MLflow knows of no runs in '{store.shown}' yet: `convsweep train` makes some, "
            "`convsweep sync` sends those that were trained without it."
        )
    if is_server(store.uri):  # somebody else's server shows them already
        _print_addresses(without_user(store.uri).rstrip("/"), {view: open_view(store, view, None) for view in views})
        return
    server.check_port(port)
    address, log_path = f"http://{server.HOST}:{port}", mlruns / server.LOG
    process = server.start(store.uri, mlruns, experiment, port)
    try:
        say("Starting MLflow's server ...")
        server.wait_until_healthy(process, address, log_path)
        _print_addresses(address, {"sweeps": "convsweep"} | {view: f"convsweep/{view}" for view in views})
        say("Ctrl-C stops the server.")
        process.wait()
        raise UserError(f"MLflow's server ended by itself; '{log_path}' may say why.")
    except KeyboardInterrupt:
        say("Stopped.")
    finally:
        server.stop(process)


def _print_addresses(server: str, addresses: Mapping[str, str]) -> None:
    from convsweep.terminal import say

    width = max(map(len, addresses)) + 2
    for what, address in addresses.items():
        say(f"{what + ':':{width}}{server}/{address}")
