"""The configurations of a sweep's jobs, composed in 1 to 3 ms each; Hydra takes 55.

Hydra reads and merges some ten files for each job, though the jobs of a sweep differ in a few values only. Here Hydra
composes once what jobs have in common, their *base*; a job is a copy of its base, changed by Hydra's own function for
overrides. The result equals Hydra's in every key. Where that isn't certain, Hydra composes the job.
"""

import pickle
import re
from collections.abc import Callable, Container, Sequence
from copy import deepcopy
from typing import NamedTuple, cast

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from convsweep.config import RunConfig
from convsweep.hydra_app.axes import overrides_of_hydra
from convsweep.hydra_app.compose import parse
from convsweep.hydra_app.explain import one_line_errors
from convsweep.hydra_app.internals import ConfigLoaderImpl, apply_overrides, override_dirname

NUM_BASES = 32  # that are kept, of 17 KB each: a sweep over more choices of files is slower


class SweepComposer(ConfigLoaderImpl):
    """Hydra's configuration loader, quick for the jobs of one sweep.

    Sweeper and launcher share it, and launchers send it to other processes: the bases stay behind then.

    Args:
        loader: Hydra's own; says where the configuration files are.
    """

    def __init__(self, loader: ConfigLoader) -> None:
        super().__init__(loader.get_search_path())
        self._groups = frozenset(self.list_groups(""))
        self.sweep_dir: str | None = None
        """The ``hydra.sweep.dir`` of every job, whatever its configuration says; None: as the configuration says.

        A sweep that is continued lies in an earlier one's folder, though its own configuration names a new one.
        """
        self._bases: dict[tuple[str, ...], _Base | HydraException] = {}

    def run_config(self, master_config: DictConfig, overrides: Sequence[str]) -> RunConfig:
        """Return what a job trains, checked.

        Args:
            master_config: The sweep's configuration.
            overrides: The job's.

        Raises:
            ConfigError: The configuration can't be composed, or breaks a rule.
        """
        with one_line_errors():
            return parse(self._own_config(master_config, overrides))

    def is_sweep_itself(self, master_config: DictConfig, overrides: Sequence[str]) -> bool:
        """Tell whether a job chooses a file that brings another sweep or launcher than its own: it would be ignored.

        Args:
            master_config: The sweep's configuration.
            overrides: The job's, which can be composed.
        """
        if all("." in override.partition("=")[0] for override in overrides):
            return False  # no file is chosen
        job = self.load_sweep_config(master_config, overrides)
        return bool(
            job.hydra.sweeper != master_config.hydra.sweeper or job.hydra.launcher != master_config.hydra.launcher
        )

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: Sequence[str]) -> DictConfig:
        """Return a job's whole configuration.

        Raises:
            HydraException: It can't be composed.
        """
        given = OverridesParser.create().parse_overrides(list(sweep_overrides))
        shares = _divide(given, self._groups)
        if shares is None:
            job = super().load_sweep_config(master_config, list(sweep_overrides))
        else:
            job = self._base(master_config, shares).copy_whole()
            apply_overrides(shares.of_job, job)
            own = [override for override in given if not override.is_hydra_override()]
            job.hydra.overrides.task = [override.input_line for override in own]
            job.hydra.job.override_dirname = override_dirname(own, job)
            OmegaConf.copy_cache(from_config=master_config, to_config=job)  # the same `${now:...}` in all jobs
        if self.sweep_dir is not None:
            job.hydra.sweep.dir = _literal(self.sweep_dir)
        return job

    def __getstate__(self) -> dict[str, object]:
        """Leave the bases behind when going to another process."""
        return self.__dict__ | {"_bases": {}}

    def _own_config(self, master_config: DictConfig, overrides: Sequence[str]) -> DictConfig:
        """Return a job's configuration, possibly without Hydra's node: then there is five times less to copy."""
        shares = _divide(OverridesParser.create().parse_overrides(list(overrides)), self._groups)
        if shares is None:
            return self.load_sweep_config(master_config, overrides)
        own = self._base(master_config, shares).copy_own()
        try:
            apply_overrides(shares.of_job, own)
        except HydraException:  # perhaps only because a value refers to Hydra's node
            return self.load_sweep_config(master_config, overrides)
        OmegaConf.copy_cache(from_config=master_config, to_config=own)
        return own

    def _base(self, master_config: DictConfig, shares: "_Shares") -> "_Base":
        config_name = master_config.hydra.job.config_name
        overrides = [
            *overrides_of_hydra(master_config.hydra),
            *(str(override.input_line) for override in shares.of_base),
        ]
        key = (config_name, *overrides)
        base = self._bases.get(key)
        if base is None:
            try:
                base = _Base.of(self.load_configuration(config_name, overrides, RunMode.RUN))
            except HydraException as error:  # kept also: the same mistake in 600 jobs shall not take 30 s to tell
                base = error
            if len(self._bases) < NUM_BASES:
                self._bases[key] = base
        if isinstance(base, HydraException):
            raise base.with_traceback(None)  # else every job would lengthen its traceback
        return base


