"""What a cluster's engine has a worker do: see whether it is fit, then train a stack.

It imports what a local process imports, and nothing of the engine.
"""

from typing import NamedTuple

from convsweep.records.journal import Failure
from convsweep.runs.executors.checks import Demands, Worker, examine
from convsweep.runs.stack import Job, run_stack

Stack = tuple[Job, ...]


class Trained(NamedTuple):
    """What came of a stack."""

    worker: Worker  # nothing was trained if it has problems
    failures: dict[int, Failure]  # by the jobs' numbers; what became of the others stands in their records


def train_stack(stack: Stack, demands: Demands) -> Trained:
    """Train a stack if this worker is fit for it."""
    worker = examine(demands, stack[0].config.data)
    return Trained(worker, {} if worker.problems else run_stack(stack))
