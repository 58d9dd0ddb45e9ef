"""Which jobs of a sweep train side by side: a partition into stacks."""

import json
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from math import ceil

from convsweep.config import RunConfig

# Members of a stack may differ in these; whatever else is in a configuration they share
MEMBERS_OWN = {"init_scale", "undivided", "learning_rate", "seed", "epochs"}

# Filters of a whole stack, in float32: 16 models of 8. What a step works on at a time (a plane of feature maps, a
# member's dense weights) then stays within an L2 cache of 1 MB. With half as many a step costs 25% more, with twice as
# many 12% less.
FILTERS_AT_ONCE = 128


def divide_into_stacks(configs: Sequence[RunConfig], processes: int) -> list[list[int]]:
    """Divide jobs into stacks, as large as pays and as even as it takes to keep all processes busy.

    Args:
        configs: One a job.
        processes: How many stacks will train at a time.

    Returns:
        The numbers of each stack's jobs, stacks that take longest first.
    """
    fair_share = sum(map(training_cost, configs)) / processes
    stacks = []
    for numbers in _groups(configs):
        members = [configs[number] for number in numbers]
        bytes_each = 8 if members[0].train.dtype == "float64" else 4
        at_once = max(FILTERS_AT_ONCE * 4 // bytes_each // members[0].model.num_filters, 1)
        parts = max(ceil(len(numbers) / at_once), round(sum(map(training_cost, members)) / fair_share))
        parts = min(parts, len(numbers))
        bounds = [len(numbers) * part // parts for part in range(parts + 1)]
        stacks += [numbers[start:end] for start, end in pairwise(bounds)]
    return sorted(stacks, key=lambda stack: -sum(training_cost(configs[number]) for number in stack))


def _groups(configs: Sequence[RunConfig]) -> Iterable[list[int]]:
    """Group jobs that can share a stack, those of equal length side by side."""

    def shared(number: int) -> str:
        config = configs[number]  # where a run is kept doesn't decide how it is trained
        sections = (config.model, config.train, config.data)
        return json.dumps([section.model_dump(mode="json", exclude=MEMBERS_OWN) for section in sections])

    numbers = sorted(range(len(configs)), key=lambda number: (shared(number), configs[number].train.epochs))
    for _, group in groupby(numbers, key=shared):
        yield list(group)


def training_cost(config: RunConfig) -> float:
    """Return about how long a job trains, in steps of one filter."""
    per_step = config.model.num_filters + 2  # some of a step costs the same whatever the number of filters
    return float(config.train.epochs * config.data.num_train * per_step)
