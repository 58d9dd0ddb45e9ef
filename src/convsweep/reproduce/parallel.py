"""All seeds under the tutorial's gradient rules: stacks of seeds, spread over processes."""

from collections.abc import Generator, Sequence

from threadpoolctl import threadpool_limits

from convsweep.nn.network import Gradient
from convsweep.nn.training import Splits
from convsweep.reproduce.protocol import Outcome, replicate
from convsweep.runs.executors import Processes, num_cores

RULES: tuple[Gradient, ...] = ("exact", "last_class", "as_printed")
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
    of_stacks = [(rule, seeds, splits) for rule, seeds in stacks]
    with Processes(_replicate, min(num_cores(), len(of_stacks))) as workers:
        for done in workers.work_off(of_stacks):
            yield done.result


def _replicate(task: Task) -> Outcome:
    with threadpool_limits(1):  # the products are too small to share
        return replicate(*task)
