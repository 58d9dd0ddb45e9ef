"""What surrounds the jobs of a sweep: the check of all before the first, and the parent run in MLflow."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from omegaconf import DictConfig

from convsweep.config import ConfigError, RunConfig, parse
from convsweep.progress import terminal


def check(jobs: Iterable[DictConfig]) -> list[RunConfig]:
    """Check what Hydra composed for each job.

    Raises:
        ConfigError: With the problems of all jobs, each told once.
    """
    configs: list[RunConfig] = []
    problems: list[str] = []
    for composed in jobs:
        try:
            configs.append(parse(composed))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return configs


@contextmanager
def tracked(configs: Sequence[RunConfig], directory: Path, axes: Sequence[str]) -> Iterator[None]:
    """Keep a parent run in MLflow, and a progress bar, while the jobs run."""
    from convsweep.tracking.store import connect
    from convsweep.tracking.sweep import open_sweep

    store = connect(configs[0].mlruns, configs[0].tracking.experiment)
    with open_sweep(store, directory, axes, len(configs)), terminal.sweep(len(configs)):
        yield
