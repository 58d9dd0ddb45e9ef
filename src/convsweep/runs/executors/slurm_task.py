"""A task of Slurm's, on its node: it trains a stack, and is queued again when its time is over."""

import signal
import time
from types import FrameType
from typing import TYPE_CHECKING

from convsweep.runs.executors.checks import Demands
from convsweep.runs.executors.worker import Stack, Trained, train_stack

if TYPE_CHECKING:
    import submitit

REQUEUE_TRIES, REQUEUE_PAUSE = 8, 5.0  # how often a task asks to be queued again, and the seconds between


class Task:
    """What a task does, and how submitit is to queue it again: as it was, since the records hold how far it is."""

    def __call__(self, stack: Stack, demands: Demands) -> Trained:
        """Train the stack."""
        _requeue_patiently()
        return train_stack(stack, demands)

    def checkpoint(self, stack: Stack, demands: Demands) -> "submitit.helpers.DelayedSubmission":
        """Return what is to be queued when time is over."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, stack, demands)


def _requeue_patiently() -> None:
    """Have submitit try several times to queue this task again, and train on if that is in vain.

    Its handler of the signal raises what Slurm's controller refuses while it is restarted. That would be raised in the
    middle of training, and look like the run's own failure. A task that is killed in the end is submitted again.
    """
    handler = signal.getsignal(signal.SIGUSR2)
    assert callable(handler)

    def handle(number: int, frame: FrameType | None) -> None:
        for _ in range(REQUEUE_TRIES):
            try:
                handler(number, frame)
            except Exception:  # noqa: BLE001 - whatever it is, training goes on; what ends the process is no Exception
                time.sleep(REQUEUE_PAUSE)
            else:
                return

    signal.signal(signal.SIGUSR2, handle)
