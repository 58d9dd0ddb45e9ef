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
from convsweep.hydra_app.placement import Executor, Placement
from convsweep.hydra_app.sweep import check, checked_placement
from convsweep.hydra_app.task import DETACH, TrainingTask, check_single_run, keys_of
from convsweep.records.sweep import Sweep, read_sweeps
from convsweep.runs.launch import sweep_to_continue
from convsweep.runs.plan import Plan, Room, make_plan


class PlannedCommand(NamedTuple):
    """What a command would do."""

    mlruns: Path
    sweep: Sweep  # the one that it would go on with, or make
    plan: Plan
    executor: Executor  # of which the plan's room is
    no_answer: str  # why Dask's workers aren't known; empty if they are, or don't matter
    earlier: Sweep | None  # the last sweep of the same command


def plan_command(arguments: Sequence[str]) -> PlannedCommand:
    """Find out what ``convsweep train`` would do with these arguments.

    Raises:
        UserError: It would refuse them.
    """
    detach, arguments = DETACH in arguments, [word for word in arguments if word != DETACH]
    overrides = [word for word in arguments if word not in ("-m", "--multirun")]
    GlobalHydra.instance().clear()
    with one_line_errors(), initialize_config_dir(str(conf_dir()), version_base="1.3"):
        mode, composed = compose_command("config", overrides, multirun=len(overrides) < len(arguments))
        task = TrainingTask(arguments, detach=detach)
        if mode == RunMode.MULTIRUN:
            configs, axes, where = _jobs_of_sweep(composed, task)
            folder, multirun = Path(composed.hydra.sweep.dir), True
        else:
            configs, axes = [parse(composed)], keys_of(composed.hydra.overrides.task)
            check_single_run(configs[0], composed.hydra, detach=task.detach)
            folder, multirun, where = Path(), False, Placement()
    wanted = wanted_sweep(configs, axes, folder, multirun=multirun, command=arguments)
    mlruns = configs[0].mlruns
    sweeps = read_sweeps(mlruns)
    sweep = sweep_to_continue(sweeps, wanted) or wanted
    earlier = next((sweep for sweep in sweeps if sweep.command == wanted.command), None)
    room, no_answer = _ask_for_room(where)
    plan = make_plan(numbered(sweep, configs), room, anew=wanted.rerun and sweep is wanted)
    return PlannedCommand(mlruns, sweep, plan, where.executor, no_answer, earlier)


def _ask_for_room(where: Placement) -> tuple[Room, str]:
    """Return the room for stacks, and why it isn't all known.

    A scheduler of Dask's is asked how many threads its workers have, but need not answer.
    """
    if where.executor != "dask":
        return where.room, ""
    from convsweep.runs.executors.dask import num_threads

    assert where.address is not None
    try:
        threads = num_threads(where.address)
    except UserError as error:
        return where.room, str(error)
    if not threads:
        return where.room, "there are none yet."
    return Room(here=False, shares=where.room.shares or threads, at_once=threads), ""


def _jobs_of_sweep(composed: DictConfig, task: TrainingTask) -> tuple[list[RunConfig], list[str], Placement]:
    """Return the jobs' configurations, the keys that vary, and where the jobs train."""
    from hydra_plugins.convsweep_grid import GridSweeper  # after Hydra has looked for plugins

    loader = GlobalHydra.instance().config_loader()
    context = HydraContext(config_loader=loader, callbacks=Callbacks())
    sweeper = Plugins.instance().instantiate_sweeper(hydra_context=context, task_function=task, config=composed)
    if not isinstance(sweeper, GridSweeper):
        raise UserError(f"`convsweep plan` needs 'hydra/sweeper=grid' (got {type(sweeper).__name__}).")
    batches, axes = sweeper.divide(list(composed.hydra.overrides.task))
    where = checked_placement(composed.hydra, len(batches), detach=task.detach)
    return check(sweeper.composer, composed, [job for batch in batches for job in batch], where), axes, where
