"""All seeds under all gradient rules: stacks of seeds, spread over processes."""

import signal
from collections.abc import Generator, Sequence
from typing import get_args

import joblib
from threadpoolctl import threadpool_limits

from convsweep.network import Gradient
from convsweep.reproduce.study import Outcome, run_stack
from convsweep.training import Splits

RULES: tuple[Gradient, ...] = get_args(Gradient)
STACK = 5  # members: fills a core's cache well enough, and gives several cores something to do


def tasks(num_seeds: int) -> list[tuple[Gradient, range]]:
    """Return the stacks to run: a rule and the seeds of its members each.

    >>> tasks(6)[:2]
    [('exact', range(0, 5)), ('exact', range(5, 6))]
    """
    starts = range(0, num_seeds, STACK)
    return [(rule, range(start, min(start + STACK, num_seeds))) for rule in RULES for start in starts]


def run_all(stacks: Sequence[tuple[Gradient, range]], splits: Splits) -> Generator[Outcome]:
    """Run stacks on all cores; yield what comes of each as soon as it is there, in any order.

    A member's bits depend neither on its stack nor on the process.
    """
    parallel = joblib.Parallel(
        n_jobs=min(joblib.cpu_count(), len(stacks)),
        backend="loky",
        return_as="generator_unordered",
        initializer=_ignore_ctrl_c,
    )
    yield from parallel(joblib.delayed(_run)(rule, seeds, splits) for rule, seeds in stacks)


def _run(rule: Gradient, seeds: range, splits: Splits) -> Outcome:
    with threadpool_limits(1):  # the products are too small to share
        return run_stack(rule, seeds, splits)


def _ignore_ctrl_c() -> None:
    """Leave Ctrl-C, which reaches every process of a terminal, to the one that started this one: it ends them all."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
