"""``convsweep watch``: how far a sweep has come, whoever runs it, from any terminal that sees its records."""

import time
from datetime import datetime
from pathlib import Path

import click

from convsweep.commands.options import mlruns_option


@click.command()
@mlruns_option
@click.argument("sweep_id", metavar="[SWEEP]", required=False)
def watch(mlruns: Path, sweep_id: str | None) -> None:
    """Show how far a sweep has come, until it is over or Ctrl-C.

    SWEEP is its id, as printed; the last one if left out. Nothing is changed: leave and come back as you like.
    """
    from convsweep.records.sweep import find_sweep, is_live, is_under_way, read_sweep
    from convsweep.runs.watch import Rest
    from convsweep.terminal import Display, counted, in_mlflow, say

    sweep = find_sweep(mlruns, sweep_id)
    display, rest = Display(mlruns, sweep, sweep.jobs), Rest(mlruns, sweep)
    say(f"{'sweep' if sweep.multirun else 'run'} {sweep.id}: {counted(len(sweep.jobs), 'job')}")
    with display.shown():
        while is_under_way(mlruns, read_sweep(mlruns, sweep.id) or sweep) and not display.is_over:
            time.sleep(0.3)
            since = rest.look()
            if since is not None and not is_live(mlruns, sweep.id):
                say(_at_rest(since))
    if sweep.multirun and display.is_over:
        say("All jobs have ended: `convsweep compare` tells which is best.")
    elif not display.is_over:
        say("No command runs it any more; the same command as before goes on with it.")
    mirrored = in_mlflow(mlruns, sweep)
    if mirrored:
        say(f"{mirrored}.")


def _at_rest(since: float) -> str:
    when = datetime.fromtimestamp(since).strftime("%Y-%m-%d %H:%M")  # noqa: DTZ006 - local time
    return (
        f"No process trains it, and nothing was written since {when}: its tasks wait in the cluster's queue, or have "
        "died. The same command as before waits for those that are queued, and submits the others again."
    )
