"""``convsweep plan``: what `convsweep train` with the same arguments would do, and what it may cost."""

from typing import TYPE_CHECKING

import click

from convsweep.commands.options import complete_overrides

if TYPE_CHECKING:
    from convsweep.runs.plan import JobPlan


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
    if plan.mixed_kernels:
        say(plan.mixed_kernels)
    if not plan.unfinished:
        return
    largest = max(len(stack) for stack in plan.stacks)
    stacks, jobs = counted(len(plan.stacks), "stack"), counted(largest, "job")
    say(f"{stacks} of up to {jobs}, {plan.processes} at a time.")
    costs = estimate(plan, command.mlruns)
    if costs is None:
        say("How long it takes can't be told yet: no run has finished on this machine.")
    else:
        say(f"About {costs.seconds:,.0f} s and {costs.bytes / 1e6:,.1f} MB, going by what finished on this machine.")


def _action(planned: "JobPlan") -> str:
    from datetime import datetime

    if planned.result is not None:
        when = datetime.fromtimestamp(planned.result.time).strftime("%Y-%m-%d %H:%M")  # noqa: DTZ006 - local time
        return f"{planned.result.outcome} on {when} (sweep {planned.result.sweep})"
    if planned.action == "go on":
        return f"goes on after epoch {planned.epoch} of {planned.job.config.train.epochs}"
    return "only files to make again" if planned.action == "complete" else "to train"
