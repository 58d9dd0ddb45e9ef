"""All seeds under all gradient rules: stacks of seeds, spread over processes."""

from collections.abc import Generator, Sequence
from contextlib import closing
from typing import get_args

from joblib import cpu_count
from threadpoolctl import threadpool_limits

from convsweep.errors import UserError
from convsweep.nn.network import Gradient
from convsweep.nn.training import Splits
from convsweep.reproduce.study import Outcome, run_stack
from convsweep.runs.pool import Over, Pool, Said, Say

RULES: tuple[Gradient, ...] = get_args(Gradient)
STACK = 10  # members: fills a core's cache well enough, and gives several cores something to do

Task = tuple[Gradient, range, Splits]


def tasks(num_seeds: int) -> list[tuple[Gradient, range]]:
    """Return the stacks to run: a rule and the seeds of its members each.

    >>> tasks(11)[:2]
    [('exact', range(0, 10)), ('exact', range(10, 11))]
    """
    starts = range(0, num_seeds, STACK)
    return [(rule, range(start, min(start + STACK, num_seeds))) for rule in RULES for start in starts]


def run_all(stacks: Sequence[tuple[Gradient, range]], splits: Splits) -> Generator[Outcome]:
    """Run stacks on all cores; yield what comes of each as soon as it is there, in any order.

    A member's bits depend neither on its stack nor on the process. Closing the generator ends the processes.

    Raises:
        UserError: A process was killed.
    """
    pool = Pool(["convsweep.reproduce.study"])
    with closing(pool.run(_work, [(rule, seeds, splits) for rule, seeds in stacks], cpu_count())) as events:
        for event in events:
            match event:
                case Said(_, Outcome() as outcome):
                    yield outcome
                case Over(_, exit_code) if exit_code is not None:
                    raise UserError("A process of the study was killed: there may be too little memory.")


def _work(task: Task, say: Say) -> None:
    with threadpool_limits(1):  # the products are too small to share
        say(run_stack(*task))
