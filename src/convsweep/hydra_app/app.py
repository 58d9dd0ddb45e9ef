"""``convsweep train``: the Hydra application, one call of the task a run."""

import os
import sys
from collections.abc import Sequence

import hydra
from omegaconf import DictConfig, OmegaConf

from convsweep.hydra_app.compose import conf_dir, config_loader, parse
from convsweep.hydra_app.explain import one_line_errors
from convsweep.hydra_app.internals import completions
from convsweep.hydra_app.task import SingleRunError, TrainingTask
from convsweep.tracking.process import MirrorProcess


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
    # the run directory's name, which only a valid configuration has: Hydra asks for it before it writes anything
    OmegaConf.register_new_resolver("run_key", _run_key, replace=True)
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # Hydra hands errors on instead of printing them
    # the flag goes first: argparse takes no flag between overrides
    sys.argv = ["convsweep train", *sorted(arguments, key=lambda word: word not in ("-m", "--multirun"))]
    task = TrainingTask(arguments, mirror)
    try:
        with one_line_errors():
            hydra.main(config_path=str(conf_dir()), config_name="config", version_base="1.3")(task)()
    except SingleRunError as carrier:
        raise carrier.error from None
    return task.sweep_id


def complete(words: Sequence[str], incomplete: str) -> list[str]:
    """Return what a half-typed argument of ``convsweep train`` can become."""
    return completions(config_loader(), "config", " ".join([*words, incomplete]))


def _run_key(*, _root_: DictConfig) -> str:
    from convsweep.records.identity import run_key

    return run_key(parse(_root_))
