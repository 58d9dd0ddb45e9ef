"""What a cluster's engine has a worker do: see whether it is fit, then train a stack.

It imports what a local process imports, and nothing of the engine.
"""

from typing import NamedTuple

from convsweep.errors import UserError
from convsweep.records.journal import Failure
from convsweep.records.sweep import is_live
from convsweep.runs.executors.checks import Demands, Worker, examine, sees_folder
from convsweep.runs.stack import Job, record_failure, run_stack

Stack = tuple[Job, ...]


class Trained(NamedTuple):
    """What came of a stack."""

    worker: Worker  # nothing was trained if it has problems
    failures: dict[int, Failure]  # by the jobs' numbers; what became of the others stands in their records


def train_stack(stack: Stack, demands: Demands) -> Trained:
    """Train a stack if this worker is fit for it."""
    worker = examine(demands, stack[0].config.data)
    if not worker.problems:
        return Trained(worker, run_stack(stack))
    if sees_folder(demands) and not is_live(demands.mlruns, demands.sweep):
        error = UserError("\n".join(worker.problems))
        for job in stack:  # no command is there to be told
            record_failure(job, error)
    return Trained(worker, {})
