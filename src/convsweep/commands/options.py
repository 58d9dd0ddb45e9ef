"""Options and completions that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from convsweep.errors import UserError

Command = Callable[..., Any]


def complete_overrides(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return what a half-typed override can become."""
    from convsweep.hydra_app.app import complete

    words = context.params.get("arguments") or context.params.get("overrides") or ()
    return [CompletionItem(word) for word in complete(words, incomplete)]


def mlruns_option(command: Command) -> Command:
    """Add the option that says where the records are."""
    return click.option(
        "--mlruns",
        type=click.Path(path_type=Path),
        default="mlruns",
        show_default=True,
        help="Folder of all that was run.",
    )(command)


def output_option(name: str, suffix: str, text: str) -> Callable[[Command], Command]:
    """Make an option that names a file to be written, whose name must say what it will hold.

    Args:
        name: Of the option: ``--png``.
        suffix: How the file's name must end, in upper or lower case.
        text: For the help.
    """

    def checked(_context: click.Context, _parameter: click.Parameter, path: Path | None) -> Path | None:
        if path is not None and path.suffix.lower() != suffix:
            raise UserError(f"'{name}' must name a file that ends in {suffix} (got '{path}').")
        return path

    return click.option(name, type=click.Path(path_type=Path), callback=checked, help=text)


def experiment_option(command: Command) -> Command:
    """Add the option that says which MLflow experiment is meant."""
    return click.option("--experiment", default="convsweep", show_default=True, help="MLflow experiment.")(command)
