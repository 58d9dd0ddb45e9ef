"""How much memory a stack takes, so that what can't fit is refused before it is begun.

Measured (peak of a process, 2,000 to 16,000 filters): training holds about four copies of every member's parameters,
drawing a run's figures about 100 bytes a parameter, one run after the other. Left out: the images, and all that
doesn't grow with the number of filters, some 200 MB.
"""

import functools
from collections.abc import Sequence

import psutil

from convsweep.config import ConfigError, RunConfig
from convsweep.nn.network import NUM_CLASSES, num_blocks
from convsweep.nn.patches import KERNEL

COPIES = 4
DRAWING = 100  # bytes a parameter


def num_parameters(config: RunConfig) -> int:
    """Return how many numbers a run's network has."""
    per_filter = KERNEL**2 + num_blocks(config.model.padding) * NUM_CLASSES
    return config.model.num_filters * per_filter + NUM_CLASSES


def number_size(config: RunConfig) -> int:
    """Return the bytes of one of its numbers."""
    return 8 if config.train.dtype == "float64" else 4


def bytes_needed(members: Sequence[RunConfig]) -> int:
    """Return about how many bytes a stack of these takes while it trains and draws."""
    largest = max(members, key=num_parameters)
    training = sum(COPIES * number_size(member) * num_parameters(member) for member in members)
    return training + DRAWING * num_parameters(largest)


def check_memory(config: RunConfig, limit: float, owner: str) -> None:
    """Find out whether a run can be trained at all.

    Args:
        config: The run's.
        limit: The bytes that there are.
        owner: Whose they are, in words.

    Raises:
        ConfigError: They are too few.
    """
    needed = bytes_needed([config])
    if needed > limit:
        given = f"{config.model.num_filters}, which takes about {needed / 1e9:,.0f} GB"
        raise ConfigError([f"'model.num_filters' must fit into {owner} {limit / 1e9:,.0f} GB (got {given})."])


def check_memory_here(config: RunConfig) -> None:
    """Find out whether this machine can train a run at all.

    Raises:
        ConfigError: It has too little memory.
    """
    check_memory(config, machine_bytes(), "this machine's")


def fit_at_once(stacks: Sequence[Sequence[RunConfig]], processes: int) -> int:
    """Return how many of the stacks this machine can train at a time, in at most so many processes: at least one."""
    largest = sorted(map(bytes_needed, stacks), reverse=True)
    number = min(processes, len(stacks))
    while number > 1 and sum(largest[:number]) > machine_bytes():
        number -= 1
    return max(number, 1)


@functools.cache
def machine_bytes() -> int:
    """Return how much memory this machine has."""
    return int(psutil.virtual_memory().total)
