"""``convsweep train``: the Hydra application, one call of ``job`` a run."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from convsweep.config import ConfigError
from convsweep.errors import UserError
from convsweep.hydra_app.compose import conf_dir, explain, parse
from convsweep.runs.jobs import Job
from convsweep.terminal import terminal


class _SingleRunError(BaseException):
    """Carries a single run's UserError past Hydra, which would print a line of its own about an Exception."""

    def __init__(self, error: UserError) -> None:
        self.error = error
        super().__init__(str(error))


def launch(arguments: Sequence[str]) -> None:
    """Run Hydra with the command line's arguments.

    Raises:
        UserError: Configuration, data, disk or MLflow fail.
    """
    # the run directory's name, which only a valid configuration has: Hydra asks for it before it writes anything
    OmegaConf.register_new_resolver("run_key", _run_key, replace=True)
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # Hydra hands errors on instead of printing them
    # the flag goes first: argparse takes no flag between overrides
    sys.argv = ["convsweep train", *sorted(arguments, key=lambda word: word not in ("-m", "--multirun"))]
    with terminal.bars():
        try:
            hydra.main(config_path=str(conf_dir()), config_name="config", version_base="1.3")(job)()
        except (HydraException, OmegaConfBaseException) as error:
            raise _config_error_behind(error) or explain(error) from error
        except _SingleRunError as carrier:
            raise carrier.error from None


def job(composed: DictConfig) -> float | None:
    """Run one job and return its accuracy on ``valid``, for sweepers that optimise."""
    # imported here, with mlflow: --help and errors in a configuration answer without
    from convsweep.runs.runner import run
    from convsweep.tracking.sweep import read_sweep

    settings = HydraConfig.get()
    if settings.mode == RunMode.MULTIRUN:
        sweep = read_sweep(Path(settings.sweep.dir))
        in_sweep = Job(parse(composed), sweep.axes if sweep else (), sweep)
        return run(in_sweep, lambda _, news: terminal.show(settings.job.num, news)).valid_accuracy
    given = OverridesParser.create().parse_overrides(list(settings.overrides.task))
    single = Job(parse(composed), tuple(override.get_key_element().lstrip("+") for override in given))
    try:
        return run(single, terminal.show).valid_accuracy
    except UserError as error:
        raise _SingleRunError(error) from error


def complete(words: Sequence[str], incomplete: str) -> list[str]:
    """Return what a half-typed argument of ``convsweep train`` can become."""
    from hydra._internal.config_loader_impl import ConfigLoaderImpl
    from hydra._internal.core_plugins.bash_completion import BashCompletion
    from hydra._internal.utils import create_config_search_path

    Plugins.instance()
    loader = ConfigLoaderImpl(config_search_path=create_config_search_path(str(conf_dir())))
    # Hydra's own shell scripts know programs without subcommands only, so click's ask Hydra here
    found: list[str] = BashCompletion(loader)._query("config", " ".join([*words, incomplete]))  # noqa: SLF001
    return found


def _run_key(*, _root_: DictConfig) -> str:
    from convsweep.records.identity import run_key

    return run_key(parse(_root_))


def _config_error_behind(error: BaseException | None) -> ConfigError | None:
    while error is not None and not isinstance(error, ConfigError):
        error = error.__cause__ or error.__context__  # OmegaConf hides the cause of what it raises
    return error
