"""``hydra/launcher=stacked``: the jobs of a sweep train side by side, as stacks of networks, on all cores."""

from collections.abc import Sequence
from dataclasses import dataclass

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, configure_log, setup_globals
from hydra.errors import ConfigCompositionException
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from convsweep.hydra_app.internals import BasicLauncher


@dataclass
class StackedLauncherConf:
    """How many processes train; -1: one a core."""

    _target_: str = "hydra_plugins.convsweep_stacked.StackedLauncher"
    n_jobs: int = -1


ConfigStore.instance().store(group="hydra/launcher", name="stacked", node=StackedLauncherConf, provider="convsweep")


class StackedLauncher(BasicLauncher):
    """Trains the jobs of ``convsweep train`` in stacks; any other task function runs job by job, as in Hydra's own."""

    def __init__(self, n_jobs: int) -> None:
        super().__init__()
        self.n_jobs = n_jobs

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take Hydra's context.

        Raises:
            ConfigCompositionException: The number of processes makes no sense.
        """
        if self.n_jobs != -1 and self.n_jobs < 1:
            rule = "must be >= 1, or -1 for all cores"
            raise ConfigCompositionException(f"'hydra.launcher.n_jobs' {rule} (got {self.n_jobs}).")
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run a batch of jobs; return how each ended, in their order."""
        # imported here: every Hydra application imports every plugin, and should pay nothing for it
        from convsweep.hydra_app.task import TrainingTask

        assert self.config is not None
        assert self.hydra_context is not None
        task = self.task_function
        # a folder or an environment of its own can't be had in a process that several jobs share
        of_its_own = self.config.hydra.job.chdir or self.config.hydra.job.env_set
        if not isinstance(task, TrainingTask) or task.active is None or of_its_own:
            return super().launch(job_overrides, initial_job_idx)

        from convsweep.hydra_app.stacked import launch

        setup_globals()
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        return launch(
            task.active.plan.jobs[initial_job_idx : initial_job_idx + len(job_overrides)],
            job_overrides,
            sweep=task.active.sweep,
            n_jobs=self.n_jobs,
            context=self.hydra_context,
            config=self.config,
            task=task,
        )
