"""The training of ``sweeps``'s 32 runs and nothing else: what is left when all overhead is gone."""

import time
from itertools import product

from threadpoolctl import threadpool_limits

from benchmarks.measure.sweeps import INIT_SCALES, LEARNING_RATES
from convsweep.config import RunConfig
from convsweep.data import load
from convsweep.hydra_app.compose import compose_run
from convsweep.nn.training import Diverged
from convsweep.runs.partition import FILTERS_AT_ONCE
from convsweep.runs.training import beginning, train_together


def seconds(epochs: int) -> float:
    """Train and evaluate the 32 networks in one process, in stacks as large as the launcher's; return the wall time."""
    base = compose_run()
    splits = load(base.data).splits
    configs = [_config(base, epochs, *member) for member in product(LEARNING_RATES, INIT_SCALES)]
    at_once = FILTERS_AT_ONCE // base.model.num_filters
    begun = time.perf_counter()
    with threadpool_limits(1):
        for start in range(0, len(configs), at_once):
            stack = configs[start : start + at_once]
            events = train_together(stack, [beginning(config) for config in stack], splits)
            if any(isinstance(event, Diverged) for _, event in events):
                raise AssertionError("No run of the sweep may diverge: it would end early.")
    return time.perf_counter() - begun


def _config(base: RunConfig, epochs: int, learning_rate: float, init_scale: float) -> RunConfig:
    train = base.train.model_copy(update={"learning_rate": learning_rate, "epochs": epochs})
    model = base.model.model_copy(update={"init_scale": init_scale})
    return base.model_copy(update={"train": train, "model": model})
