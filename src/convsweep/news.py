"""What is told of jobs while they run, from whichever process they run in, to whoever shows it."""

from collections.abc import Callable
from typing import NamedTuple

from convsweep.journal import Result
from convsweep.training import Evaluation, Window


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
