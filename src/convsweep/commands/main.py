"""The command line. Commands import what they need when they run, so that help and errors come at once."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

from convsweep.errors import UserError


class Terminated(KeyboardInterrupt):
    """SIGTERM, treated as Ctrl-C is."""


def main() -> NoReturn:
    """Run one of the commands below."""
    end(commands)


def end(command: click.Command) -> NoReturn:
    """Run a command and end the process, with status 0 only if everything asked for happened; errors are one line."""
    signal.signal(signal.SIGTERM, _on_sigterm)
    try:
        status = command(standalone_mode=False)
    except UserError as error:
        _fail(str(error))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt) as error:
        by_signal = isinstance(error.__cause__ or error, Terminated)  # click turns one into an Abort
        name, status = ("SIGTERM", 143) if by_signal else ("Ctrl-C", 130)
        # a command that starts anew says so in a note
        (what,) = getattr(error.__cause__ or error, "__notes__", ["goes on from the last finished epoch"])
        _fail(f"stopped by {name}; the same command {what}.", status)
    except OSError as error:
        what = "A file" if error.filename is None else f"'{error.filename}'"
        _fail(f"{what} cannot be used: {error.strerror}.")
    sys.exit(status if isinstance(status, int) else 0)


def _fail(text: str, status: int = 1) -> NoReturn:
    for line in text.splitlines():
        click.echo(f"convsweep: {line}", err=True)
    sys.exit(status)


def _on_sigterm(_number: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: what follows is the orderly end
    raise Terminated


def _complete_overrides(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from convsweep.hydra_app.app import complete

    return [CompletionItem(word) for word in complete(context.params.get("arguments") or (), incomplete)]


def _place(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which MLflow experiment a command reads."""
    command = click.option("--experiment", default="convsweep", show_default=True, help="MLflow experiment.")(command)
    return click.option(
        "--mlruns",
        type=click.Path(path_type=Path),
        default="mlruns",
        show_default=True,
        help="Folder of all that was run.",
    )(command)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="convsweep")
def commands() -> None:
    """Train a NumPy convolutional network, sweep its hyperparameters, compare the runs in MLflow.

    First: `convsweep train`, or a sweep: `convsweep train experiment=first_sweep`. Then: `convsweep compare`.
    """


@commands.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, shell_complete=_complete_overrides)
def train(arguments: tuple[str, ...]) -> None:
    """Train one run, or with -m a sweep (`convsweep train --help` tells more)."""
    from convsweep.hydra_app.app import launch

    launch(arguments)


@commands.command()
@_place
@click.option("--sweep", help="Id of the sweep, as printed; the last one if left out.")
@click.option("--all", "all_runs", is_flag=True, help="All runs of the experiment, not one sweep's.")
@click.option("--csv", type=click.Path(path_type=Path), help="Write the table to this file, too.")
@click.option("--png", type=click.Path(path_type=Path), help="Draw the comparison into this file.")
def compare(
    *, mlruns: Path, experiment: str, sweep: str | None, all_runs: bool, csv: Path | None, png: Path | None
) -> None:
    """Print the runs of the last sweep, best on `valid` first, and what they differ in."""
    from convsweep.compare.runs import compare_runs

    compare_runs(mlruns, experiment, sweep=sweep, all_runs=all_runs, csv=csv, png=png)


@commands.command()
@_place
@click.argument("overrides", nargs=-1, shell_complete=_complete_overrides)
@click.option("--seeds", type=int, help="Seeds 0 to N - 1; 20 if left out.", metavar="N")
@click.option("--strict", is_flag=True, help="39 seeds: their range alone then holds one more run with 95%.")
@click.option("--output", type=click.Path(path_type=Path), help="Folder for tables and pictures.")
@click.option("--expect", multiple=True, metavar="RULE=VERDICT", help="Fail unless this is the test loss's verdict.")
def reproduce(
    *,
    mlruns: Path,
    experiment: str,
    overrides: tuple[str, ...],
    seeds: int | None,
    strict: bool,
    output: Path | None,
    expect: tuple[str, ...],
) -> None:
    """Say which program the tutorial's reported numbers come from, with statistics.

    Trains its network under three gradient rules, 20 seeds each, on its own images (data=mnist; a minute on two
    cores). OVERRIDES choose others: data=mnist_5k, data.dir=FOLDER, data.num_train=1000 ...
    """
    if strict and seeds is not None:
        raise UserError(f"'--strict' means 39 seeds: leave '--seeds' out (got {seeds}).")
    num_seeds = 39 if strict else 20 if seeds is None else seeds
    try:
        from convsweep.commands.reproduce import reproduce as run

        run(mlruns, experiment, overrides, num_seeds=num_seeds, output=output, expected=expect)
    except KeyboardInterrupt as interruption:
        interruption.add_note("starts anew")
        raise


@commands.command()
@_place
@click.argument("run")
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
def predict(mlruns: Path, experiment: str, run: str, images: tuple[Path, ...]) -> None:
    """Say which digits image files show: any size, dark on light or light on dark.

    RUN is `best` (of the last sweep), a run's name or MLflow id, or a run key. IMAGES are files of one digit each.
    """
    from convsweep.commands.predict import predict_files

    predict_files(mlruns, experiment, run, images)


@commands.command()
@_place
@click.option("--port", default=5000, show_default=True, type=click.IntRange(1, 65535), help="Port on 127.0.0.1.")
def ui(mlruns: Path, experiment: str, port: int) -> None:
    """Serve MLflow's web pages and print the address of the last sweep's table. Ctrl-C stops."""
    from convsweep.commands.ui import serve

    serve(mlruns, experiment, port)


@commands.command()
@click.argument("overrides", nargs=-1, shell_complete=_complete_overrides)
@click.option("--png", type=click.Path(path_type=Path), help="Draw samples of every class into this file.")
def data(overrides: tuple[str, ...], png: Path | None) -> None:
    """Fetch a data set, check it and show what is in it.

    OVERRIDES are those of `convsweep train`: data=mnist data.dir=FOLDER data.num_train=60000 ...
    """
    from convsweep.commands.data import show

    show(overrides, png)
