"""``convsweep train``: the Hydra application, one call of the task a run."""

import os
import re
import sys
from collections.abc import Sequence

import hydra
from omegaconf import DictConfig, OmegaConf

from convsweep.config import ConfigError
from convsweep.credentials import credentials
from convsweep.hydra_app.compose import conf_dir, config_loader, parse
from convsweep.hydra_app.explain import one_line_errors
from convsweep.hydra_app.internals import completions
from convsweep.hydra_app.launching import DetachedError
from convsweep.hydra_app.task import DETACH, SingleRunError, TrainingTask, check_single_run
from convsweep.records.identity import run_key
from convsweep.terminal import say
from convsweep.tracking.process import MirrorProcess

MOST_LIKELY = 6  # characters: a shorter password may be a part of any word by chance
PURPOSES = {  # Hydra's flags that each ask for something else
    "-m": "sweep",
    "--multirun": "sweep",
    "-r": "run",
    "--run": "run",
    "-c": "configuration",
    "--cfg": "configuration",
    "-i": "information",
    "--info": "information",
    "-sc": "completion",
    "--shell-completion": "completion",
}


def launch(arguments: Sequence[str], mirror: MirrorProcess | None = None) -> str | None:
    """Run Hydra with the command line's arguments.

    Args:
        arguments: Those of ``convsweep train``.
        mirror: A process that will tell MLflow, started ahead. Whoever started it must end it if it wasn't needed.

    Returns:
        The id of the sweep (or of the single run's launch); None if nothing was to be run, as for ``--help``.

    Raises:
        UserError: Configuration, data or disk fail, or MLflow could not be told.
    """
    detach, arguments = DETACH in arguments, [word for word in arguments if word != DETACH]
    os.environ["HYDRA_FULL_ERROR"] = "1"  # whatever is set: Hydra hands errors on instead of printing them
    _check_flags(arguments)
    # the flag goes first: argparse takes no flag between overrides
    sys.argv = ["convsweep train", *sorted(arguments, key=lambda word: word not in ("-m", "--multirun"))]
    task = TrainingTask(arguments, mirror, detach=detach)

    def key_of_run(*, _root_: DictConfig) -> str:
        config = parse(_root_)
        check_single_run(config, _root_.hydra, detach=detach)
        return run_key(config)

    # the run directory's name, which only a valid configuration has: Hydra asks for it before it writes anything
    OmegaConf.register_new_resolver("run_key", key_of_run, replace=True)
    try:
        with one_line_errors():
            hydra.main(config_path=str(conf_dir()), config_name="config", version_base="1.3")(task)()
    except SingleRunError as carrier:
        raise carrier.error from None
    except DetachedError:
        say(
            f"The cluster goes on with sweep {task.sweep_id}: `convsweep watch {task.sweep_id}` shows how far it is; "
            "the same command waits for it, and tells MLflow."
        )
    return task.sweep_id


def complete(words: Sequence[str], incomplete: str) -> list[str]:
    """Return what a half-typed argument of ``convsweep train`` can become."""
    return completions(config_loader(), "config", " ".join([*words, incomplete]))


def _check_flags(arguments: Sequence[str]) -> None:
    """Refuse flags of Hydra's that can't be given together: it would show a traceback.

    Raises:
        ConfigError: There are such.
    """
    given = [word.partition("=")[0] for word in arguments if word.startswith("-")]
    purposes = [flag for flag in given if flag in PURPOSES]
    if len({PURPOSES[flag] for flag in purposes}) > 1:
        raise ConfigError([f"Only one of -m, --run, --cfg and --info can be given (got {' '.join(purposes)})."])
    _check_credentials(arguments)
    of_cfg = [flag for flag in given if flag in ("--resolve", "--package", "-p")]
    if of_cfg and not {"--cfg", "-c", "--help", "-h"} & set(given):
        raise ConfigError([f"'{of_cfg[0]}' needs --cfg job (or hydra, or all) beside it (got {' '.join(given)})."])


def _check_credentials(arguments: Sequence[str]) -> None:
    """Refuse arguments that hold a password or a token: they are recorded, here and in MLflow.

    Raises:
        ConfigError: There are such.
    """
    for name, secret in credentials().items():
        if len(secret) >= MOST_LIKELY and any(secret in word for word in arguments):
            raise ConfigError(
                [f"Arguments must not hold a password or a token: they are recorded (got that of {name})."]
            )
    for word in arguments:
        key = word.partition("=")[0]
        if re.search(r"env_set.*(PASSWORD|TOKEN|SECRET|_URI)", key):
            raise ConfigError([f"'{key}' would be recorded: set it in the environment of `convsweep train`."])
