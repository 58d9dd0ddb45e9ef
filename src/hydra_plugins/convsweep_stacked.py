"""``hydra/launcher=stacked``: the jobs of a sweep train side by side, as stacks of networks, here or on a cluster."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, configure_log, setup_globals
from hydra.errors import ConfigCompositionException
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from convsweep.hydra_app.internals import BasicLauncher


@dataclass
class SlurmConf:
    """What Slurm is asked for; null: the cluster's default."""

    partition: str | None = None
    account: str | None = None
    time: int = 60  # minutes a task; one that needs more is queued again, and goes on
    cpus: int = 1  # a task
    memory: float | None = None  # GB a task
    options: dict[str, Any] = field(default_factory=dict)  # others of sbatch's: {qos: low, exclusive: true}


@dataclass
class StackedLauncherConf:
    """Where and how many stacks train."""

    _target_: str = "hydra_plugins.convsweep_stacked.StackedLauncher"
    n_jobs: int = -1  # stacks at a time; -1: one a core, or as many as the cluster has room for
    executor: str = "local"  # local, dask or slurm
    address: str | None = None  # of Dask's scheduler, tcp://HOST:PORT, or its scheduler file
    blas_kernel: str | None = None  # that all processes use, such as Haswell; null: what suits the processor
    slurm: SlurmConf = field(default_factory=SlurmConf)


ConfigStore.instance().store(group="hydra/launcher", name="stacked", node=StackedLauncherConf, provider="convsweep")


class StackedLauncher(BasicLauncher):
    """Trains the jobs of ``convsweep train`` in stacks; any other task function runs job by job, as in Hydra's own."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - those of StackedLauncherConf
        super().__init__()
        self._settings = settings

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take Hydra's context.

        Raises:
            ConfigCompositionException: A setting makes no sense.
        """
        # imported here: every Hydra application imports every plugin, and should pay nothing for it
        from convsweep.config import ConfigError
        from convsweep.hydra_app.placement import placement

        try:
            self._where = placement(**self._settings)
        except ConfigError as error:
            raise ConfigCompositionException(str(error)) from error
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run a batch of jobs; return how each ended, in their order."""
        from convsweep.hydra_app.task import TrainingTask

        assert self.config is not None
        assert self.hydra_context is not None
        task = self.task_function
        if not isinstance(task, TrainingTask) or task.active is None:
            return super().launch(job_overrides, initial_job_idx)

        from convsweep.hydra_app.stacked import launch

        setup_globals()
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        return launch(
            task.active.plan.jobs[initial_job_idx : initial_job_idx + len(job_overrides)],
            job_overrides,
            active=task.active,
            where=self._where,
            context=self.hydra_context,
            config=self.config,
            task=task,
        )
