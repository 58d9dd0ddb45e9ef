"""What surrounds the jobs of a sweep: the check of all before the first, and the parent run in MLflow."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig

from convsweep.config import ConfigError, RunConfig
from convsweep.errors import UserError
from convsweep.hydra_app.compose import parse
from convsweep.terminal import terminal


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


def raise_failures(jobs: Sequence[JobReturn]) -> None:
    """Raise what failed, if anything did.

    Raises:
        UserError: One line a job that failed for a reason that can be put right.
        Exception: The first other failure.
    """
    # not `return_value`, which prints before it raises
    failures = [(job, job._return_value) for job in jobs if job.status == JobStatus.FAILED]  # noqa: SLF001
    for _, error in failures:
        if not isinstance(error, UserError):
            raise error
    if failures:
        numbers = [job.hydra_cfg.hydra.job.num if job.hydra_cfg else "?" for job, _ in failures]
        raise UserError("\n".join(f"job {n} failed: {error}" for n, (_, error) in zip(numbers, failures, strict=True)))


@contextmanager
def tracked(configs: Sequence[RunConfig], directory: Path, axes: Sequence[str]) -> Iterator[None]:
    """Keep a parent run in MLflow, and a progress bar, while the jobs run."""
    from convsweep.tracking.store import connect
    from convsweep.tracking.sweep import open_sweep

    store = connect(configs[0].mlruns, configs[0].tracking.experiment)
    steps = [config.train.epochs * config.data.num_train for config in configs]
    with open_sweep(store, directory, axes, len(configs)), terminal.sweep(steps):
        yield
