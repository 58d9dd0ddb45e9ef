"""Hydra's basic sweeper, plus what a tracked sweep needs: every job checked before the first, one parent run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf


@dataclass
class GridSweeperConf:
    """``hydra/sweeper=grid``: every combination of the values given."""

    _target_: str = "hydra_plugins.convsweep_grid.GridSweeper"
    max_batch_size: int | None = None
    params: dict[str, str] | None = None


ConfigStore.instance().store(group="hydra/sweeper", name="grid", node=GridSweeperConf, provider="convsweep")


class GridSweeper(BasicSweeper):
    """Every combination of the values given, all of them valid or none run."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take Hydra's context, with a loader that sweeper and launcher share."""
        # imported here: every Hydra application imports every plugin, and should pay nothing for it
        from convsweep.hydra_app.composing import ComposingOnce

        self.loader = ComposingOnce(hydra_context.config_loader)
        context = HydraContext(config_loader=self.loader, callbacks=hydra_context.callbacks)
        super().setup(hydra_context=context, task_function=task_function, config=config)

    def sweep(self, arguments: list[str]) -> Any:  # noqa: ANN401 - the base class's
        """Check every job, then run them under one MLflow parent run.

        Raises:
            ConfigError: Some job's configuration breaks a rule; nothing was run or written.
            UserError: Some jobs failed; the others ran.
        """
        from convsweep.hydra_app import sweep as sweeping

        assert self.config is not None
        assert self.launcher is not None
        overrides = OverridesParser.create(self.loader).parse_overrides([*self._parse_config(), *arguments])
        batches = self.split_arguments(overrides, self.max_batch_size)
        jobs = [job for batch in batches for job in batch]
        directory = Path(self.config.hydra.sweep.dir)  # holds the time: what is composed from here on has the same
        configs = sweeping.check(self.loader.compose_ahead(self.config, job) for job in jobs)
        axes = [override.get_key_element() for override in overrides if override.is_sweep_override()]
        with sweeping.tracked(configs, directory, axes):
            OmegaConf.save(self.config, directory / "multirun.yaml")
            returns: list[Sequence[JobReturn]] = []
            for batch in batches:
                returns.append(self.launcher.launch(batch, initial_job_idx=sum(map(len, returns))))
            sweeping.raise_failures([job for batch_returns in returns for job in batch_returns])
        return returns
