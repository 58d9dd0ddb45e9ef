"""The program: its commands, how it ends, and what it says when something goes wrong."""

import signal
import sys
from types import FrameType
from typing import NoReturn

import click

from convsweep.commands.compare import compare
from convsweep.commands.data import data
from convsweep.commands.plan import plan
from convsweep.commands.predict import predict
from convsweep.commands.reproduce import reproduce
from convsweep.commands.sync import sync
from convsweep.commands.train import train
from convsweep.commands.ui import ui
from convsweep.commands.watch import watch
from convsweep.errors import FaultError, UserError


class Terminated(KeyboardInterrupt):
    """SIGTERM, treated as Ctrl-C is."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="convsweep")
def commands() -> None:
    """Train a NumPy convolutional network, sweep its hyperparameters, compare the runs, see them in MLflow.

    First: `convsweep train`, or a sweep: `convsweep train experiment=first_sweep`. Then: `convsweep compare`.
    """


for command in (train, plan, watch, compare, sync, ui, reproduce, predict, data):
    commands.add_command(command)


def main() -> NoReturn:
    """Run one of the commands."""
    end(commands)


def end(command: click.Command) -> NoReturn:
    """Run a command and end the process, with status 0 only if everything asked for happened; errors are one line."""
    signal.signal(signal.SIGTERM, _on_sigterm)
    goes_on = "train" in sys.argv[1:2]  # asked now: Hydra is given other arguments
    try:
        status = command(standalone_mode=False)
    except UserError as error:
        _fail(str(error))
    except FaultError as error:
        _fail(f"{error}\nThis is a fault of convsweep's own.")
    except click.ClickException as error:
        error.show()
        _exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt) as error:
        by_signal = isinstance(error.__cause__ or error, Terminated)  # click turns one into an Abort
        name, status = ("SIGTERM", 143) if by_signal else ("Ctrl-C", 130)
        what = "goes on from the last finished epoch" if goes_on else "starts anew"
        _fail(f"stopped by {name}; the same command {what}.", status)
    except OSError as error:
        what = "A file" if error.filename is None else f"'{error.filename}'"
        _fail(f"{what} cannot be used: {error.strerror}.")
    _exit(status if isinstance(status, int) else 0)


def _fail(text: str, status: int = 1) -> NoReturn:
    for line in text.splitlines():
        click.echo(f"convsweep: {line}", err=True)
    _exit(status)


def _exit(status: int) -> NoReturn:
    """Leave; a signal that comes now has nothing left to stop."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    sys.exit(status)


def _on_sigterm(_number: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: what follows is the orderly end
    raise Terminated
