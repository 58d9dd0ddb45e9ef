"""From ``conf/`` and overrides to a checked ``RunConfig``: past this file nothing knows of OmegaConf."""

from collections.abc import Sequence
from pathlib import Path

from hydra import initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from convsweep.config import ConfigError, RunConfig, validate
from convsweep.hydra_app.explain import one_line_errors
from convsweep.runs.memory import check_memory_here


def conf_dir() -> Path:
    """Return the folder of YAML files: the checkout's ``conf``, or the copy inside an installed wheel."""
    checkout = Path(__file__).parents[3] / "conf"
    return checkout if (checkout / "config.yaml").is_file() else Path(__file__).parents[1] / "conf"


def config_loader() -> ConfigLoader:
    """Return Hydra's loader for ``conf_dir``."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return GlobalHydra.instance().config_loader()


def compose_run(overrides: Sequence[str] = ()) -> RunConfig:
    """Compose and check one run's configuration, as the command line would.

    Raises:
        ConfigError: It can't be composed, breaks a rule, or needs more memory than this machine has.
    """
    with one_line_errors():
        config = parse(config_loader().load_configuration("config", list(overrides), RunMode.RUN))
    check_memory_here(config)
    return config


def parse(composed: DictConfig, launched_in: Path | None = None) -> RunConfig:
    """Check what Hydra composed, and make its paths absolute.

    Args:
        composed: The configuration.
        launched_in: The folder that the command was given in; the current one, if left out.

    Raises:
        ConfigError: It breaks a rule.
    """
    if "experiment" in composed:
        rule = "a file of conf/experiment must begin with '# @package _global_'"
        raise ConfigError([f"'experiment' is not a section of the configuration; {rule}."])
    own = composed
    if "hydra" in composed:  # a job gets its configuration without, so its values can't refer to Hydra's
        own = OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])
        OmegaConf.copy_cache(from_config=composed, to_config=own)  # `${now:...}` stays what it was
    with one_line_errors():
        values = OmegaConf.to_container(own, resolve=True, throw_on_missing=True)
    return validate(values).resolved(launched_in or Path.cwd())
