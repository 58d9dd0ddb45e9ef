"""``convsweep plan``: what `convsweep train` with the same arguments would do, and what it may cost."""

from typing import TYPE_CHECKING

import click

from convsweep.commands.options import complete_overrides

if TYPE_CHECKING:
    from convsweep.hydra_app.planning import PlannedCommand
    from convsweep.runs.plan import Estimate, JobPlan, Plan


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, shell_complete=complete_overrides)
def plan(arguments: tuple[str, ...]) -> None:
    """Print what `convsweep train ARGUMENTS` would do about each job, and how long it may take.

    Nothing is run and nothing is written.
    """
    from convsweep.hydra_app.planning import plan_command
    from convsweep.runs.plan import changes, estimate
    from convsweep.terminal import counted, say

    command = plan_command(arguments)
    plan = command.plan
    for job, planned in zip(command.sweep.jobs, plan.jobs, strict=True):
        differences = changes(planned.job, command.mlruns, command.earlier)
        changed = f" (changed: {', '.join(differences)})" if differences else ""
        say(f"{job.number:4}  {job.name}: {_action(planned)}{changed}")
        for sentence in planned.damage:
            say(f"      {sentence}")
    say(f"{counted(len(plan.jobs), 'job')}: {plan.counts}.")
    if plan.mixture:
        say(plan.mixture)
    if plan.unfinished:
        say(_stacks(command))
        say(_costs(plan, estimate(plan, command.mlruns)))


def _action(planned: "JobPlan") -> str:
    from datetime import datetime

    if planned.result is not None:
        when = datetime.fromtimestamp(planned.result.time).strftime("%Y-%m-%d %H:%M")  # noqa: DTZ006 - local time
        return f"{planned.result.outcome} on {when} (sweep {planned.result.sweep})"
    if planned.action == "go on":
        return f"goes on after epoch {planned.epoch} of {planned.job.config.train.epochs}"
    return "only files to make again" if planned.action == "complete" else "to train"


def _stacks(command: "PlannedCommand") -> str:
    """Say into how many stacks jobs are divided, and how many of them train at a time, as far as it is known."""
    from convsweep.terminal import counted

    plan = command.plan
    depends = f"depends on Dask's workers: {command.no_answer}"
    if plan.stacks is None:
        return f"How many stacks there are, and how many train at a time, {depends}"
    largest = max(len(stack) for stack in plan.stacks)
    stacks = f"{counted(len(plan.stacks), 'stack')} of up to {counted(largest, 'job')}"
    if plan.room.at_once is not None:
        return f"{stacks}, {'' if plan.room.here else 'at most '}{plan.room.at_once} at a time."
    if command.executor == "slurm":
        return f"{stacks}, as many at a time as Slurm has room for."
    return f"{stacks}; how many train at a time {depends}"


def _costs(plan: "Plan", costs: "Estimate | None") -> str:
    """Say how long it may take, and what it takes on disk; on a cluster, of which machines' time that is."""
    on = " on this machine" if plan.room.here else ""
    if costs is None:
        return f"How long it takes can't be told yet: no run has finished{on}."
    on_disk = f"{costs.bytes / 1e6:,.1f} MB, going by what finished{on or ' on any machine'}."
    if plan.room.here:
        return f"About {costs.seconds:,.0f} s and {on_disk}"
    if costs.seconds is not None:
        return f"About {costs.seconds:,.0f} s once that many train, waiting in the queue not counted, and {on_disk}"
    return (
        f"About {costs.work:,.0f} s if one stack trains after the other, less if several train at a time, and {on_disk}"
    )
