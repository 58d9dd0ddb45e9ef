"""All that the project uses of Hydra's private API, each use with the reason why public API won't do.

Private is what lies under ``hydra._internal`` or begins with an underscore: any release may change it. No other file
touches it, and ``tests/unit/test_hydra_internals.py`` fails where a release behaves otherwise than these lines expect.
Plugins import this file, and every Hydra application imports every plugin: it must import nothing but Hydra.
"""

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hydra._internal.callbacks import Callbacks  # part of every `HydraContext`, also of one that calls none
from hydra._internal.config_loader_impl import (
    ConfigLoaderImpl,  # composes; the public `ConfigLoader` is an interface only
    get_overrides_dirname,
)
from hydra._internal.core_plugins.bash_completion import BashCompletion
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Override
from hydra.core.utils import JobReturn
from hydra.types import RunMode
from omegaconf import DictConfig

if TYPE_CHECKING:
    from hydra._internal.core_plugins.basic_launcher import BasicLauncher
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

__all__ = [
    "BasicLauncher",
    "BasicSweeper",
    "Callbacks",
    "ConfigLoaderImpl",
    "apply_overrides",
    "completions",
    "compose_command",
    "outcome",
    "override_dirname",
    "sweeper_params",
]


def __getattr__(name: str) -> object:
    """Look up Hydra's own launcher or sweeper, from which ours inherit: the public classes are interfaces only.

    subtle: they must not be imported with this file. When Hydra looks for plugins, it executes its own plugins' files
    again, and a class that inherits from the class of before fails in its constructor. Only then it imports ours.
    """
    modules = {"BasicLauncher": "basic_launcher", "BasicSweeper": "basic_sweeper"}
    if name not in modules:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(importlib.import_module(f"hydra._internal.core_plugins.{modules[name]}"), name)
    return found


def apply_overrides(overrides: Sequence[Override], config: DictConfig) -> None:
    """Change a composed configuration as Hydra does for the overrides of a command line.

    Public API composes with overrides; it can't apply them to what is composed already.

    Raises:
        ConfigCompositionException: A key isn't there, a value has no place, or there is nothing to delete.
    """
    ConfigLoaderImpl._apply_overrides_to_config(list(overrides), config)  # noqa: SLF001 - see above


def override_dirname(overrides: Sequence[Override], config: DictConfig) -> str:
    """Return what ``hydra.job.override_dirname`` is for these overrides, none of them Hydra's own.

    Public API computes it while it composes, and only then.
    """
    settings = config.hydra.job.config.override_dirname
    return get_overrides_dirname(
        list(overrides), exclude_keys=settings.exclude_keys, item_sep=settings.item_sep, kv_sep=settings.kv_sep
    )


def compose_command(config_name: str, overrides: Sequence[str], *, multirun: bool) -> tuple[RunMode, DictConfig]:
    """Return whether a command asks for a run or for a sweep, and its configuration, Hydra's node included.

    Public API composes single runs only. Hydra must have been initialised.

    Args:
        config_name: Of the primary configuration file.
        overrides: The command line without its flags.
        multirun: Whether the flag ``-m`` is among those; a configuration can ask for a sweep, too.
    """
    hydra = GlobalHydra.instance().hydra
    assert hydra is not None
    mode = RunMode.MULTIRUN if multirun else hydra.get_mode(config_name, list(overrides)) or RunMode.RUN
    return mode, hydra.compose_config(config_name, list(overrides), run_mode=mode)


def outcome(job: JobReturn) -> object:
    """Return what a job returned, or the exception that ended it.

    The public ``return_value`` of a failed job writes to standard error, then raises.
    """
    return job._return_value  # noqa: SLF001 - see above


def sweeper_params(sweeper: "BasicSweeper") -> list[str]:
    """Return ``hydra.sweeper.params`` as overrides, ``key=values``.

    The sweeper keeps them in a public attribute, but only its ``sweep`` makes overrides of them.
    """
    return sweeper._parse_config()  # noqa: SLF001 - see above


def completions(loader: ConfigLoader, config_name: str, line: str) -> list[str]:
    """Return what the last word of a command line can become.

    Hydra's public way is a shell script that knows no subcommands, such as the ``train`` of ``convsweep train``.

    Args:
        loader: Finds the configuration files.
        config_name: Of the primary one.
        line: The words, without the program's name.
    """
    found: list[str] = BashCompletion(loader)._query(config_name, line)  # noqa: SLF001 - see above
    return found
