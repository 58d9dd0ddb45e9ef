"""A whole sweep: all jobs checked before the first, run by whichever launcher was chosen, under one record."""

from collections.abc import Sequence
from pathlib import Path

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, OmegaConf

from convsweep.config import ConfigError, RunConfig
from convsweep.errors import FaultError, UserError
from convsweep.hydra_app.internals import outcome
from convsweep.hydra_app.launching import launched, numbered, wanted_sweep
from convsweep.hydra_app.sweep_composer import SweepComposer
from convsweep.hydra_app.task import TrainingTask
from convsweep.records.files import writing

Overrides = Sequence[str]


def run_sweep(
    batches: Sequence[Sequence[Overrides]],
    axes: Sequence[str],
    *,
    composer: SweepComposer,
    config: DictConfig,
    launcher: Launcher,
    task: TrainingTask,
) -> list[Sequence[JobReturn]]:
    """Check every job, then run them.

    Args:
        batches: The jobs' overrides, in portions that the launcher is to be given one after the other.
        axes: The configuration keys that vary.
        composer: Composes the jobs' configurations, for the launcher as well.
        config: The sweep's own configuration.
        launcher: Runs the jobs.
        task: What it is to run.

    Returns:
        How the jobs ended, a portion each; nothing if all of them were finished before.

    Raises:
        ConfigError: Some job's configuration breaks a rule; nothing was run or written.
        UserError: Some jobs failed, the others ran; or MLflow could not be told.
    """
    overrides = [job for batch in batches for job in batch]
    if not overrides:
        raise ConfigError(["A sweep must have at least one job: an axis has no values."])
    configs = check(composer, config, overrides)
    folder = Path(config.hydra.sweep.dir).absolute()
    wanted = wanted_sweep(configs, axes, folder, multirun=True, command=task.command)
    returns: list[Sequence[JobReturn]] = []
    with launched(wanted, configs, task.take_mirror()) as task.active:
        sweep = task.active.sweep
        task.sweep_id = sweep.id
        if not task.active.is_over:
            folder = Path(sweep.folder)
            composer.sweep_dir = str(folder)
            with writing(folder):
                folder.mkdir(parents=True, exist_ok=True)
                OmegaConf.save(config, folder / "multirun.yaml")
            places = {id(job_config): place for place, job_config in enumerate(configs)}
            in_order = [overrides[places[id(job.config)]] for job in numbered(sweep, configs)]
            for batch in batches:
                first = sum(map(len, returns))
                returns.append(launcher.launch(in_order[first : first + len(batch)], initial_job_idx=first))
            raise_failures([job for batch_returns in returns for job in batch_returns])
    task.active = None
    return returns


def check(composer: SweepComposer, config: DictConfig, overrides: Sequence[Overrides]) -> list[RunConfig]:
    """Compose and check each job's configuration.

    Raises:
        ConfigError: With the problems of all jobs, each told once.
    """
    configs: list[RunConfig] = []
    problems: list[str] = []
    for job in overrides:
        try:
            configs.append(composer.run_config(config, job))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return configs


def raise_failures(jobs: Sequence[JobReturn]) -> None:
    """Raise what failed, if anything did.

    Raises:
        UserError: One line a job that failed for a reason that can be put right.
        FaultError: The first failure that is the program's own.
        Exception: The first other failure.
    """
    failures = [(number, outcome(job)) for number, job in enumerate(jobs) if job.status == JobStatus.FAILED]
    for number, error in failures:
        if isinstance(error, FaultError):
            raise FaultError(f"job {number} failed: {error}")
        if not isinstance(error, UserError):
            assert isinstance(error, BaseException)
            raise error
    if failures:
        raise UserError("\n".join(f"job {number} failed: {error}" for number, error in failures))
