"""Hydra's basic sweeper, plus what a recorded sweep needs: every job checked before the first, one record for all."""

from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from convsweep.hydra_app.internals import BasicSweeper, sweeper_params


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
        """Take Hydra's context, with a loader that composes quickly, for sweeper and launcher."""
        # imported here: every Hydra application imports every plugin, and should pay nothing for it
        from convsweep.hydra_app.sweep_composer import SweepComposer

        self._task = task_function
        self.composer = SweepComposer(hydra_context.config_loader)
        context = HydraContext(config_loader=self.composer, callbacks=hydra_context.callbacks)
        super().setup(hydra_context=context, task_function=task_function, config=config)

    def sweep(self, arguments: list[str]) -> Any:  # noqa: ANN401 - the base class's
        """Run every combination.

        Raises:
            ConfigError: Some job's configuration breaks a rule; nothing was run or written.
            UserError: Some jobs failed; the others ran.
        """
        from convsweep.hydra_app.sweep import run_sweep
        from convsweep.hydra_app.task import TrainingTask

        assert self.config is not None
        assert self.launcher is not None
        if not isinstance(self._task, TrainingTask):
            return super().sweep(arguments)
        batches, axes = self.divide(arguments)
        return run_sweep(
            batches, axes, composer=self.composer, config=self.config, launcher=self.launcher, task=self._task
        )

    def divide(self, arguments: list[str]) -> tuple[list[list[list[str]]], list[str]]:
        """Return the jobs' overrides, in batches, and the configuration keys that vary.

        Raises:
            ConfigError: An axis has no values, or no single ones; or batches would be empty.
        """
        from convsweep.config import ConfigError
        from convsweep.hydra_app.axes import check_axes, last_of_each

        if self.max_batch_size is not None and self.max_batch_size < 1:
            rule = "'hydra.sweeper.max_batch_size' must be >= 1, or null for all jobs at once"
            raise ConfigError([f"{rule} (got {self.max_batch_size})."])
        given = OverridesParser.create(self.composer).parse_overrides([*sweeper_params(self), *arguments])
        overrides = last_of_each(given)
        axes = [override.key_or_group for override in overrides if override.is_sweep_override()]
        check_axes(overrides)
        return self.split_arguments(overrides, self.max_batch_size), axes
