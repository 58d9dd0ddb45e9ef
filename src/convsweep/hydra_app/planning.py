"""What ``convsweep train`` would do about each of a command's jobs, without doing any of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig

from convsweep.config import RunConfig
from convsweep.errors import UserError
from convsweep.hydra_app.compose import conf_dir, parse
from convsweep.hydra_app.explain import one_line_errors
from convsweep.hydra_app.internals import Callbacks, compose_command
from convsweep.hydra_app.launching import numbered, wanted_sweep
from convsweep.hydra_app.sweep import check
from convsweep.hydra_app.task import TrainingTask, keys_of
from convsweep.records.sweep import Sweep, read_sweeps
from convsweep.runs.executors import num_cores
from convsweep.runs.plan import Plan, make_plan


class PlannedCommand(NamedTuple):
    """What a command would do."""

    mlruns: Path
    sweep: Sweep  # the one that it would go on with, or make
    plan: Plan
    earlier: Sweep | None  # the last sweep of the same command


def plan_command(arguments: Sequence[str]) -> PlannedCommand:
    """Find out what ``convsweep train`` would do with these arguments.

    Raises:
        UserError: It would refuse them.
    """
    overrides = [word for word in arguments if word not in ("-m", "--multirun")]
    GlobalHydra.instance().clear()
    with one_line_errors(), initialize_config_dir(str(conf_dir()), version_base="1.3"):
        mode, composed = compose_command("config", overrides, multirun=len(overrides) < len(arguments))
        task = TrainingTask(arguments)
        if mode == RunMode.MULTIRUN:
            configs, axes = _jobs_of_sweep(composed, task)
            folder, multirun = Path(composed.hydra.sweep.dir), True
        else:
            configs, axes = [parse(composed)], keys_of(composed.hydra.overrides.task)
            folder, multirun = Path(), False
    wanted = wanted_sweep(configs, axes, folder, multirun=multirun, command=arguments)
    mlruns = configs[0].mlruns
    sweeps = read_sweeps(mlruns)
    sweep = next((sweep for sweep in sweeps if sweep.has_the_jobs_of(wanted) and not wanted.rerun), wanted)
    earlier = next((sweep for sweep in sweeps if sweep.command == wanted.command), None)
    plan = make_plan(numbered(sweep, configs), num_cores(), anew=wanted.rerun)
    return PlannedCommand(mlruns, sweep, plan, earlier)


def _jobs_of_sweep(composed: DictConfig, task: TrainingTask) -> tuple[list[RunConfig], list[str]]:
    """Return the jobs' configurations, and the keys that vary."""
    from hydra_plugins.convsweep_grid import GridSweeper  # after Hydra has looked for plugins

    loader = GlobalHydra.instance().config_loader()
    context = HydraContext(config_loader=loader, callbacks=Callbacks())
    sweeper = Plugins.instance().instantiate_sweeper(hydra_context=context, task_function=task, config=composed)
    if not isinstance(sweeper, GridSweeper):
        raise UserError(f"`convsweep plan` needs 'hydra/sweeper=grid' (got {type(sweeper).__name__}).")
    batches, axes = sweeper.divide(list(composed.hydra.overrides.task))
    return check(sweeper.composer, composed, [job for batch in batches for job in batch]), axes
