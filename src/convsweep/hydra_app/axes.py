"""What a sweep's axes must be: each gives single values, all together no more jobs than can be composed."""

from collections.abc import Sequence
from itertools import islice
from math import prod

from hydra.core.override_parser.types import Override, ValueType

from convsweep.config import ConfigError

MOST_JOBS = 100_000  # of a sweep; to compose and to check these takes some minutes


def check_axes(overrides: Sequence[Override]) -> None:
    """Find out whether every axis gives values to combine, and not too many.

    Raises:
        ConfigError: With a line for each that doesn't.
    """
    axes = [override for override in overrides if override.is_sweep_override()]
    problems = [problem for override in axes if (problem := _problem_of_axis(override)) is not None]
    if not problems:
        lengths = [sum(1 for _ in islice(override.sweep_iterator(), MOST_JOBS + 1)) for override in axes]
        if prod(lengths) > MOST_JOBS:
            given = " ".join(_written(override) for override in axes)
            problems = [f"A sweep must have at most {MOST_JOBS:,} jobs (got {given})."]
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
