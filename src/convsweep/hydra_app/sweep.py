"""A whole sweep: all jobs checked before the first, run by whichever launcher was chosen, under one record."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, OmegaConf

from convsweep.config import ConfigError, RunConfig
from convsweep.errors import FaultError, UserError
from convsweep.hydra_app.axes import check_shared, overrides_of_hydra
from convsweep.hydra_app.internals import outcome
from convsweep.hydra_app.launching import launched, numbered, wanted_sweep
from convsweep.hydra_app.placement import Placement, placement_of
from convsweep.hydra_app.sweep_composer import SweepComposer
from convsweep.hydra_app.task import DETACH, NO_SWEEP_IN_A_JOB, TrainingTask
from convsweep.records.attempts import read_attempts, that_trained
from convsweep.records.files import writing
from convsweep.records.identity import run_key
from convsweep.records.journal import read_record, run_directory
from convsweep.records.machine import blas_kernel, cpu_name
from convsweep.runs.executors.child import call_in_process
from convsweep.runs.executors.environment import environment
from convsweep.runs.memory import check_memory, check_memory_here
from convsweep.terminal import counted, say

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
    where = checked_placement(config.hydra, len(batches), detach=task.detach)
    configs = check(composer, config, overrides, where)
    folder = Path(config.hydra.sweep.dir).absolute()
    on_cluster = where.executor != "local"
    wanted = wanted_sweep(configs, axes, folder, multirun=True, command=task.command, on_cluster=on_cluster)
    returns: list[Sequence[JobReturn]] = []
    with launched(wanted, configs, where.room, task.take_mirror()) as task.active:
        sweep = task.active.sweep
        task.sweep_id = sweep.id
        if sweep.folder != str(folder) and any("hydra.sweep.dir=" in word for word in overrides_of_hydra(config.hydra)):
            say(f"The folder of this sweep's jobs stays '{sweep.folder}' (asked for '{folder}').")
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
                with _settings_refused(launcher):
                    returns.append(launcher.launch(in_order[first : first + len(batch)], initial_job_idx=first))
            raise_failures([job for batch_returns in returns for job in batch_returns])
    task.active = None
    return returns


@contextmanager
def _settings_refused(launcher: Launcher) -> Iterator[None]:
    """Tell in one line that a launcher of somebody else's refuses its settings; how jobs fail, it returns."""
    try:
        yield
    except ValueError as error:
        if type(launcher).__module__.startswith("hydra_plugins.convsweep"):
            raise
        raise UserError(f"'hydra.launcher' holds a value that {type(launcher).__name__} refuses: {error}.") from error


def checked_placement(hydra: DictConfig, num_batches: int, *, detach: bool) -> Placement:
    """Return where a sweep's jobs train.

    Args:
        hydra: The sweep's configuration of Hydra itself.
        num_batches: In how many portions it is given the jobs.
        detach: Whether they are to be left to a cluster.

    Raises:
        ConfigError: It can't be as it is asked for.
    """
    if hydra.launcher.get("n_jobs") == 0:  # joblib's own launcher would find out once the sweep has begun
        raise ConfigError(["'hydra.launcher.n_jobs' must not be 0; -1 takes all cores (got 0)."])
    if of_a_run := [word for word in overrides_of_hydra(hydra) if word.lstrip("+").startswith("hydra.run.")]:
        raise ConfigError([f"A sweep's folder is 'hydra.sweep.dir', and 'hydra.run.dir' a run's (got {of_a_run[0]})."])
    where = placement_of(hydra.launcher)
    of_its_own = [name for name in ("chdir", "env_set") if hydra.job[name]]
    if "executor" in hydra.launcher and of_its_own:
        rule = "needs 'hydra/launcher=basic' or joblib: the stacked launcher's processes each have many jobs"
        raise ConfigError([f"'hydra.job.{of_its_own[0]}' {rule} (got stacked)."])
    if where.executor == "local" and where.blas_kernel is not None:
        _check_kernel_here(where.blas_kernel)
    if detach and where.executor == "local":
        rule = "needs 'hydra.launcher.executor=dask' or slurm: local processes end with the command"
        raise ConfigError([f"'{DETACH}' {rule} (got local)."])
    if detach and num_batches > 1:
        rule = (
            "cannot be given with 'hydra.sweeper.max_batch_size': a batch is submitted once the one before it has ended"
        )
        raise ConfigError([f"'{DETACH}' {rule} (got {num_batches} batches)."])
    return where


