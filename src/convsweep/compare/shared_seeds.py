"""Which runs of several configurations are compared: those with the seeds that as many as possible have in common.

A launch that is under way, or jobs that failed, leave configurations with different seeds. The rule looks at which runs
there are and never at how they did, so it favours nobody:

1. as many configurations as possible that have two seeds in common; of several such choices, the one with the most
   seeds; of several such, the one with the lowest seeds;
2. if no two configurations have two seeds in common, one run of each: with the seed that the most of them have, and
   the lowest seed of a configuration that lacks it.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from convsweep.compare.configurations import Configuration
from convsweep.compare.runs import Run

Seeds = tuple[tuple[int, ...], ...]


def choose_runs(configurations: Sequence[Configuration]) -> tuple[Seeds, list[tuple[Run, ...]]]:
    """Return the seeds that are compared, and each configuration's runs with them.

    Returns:
        No seeds if one run of each is compared. The runs, in the order of the seeds, of each configuration in turn;
        none of one that did not finish, of which a run diverged, or that lacks one of the seeds.
    """
    sound = [one for one in configurations if one.is_sound]
    seeds = _shared([[run.seeds for run in one.finished] for one in sound])
    if seeds:
        return seeds, [_with(one, seeds) if one.is_sound else () for one in configurations]
    counts = Counter(run.seeds for one in sound for run in one.finished)
    usual = min(counts, key=lambda seed: (-counts[seed], seed), default=())
    return (), [(_with(one, (usual,)) or one.finished[:1]) if one.is_sound else () for one in configurations]


def _with(configuration: Configuration, seeds: Seeds) -> tuple[Run, ...]:
    """Return the finished runs with these seeds; none unless there is one with each."""
    of_seed = {run.seeds: run for run in configuration.finished}
    return tuple(of_seed[seed] for seed in seeds) if of_seed.keys() >= set(seeds) else ()


def _shared(seeds_of: Sequence[Sequence[tuple[int, ...]]]) -> Seeds:
    """Return the seeds that as many configurations as possible have in common, two or more; see the module.

    Args:
        seeds_of: The seeds of each configuration.
    """
    seeds = sorted({seed for of_one in seeds_of for seed in of_one})
    has = np.array([[seed in set(of_one) for seed in seeds] for of_one in seeds_of], np.bool_)  # [C, S]
    if has.size == 0:
        return ()
    with_both = np.triu(has.T.astype(np.int64) @ has, 1)  # [S, S]: how many configurations have each two seeds
    most = with_both.max()
    if most < min(2, len(seeds_of)):  # one configuration alone has its own seeds
        return ()
    choices: list[list[int]] = []
    for first, second in np.argwhere(with_both == most):
        if not any(first in choice and second in choice for choice in choices):  # else it is that choice again
            members = has[has[:, first] & has[:, second]]
            choices.append(np.flatnonzero(members.all(axis=0)).tolist())
    return tuple(seeds[place] for place in max(choices, key=len))  # the first of several: that with the lowest seeds
