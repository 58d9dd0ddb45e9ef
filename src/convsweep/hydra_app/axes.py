"""What a sweep's axes must be: each gives single values that decide numbers, and there are not too many jobs."""

from collections.abc import Sequence
from itertools import islice
from math import prod
from typing import Any, cast

from hydra.conf import HydraConf
from hydra.core.override_parser.types import Override, ValueType
from omegaconf import DictConfig, ListConfig, OmegaConf

from convsweep.config import ConfigError, RunConfig, flatten
from convsweep.naming import as_text
from convsweep.records.identity import decisive_keys

MOST_JOBS = 100_000  # of a sweep; to compose and to check these takes some minutes


def last_of_each(overrides: Sequence[Override]) -> list[Override]:
    """Return the last override of each key: the command line's, where an experiment's file has an axis over it, too."""
    last = {(override.key_or_group, override.package, override.is_delete()): override for override in overrides}
    return list(last.values())


def check_axes(overrides: Sequence[Override]) -> None:
    """Find out whether every axis gives values to combine, and not too many.

    Raises:
        ConfigError: With a line for each that doesn't.
    """
    axes = [override for override in overrides if override.is_sweep_override()]
    problems = [
        f"'hydra.sweeper.params' must hold no setting of Hydra's own: jobs share them (got {_written(override)})."
        for override in overrides
        if override.is_hydra_override()
    ]
    problems += [problem for override in axes if (problem := _problem_of_axis(override)) is not None]
    if not problems:
        lengths = [sum(1 for _ in islice(override.sweep_iterator(), MOST_JOBS + 1)) for override in axes]
        if prod(lengths) > MOST_JOBS:
            given = " ".join(_written(override) for override in axes)
            problems = [f"A sweep must have at most {MOST_JOBS:,} jobs (got {given})."]
    if problems:
        raise ConfigError(problems)


def check_shared(configs: Sequence[RunConfig]) -> None:
    """Find out whether jobs differ in what decides no number: it is the sweep's, which takes it from its first job.

    Raises:
        ConfigError: With a line for each key in which they do.
    """
    found: dict[tuple[str, str], dict[object, None]] = {}
    for config in configs:
        values = flatten(config)
        for key in values.keys() - decisive_keys(config):
            of_data = config.data.name if key.startswith("data.") else ""  # each data set has its own folder
            found.setdefault((key, of_data), {})[values[key]] = None
    problems = [
        f"'{key}' must be the same for all jobs, as it decides no number (got {'; '.join(map(as_text, values))})."
        for (key, _), values in sorted(found.items())
        if len(values) > 1
    ]
    if problems:
        raise ConfigError(problems)


def _problem_of_axis(override: Override) -> str | None:
    key, given = override.key_or_group, _written(override).partition("=")[2]
    if override.is_interval_sweep():
        way_out = f"a grid combines single values, such as {key}=0.01,0.02 or {key}=range(1,5)"
        return f"'{key}' must not be an interval: {way_out} (got {given})."
    if override.value_type == ValueType.GLOB_CHOICE_SWEEP:
        assert override.config_loader is not None
        options = override.config_loader.get_group_options(key)
        if not options:
            return f"'{key}' must be a folder of conf for glob(...) to choose from (got {given})."
        rule = f"must match one of {', '.join(options)}"
    else:
        rule = "must give at least one value"
    has_values = next(override.sweep_iterator(), None) is not None
    return None if has_values else f"'{key}' {rule} (got {given})."


def _written(override: Override) -> str:
    assert override.input_line is not None  # the parser sets it
    return override.input_line


def overrides_of_hydra(hydra: DictConfig | HydraConf) -> list[str]:
    """Return the words of a command that are about Hydra itself, with each ``${...}`` as it stands.

    Args:
        hydra: Hydra's node of a configuration. Iterating its list of words would resolve what is in them.
    """
    words: Any = OmegaConf.to_container(cast(ListConfig, hydra.overrides.hydra))
    return [str(word) for word in words]