class _Base(NamedTuple):
    """What jobs have in common."""

    copy_whole: Callable[[], DictConfig]
    copy_own: Callable[[], DictConfig]  # without Hydra's node

    @classmethod
    def of(cls, composed: DictConfig) -> "_Base":
        own = deepcopy(composed)
        with open_dict(own):
            del own["hydra"]
        return cls(_copier(composed), _copier(own))


def _copier(config: DictConfig) -> Callable[[], DictConfig]:
    """Return what makes copies of a configuration, if it can from a pickle: that takes a fifth of ``deepcopy``'s time.

    It can't where Hydra has executed a plugin's file twice: of the classes in the configuration, pickle finds others.
    """
    try:
        pickled = pickle.dumps(config)
    except (pickle.PicklingError, AttributeError):
        return lambda: deepcopy(config)
    return lambda: cast("DictConfig", pickle.loads(pickled))  # noqa: S301 - this process made the pickle


class _Shares(NamedTuple):
    """A job's overrides, divided between base and job, each share in the order given."""

    of_base: list[Override]  # choices of files, Hydra's own settings, whole sections
    of_job: list[Override]  # `section.key=value`, also with `+`, `++` or `~` before it


def _divide(overrides: Sequence[Override], groups: Container[str]) -> _Shares | None:
    """Divide overrides; None where applying the base's share first might not give what the given order gives."""
    shares = _Shares([], [])
    for override in overrides:
        if override.is_sweep_override():  # Hydra refuses it, in its own words
            return None
        # no group of files has a dot in its name: `data=mnist`, `hydra/launcher=basic`
        if "." in override.key_or_group and not override.is_hydra_override():
            shares.of_job.append(override)
        elif shares.of_job and not (_chooses_file(override, groups) or _can_go_before(override, shares.of_job)):
            return None
        else:
            shares.of_base.append(override)
    return shares


def _chooses_file(override: Override, groups: Container[str]) -> bool:
    """Tell whether an override chooses a file, which Hydra does before anything else, wherever the choice stands."""
    return override.key_or_group in groups and not isinstance(override.value(), dict)


def _can_go_before(override: Override, earlier: Sequence[Override]) -> bool:
    """Tell whether an override has the same effect before others: it asks for no value, and sets none of theirs."""
    asks = override.type in (OverrideType.ADD, OverrideType.DEL)  # whether the key is there, or has the value given
    sets = any(other.key_or_group.startswith(f"{override.key_or_group}.") for other in earlier)
    return not asks and not sets


def _literal(text: str) -> str:
    r"""Write a text so that OmegaConf reads it as it is, dollar signs included.

    >>> print(_literal("/home/${me}/sweeps"))
    /home/\${me}/sweeps
    """
    return re.sub(r"(\\*)\$\{", lambda match: match[1] * 2 + r"\${", text)
