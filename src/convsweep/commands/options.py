"""Options and completions that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

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


def experiment_option(command: Command) -> Command:
    """Add the option that says which MLflow experiment is meant."""
    return click.option("--experiment", default="convsweep", show_default=True, help="MLflow experiment.")(command)