def check(
    composer: SweepComposer, config: DictConfig, overrides: Sequence[Overrides], where: Placement
) -> list[RunConfig]:
    """Compose and check each job's configuration.

    Args:
        composer: Composes them.
        config: The sweep's own configuration.
        overrides: Each job's.
        where: Where they train, whose memory they must fit into.

    Raises:
        ConfigError: With the problems of all jobs, each told once.
    """
    configs: list[RunConfig] = []
    problems: list[str] = []
    for job in overrides:
        try:
            configs.append(composer.run_config(config, job))
            _check_memory(configs[-1], where)
        except ConfigError as error:
            problems += error.problems
            continue
        if composer.is_sweep_itself(config, job):
            files = [word for word in config.hydra.overrides.task if "." not in word.partition("=")[0]]
            problems.append(f"{NO_SWEEP_IN_A_JOB} (got {' '.join(files)}).")
    if problems:
        raise ConfigError(problems)
    check_shared(configs)
    if where.blas_kernel is not None and not configs[0].rerun:
        _check_earlier_kernels(configs, where.blas_kernel)
    return configs


def _check_kernel_here(kernel: str) -> None:
    """Find out, in a process of its own, whether NumPy's BLAS takes these kernels: it takes others without a word.

    Raises:
        ConfigError: It doesn't.
    """
    found = call_in_process(blas_kernel, sweep="", environment=environment(kernel))
    if found.lower() != kernel.lower():
        rule = "'hydra.launcher.blas_kernel' must be kernels that NumPy's BLAS has for the processor"
        raise ConfigError([f"{rule}, {cpu_name()} (asked for {kernel}, got {found})."])


def _check_earlier_kernels(configs: Sequence[RunConfig], kernel: str) -> None:
    """Refuse runs that are finished or have begun with other kernels than those asked for.

    Raises:
        ConfigError: There are such.
    """
    others = []
    for config in configs:
        record = read_record(run_directory(config.mlruns, run_key(config)))
        if record.result is not None:
            found = record.result.blas_kernel  # None in old records: not known
        else:
            attempts = that_trained(read_attempts(record.directory), record.last_epoch or 0)
            found = "+".join(sorted({attempt.kernel for attempt in attempts})) or None
        if found is not None and found.lower() != kernel.lower():
            others.append(found)
    if others:
        rule = "needs runs that no other kernels have worked at, or rerun=true, which trains all anew"
        got = f"{', '.join(sorted(set(others)))} for {len(others)} of {counted(len(configs), 'run')}"
        raise ConfigError([f"'hydra.launcher.blas_kernel={kernel}' {rule} (got {got})."])


def _check_memory(config: RunConfig, where: Placement) -> None:
    """Find out whether a run fits into the memory of where it is going to train, if that is known.

    Raises:
        ConfigError: It doesn't.
    """
    if where.executor == "local":
        check_memory_here(config)
    elif where.slurm is not None and where.slurm.memory is not None:
        check_memory(config, where.slurm.memory * 2**30, "'hydra.launcher.slurm.memory',")


def raise_failures(jobs: Sequence[JobReturn]) -> None:
    """Raise what failed, if anything did.

    Raises:
        UserError: One line a reason that can be put right, with the jobs that failed for it. A full disk is one
            reason, whichever file it refuses.
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
        alike: dict[str, list[tuple[int, str]]] = {}
        for number, error in failures:
            alike.setdefault(re.sub("^'.*' cannot be written", "", str(error)), []).append((number, str(error)))
        raise UserError("\n".join(map(_reason, alike.values())))


def _reason(failures: Sequence[tuple[int, str]]) -> str:
    """Tell in one line why jobs failed, given their numbers and texts, which differ in the file at most.

    >>> _reason([(0, "'/a' cannot be written: No space left."), (3, "'/b' cannot be written: No space left.")])
    "2 jobs (0, 3) failed, the first with: '/a' cannot be written: No space left."
    """
    numbers, texts = zip(*failures, strict=True)
    return f"{_jobs(numbers)} failed{'' if len(set(texts)) == 1 else ', the first with'}: {texts[0]}"


def _jobs(numbers: Sequence[int]) -> str:
    """Name jobs by their numbers.

    >>> _jobs([3]), _jobs([0, 1, 5])
    ('job 3', '3 jobs (0, 1, 5)')
    """
    few = [str(number) for number in numbers[:10]] + ["..."] * (len(numbers) > 10)
    return f"job {numbers[0]}" if len(numbers) == 1 else f"{len(numbers)} jobs ({', '.join(few)})"
