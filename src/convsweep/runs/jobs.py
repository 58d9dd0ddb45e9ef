"""Jobs: what is asked, and what is told of them while they run, from whichever process they run in."""

from collections.abc import Callable
from typing import NamedTuple

from convsweep.config import RunConfig
from convsweep.nn.training import Evaluation, Window
from convsweep.records.journal import Result


class Sweep(NamedTuple):
    """What a job must know of the sweep it belongs to."""

    id: str  # the name of the sweep's directory
    parent_run_id: str
    axes: tuple[str, ...]  # the configuration keys that vary


class Job(NamedTuple):
    """What is to be run, and as part of what."""

    config: RunConfig
    varied: tuple[str, ...] = ()  # the configuration keys to name the run by
    sweep: Sweep | None = None


class Began(NamedTuple):
    """A job's training begins."""

    name: str
    step: int  # 0, unless it goes on from a checkpoint
    last_step: int


class Ended(NamedTuple):
    """A job is over. A run that diverges has ended well: that is its result."""

    name: str
    result: Result | None  # None: it failed
    error: Exception | None


News = Began | Window | Evaluation | Ended
Tell = Callable[[int, News], None]  # of which job
