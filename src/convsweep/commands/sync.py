"""``convsweep sync``: tell MLflow what it does not know yet."""

from pathlib import Path

import click

from convsweep.commands.options import mlruns_option


@click.command()
@mlruns_option
@click.option(
    "--mirrors",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="How many processes send at a time, where there is much to be sent.",
)
def sync(mlruns: Path, mirrors: int) -> None:
    """Send to MLflow all that it does not know yet: after an outage, or what was trained without it."""
    from convsweep.errors import UserError
    from convsweep.terminal import counted, in_mlflow, say
    from convsweep.tracking.mirror import sync as send

    problems: list[str] = []
    num_sweeps = 0
    for synced in send(mlruns, mirrors=mirrors):
        num_sweeps += 1
        for line in synced.told:
            say(line)
        if synced.live:
            say(f"{synced.sweep.id}: under way; the command that runs it tells MLflow.")
        elif synced.num_sent:
            jobs = counted(len(synced.sweep.jobs), "job")
            say(f"{synced.sweep.id}: {synced.num_sent} of {jobs} sent; {in_mlflow(mlruns, synced.sweep)}.")
        problems += [f"{synced.sweep.id}: {problem}" for problem in synced.problems]
    if problems:
        raise UserError("\n".join(problems))
    say(
        f"MLflow has everything that was launched here ({num_sweeps} {'launch' if num_sweeps == 1 else 'launches'})."
        if num_sweeps
        else f"There is nothing in '{mlruns}'."
    )
