"""``hydra/launcher=stacked``: the jobs of a sweep train side by side, as stacks of networks, on all cores."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, configure_log, setup_globals
from hydra.errors import ConfigCompositionException
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict


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
        """Take Hydra's context; let processes import what they need while jobs are still being composed.

        Raises:
            ConfigCompositionException: The number of processes makes no sense.
        """
        if self.n_jobs != -1 and self.n_jobs < 1:
            rule = "must be >= 1, or -1 for all cores"
            raise ConfigCompositionException(f"'hydra.launcher.n_jobs' {rule} (got {self.n_jobs}).")
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        if self._can_stack():
            from convsweep.hydra_app.stacked import pool

            pool.warm_up()

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run a batch of jobs; return how each ended, in their order."""
        if not self._can_stack():
            return super().launch(job_overrides, initial_job_idx)

        from joblib import cpu_count

        from convsweep.hydra_app.stacked import launch

        assert self.config is not None
        assert self.hydra_context is not None
        assert self.task_function is not None
        setup_globals()
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        Path(self.config.hydra.sweep.dir).mkdir(parents=True, exist_ok=True)
        composed = []
        for number, overrides in enumerate(job_overrides, start=initial_job_idx):
            config = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
            with open_dict(config):
                config.hydra.job.id = config.hydra.job.num = number
            composed.append(config)
        processes = cpu_count() if self.n_jobs == -1 else self.n_jobs
        return launch(composed, processes, self.hydra_context, self.task_function)

    def _can_stack(self) -> bool:
        """Tell whether the jobs are convsweep's, and want neither a folder nor an environment of their own."""
        # imported here: every Hydra application imports every plugin, and should pay nothing for it
        from convsweep.hydra_app.app import job

        assert self.config is not None
        return self.task_function is job and not self.config.hydra.job.chdir and not self.config.hydra.job.env_set
