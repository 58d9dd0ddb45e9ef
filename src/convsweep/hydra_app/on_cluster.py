"""The jobs of a launcher's batch on a cluster: ``hydra.launcher.executor=dask`` or ``slurm``.

Everything is handed to the cluster's engine at once, so that it goes on without this process.
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from convsweep.config import Data
from convsweep.errors import UserError
from convsweep.hydra_app.launching import Active, DetachedError
from convsweep.hydra_app.placement import Placement, open_engine
from convsweep.runs.executors.checks import BEAT, Worker, beat, make_demands
from convsweep.runs.executors.engine import Engine, Stacks, different_kernels
from convsweep.runs.executors.local import Done
from convsweep.runs.executors.worker import Stack
from convsweep.runs.partition import divide_into_stacks
from convsweep.runs.stack import Job
from convsweep.terminal import counted, say


class Training(NamedTuple):
    """What a cluster is at."""

    stacks: Sequence[Stack]  # all that was handed to it
    ends: Iterator[Done[Stack]]  # waits for them; each once it is over


@contextmanager
def trained_on_cluster(jobs: Sequence[Job], active: Active, where: Placement) -> Iterator[Training]:
    """Have jobs trained by a cluster while the body takes what comes of them.

    Args:
        jobs: Those that there is something to do about.
        active: The launch whose jobs they are.
        where: Which cluster.

    Yields:
        What the cluster is at.

    Raises:
        UserError: The cluster isn't there, refuses, or one of its workers isn't fit; nothing is left in its queue.
        DetachedError: The cluster goes on without this process: the body raised it, or the user said so after Ctrl-C.
    """
    mlruns, sweep = jobs[0].config.mlruns, active.sweep
    engine = open_engine(where, make_demands(mlruns, sweep.id, where.blas_kernel))
    try:
        with _heartbeat(mlruns, sweep.id):
            stacks = _hand_over(jobs, engine)
            yield Training(stacks.under_way, _ends(stacks))
    except DetachedError:
        raise
    except BaseException as error:
        # subtle: SIGTERM raises a class of its own that is a KeyboardInterrupt, too; nobody is asked then
        if type(error) is KeyboardInterrupt and active.ask("Stop looking, but leave the sweep running?"):
            raise DetachedError from error
        engine.cancel()
        raise
    finally:
        engine.close()


def _hand_over(jobs: Sequence[Job], engine: Engine) -> Stacks:
    """Give all jobs to the engine, but for those that it has from an earlier launch."""
    workers = engine.examine(_data_of(jobs))
    _check(workers)
    _say_different_kernels(workers)
    stacks = Stacks(engine, workers)
    taken_over = {job.number for stack in stacks.take_over({job.number for job in jobs}) for job in stack}
    rest = [job for job in jobs if job.number not in taken_over]
    divided = divide_into_stacks([job.config for job in rest], engine.shares) if rest else []
    stacks.submit([tuple(rest[place] for place in stack) for stack in divided])
    if taken_over:
        say(f"Waiting for {counted(len(taken_over), 'job')} that an earlier command left to the cluster")
    if rest:
        say(f"Training {counted(len(rest), 'job')} in {counted(len(divided), 'stack')} on the cluster")
    return stacks


def _ends(stacks: Stacks) -> Iterator[Done[Stack]]:
    """Yield each stack once it is over; say so if workers turn out to use different BLAS kernels."""
    told = bool(different_kernels(stacks.workers))
    while stacks.busy:
        yield from stacks.wait()
        told = told or _say_different_kernels(stacks.workers)


def _data_of(jobs: Sequence[Job]) -> list[Data]:
    """Return the data of jobs, each once."""
    return list({job.config.data.model_dump_json(): job.config.data for job in jobs}.values())


def _check(workers: Sequence[Worker]) -> None:
    """Refuse workers that have problems.

    Raises:
        UserError: There are such.
    """
    problems = [problem for worker in workers for problem in worker.problems]
    if problems:
        raise UserError("\n".join(dict.fromkeys(problems)))


def _say_different_kernels(workers: Iterable[Worker]) -> bool:
    """Say that workers use different BLAS kernels, if they do; return whether they do."""
    sentence = different_kernels(workers)
    if sentence:
        say(sentence)
    return bool(sentence)


@contextmanager
def _heartbeat(mlruns: Path, sweep_id: str) -> Iterator[None]:
    """Show workers that this launch lives, while the body runs."""
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(BEAT):
            with suppress(OSError):
                beat(mlruns, sweep_id)

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
