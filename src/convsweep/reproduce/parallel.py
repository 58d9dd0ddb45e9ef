"""All seeds under all gradient rules: stacks of seeds, spread over processes.

The standard library's pool, because it can be interrupted: joblib's, cut off while it starts, prints tracebacks of
its own threads.
"""

import multiprocessing
import os
import signal
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import get_args

from threadpoolctl import threadpool_limits

from convsweep.errors import UserError
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

    A member's bits depend neither on its stack nor on the process. Closing the generator ends the processes.

    Raises:
        UserError: A process was killed.
    """
    num_processes = min(os.cpu_count() or 1, len(stacks))
    pool = ProcessPoolExecutor(num_processes, mp_context=multiprocessing.get_context("spawn"))
    done = False
    try:
        with _signals_waiting():
            under_way = [pool.submit(_run, rule, seeds, splits) for rule, seeds in stacks]
        for future in as_completed(under_way):
            yield future.result()
        done = True
    except BrokenProcessPool as error:
        raise UserError("A process of the study was killed: there may be too little memory.") from error
    finally:
        if not done:
            for process in multiprocessing.active_children():
                process.kill()
        pool.shutdown()


def _run(rule: Gradient, seeds: range, splits: Splits) -> Outcome:
    with threadpool_limits(1):  # the products are too small to share
        return run_stack(rule, seeds, splits)


@contextmanager
def _signals_waiting() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back until the body has started its processes, which Ctrl-C never reaches.

    A process that is half started when its parent is interrupted prints a traceback, and so does one that is itself:
    Ctrl-C goes to every process of a terminal. It is this one's to end the others.
    """
    arrived: list[int] = []
    resource_tracker.ensure_running()  # otherwise started in the body, and it would unblock SIGINT
    handlers = {
        number: signal.signal(number, lambda number, _: arrived.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    # the mask is for the processes, which inherit it; here another thread may take the signal, so there is a handler
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if arrived:
        signal.raise_signal(arrived[0])
