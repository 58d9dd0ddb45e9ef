"""The part of ``growth`` that trains: microseconds a step against stack and filters, steps a second of one process."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import median

from threadpoolctl import threadpool_limits

from benchmarks.measure.step import LEARNING_RATE, TURN, convsweep_turn, images, parameters
from convsweep.nn.network import CNN
from convsweep.nn.training import learn
from convsweep.runs.partition import FILTERS_AT_ONCE

Shape = tuple[int, int]  # networks, filters


def microseconds(stacks: Sequence[int], filters: Sequence[int], repeats: int) -> dict[str, dict[str, Sequence[float]]]:
    """Time stacks of networks, all of them in turns.

    Args:
        stacks: Sizes of stacks, of networks of 8 filters.
        filters: Numbers of filters, of one network and of as many as the launcher puts into a stack.
        repeats: Turns; medians are returned.
    """
    batch = images(TURN)
    launchers = [max(FILTERS_AT_ONCE // number, 1) for number in filters]
    shapes = {(members, 8) for members in stacks}
    shapes |= {
        (members, number) for number, at_once in zip(filters, launchers, strict=True) for members in (1, at_once)
    }
    turns = {(members, number): partial(convsweep_turn, members, batch, number) for members, number in sorted(shapes)}
    with threadpool_limits(1):
        medians = _medians(turns, repeats)
    return {
        "stack": {"stack": list(stacks), "us_per_model": [medians[members, 8] for members in stacks]},
        "filters": {
            "filters": list(filters),
            "alone_us": [medians[1, number] for number in filters],
            "stack": launchers,
            "stack_us_per_model": [
                medians[at_once, number] for number, at_once in zip(filters, launchers, strict=True)
            ],
        },
    }


def steps_a_second(members: int, repeats: int) -> float:
    """Train a stack for some seconds; return the steps a second of all its networks together."""
    batch = images(1000)
    network = CNN([parameters(seed) for seed in range(members)], [LEARNING_RATE] * members)
    with threadpool_limits(1):
        learn(network, batch)  # meanwhile those that run side by side start as well
        begun = time.perf_counter()
        for _ in range(repeats):
            learn(network, batch)
        return repeats * members * len(batch.labels) / (time.perf_counter() - begun)


def _medians(turns: Mapping[Shape, Callable[[], float]], repeats: int) -> dict[Shape, float]:
    samples: dict[Shape, list[float]] = {shape: [turn()] for shape, turn in turns.items()}
    for _ in range(repeats - 1):
        for shape, turn in turns.items():
            samples[shape].append(turn())
    return {shape: median(values) for shape, values in samples.items()}
