"""From ``conf/`` and overrides to a checked ``RunConfig``: past this file nothing knows of OmegaConf."""

import re
from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from convsweep.config import ConfigError, RunConfig, hint, unknown_key, validate


def conf_dir() -> Path:
    """Return the folder of YAML files: the checkout's ``conf``, or the copy inside an installed wheel."""
    checkout = Path(__file__).parents[3] / "conf"
    return checkout if (checkout / "config.yaml").is_file() else Path(__file__).parents[1] / "conf"


def compose_run(overrides: Sequence[str] = ()) -> RunConfig:
    """Compose and check one run's configuration, as the command line would.

    Raises:
        ConfigError: Something in it breaks a rule.
    """
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        try:
            composed = compose("config", overrides=list(overrides))
        except (HydraException, OmegaConfBaseException) as error:
            raise explain(error) from error
    return parse(composed)


def parse(composed: DictConfig) -> RunConfig:
    """Check what Hydra composed.

    Raises:
        ConfigError: It breaks a rule.
    """
    ours = OmegaConf.masked_copy(composed, [str(key) for key in composed if key not in ("hydra", "experiment")])
    try:
        values = OmegaConf.to_container(ours, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise explain(error) from error
    return validate(values)


def explain(error: Exception) -> ConfigError:
    """Turn an error of Hydra's or OmegaConf's into one line."""
    if isinstance(error, MissingConfigException) and error.options is not None:
        group, _, choice = (error.missing_cfg_file or "").rpartition("/")
        options = sorted(error.options)
        return ConfigError([f"'{group}' must be one of {', '.join(options)} (got '{choice}').{hint(choice, options)}"])
    text = str(error)
    if unknown := re.search(r"Could not override '([^']+)'|Key '([^']+)' is not in struct", text):
        return ConfigError([unknown_key(unknown[1] or unknown[2])])
    return ConfigError([" ".join(text.split())])
