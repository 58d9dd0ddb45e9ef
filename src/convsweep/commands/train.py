"""``convsweep train``: a run or a sweep. The arguments are Hydra's."""

import click

from convsweep.commands.options import complete_overrides


@click.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, shell_complete=complete_overrides)
def train(arguments: tuple[str, ...]) -> None:
    """Train one run, or with -m a sweep (`convsweep train --help` tells more)."""
    from convsweep.tracking.process import MirrorProcess

    runs_nothing = {"--help", "--hydra-help", "--version", "--cfg", "-c", "--info", "-i", "--resolve"} & set(arguments)
    untracked = "tracking.enabled=false" in arguments
    # it takes two seconds to import MLflow, while Hydra is imported and jobs are composed
    mirror = None if runs_nothing or untracked else MirrorProcess()
    try:
        from convsweep.hydra_app.app import launch

        launch(arguments, mirror)
    finally:
        if mirror is not None:
            mirror.kill()  # does nothing to one that was needed and is through
