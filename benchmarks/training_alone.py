"""The training of ``sweeps``'s 32 runs and nothing else: what is left when all overhead is gone."""

import time
from itertools import product

from sweeps import INIT_SCALES, LEARNING_RATES
from threadpoolctl import threadpool_limits

from convsweep.data import load
from convsweep.hydra_app.compose import compose_run
from convsweep.nn.network import CNN, initial_parameters
from convsweep.nn.training import Diverged, initialization_rng, order_rng, train
from convsweep.runs.plan import FILTERS_AT_ONCE


def seconds(epochs: int) -> float:
    """Train and evaluate the 32 networks in one process, in stacks as large as the launcher's; return the wall time."""
    config = compose_run()
    splits = load(config.data).splits
    members = list(product(LEARNING_RATES, INIT_SCALES))
    at_once = FILTERS_AT_ONCE // config.model.num_filters
    begun = time.perf_counter()
    with threadpool_limits(1):
        for start in range(0, len(members), at_once):
            stack = members[start : start + at_once]
            rngs = [initialization_rng(config.train.seed) for _ in stack]
            parameters = [
                initial_parameters(config.model.num_filters, init_scale, rng=rng)
                for (_, init_scale), rng in zip(stack, rngs, strict=True)
            ]
            network = CNN(parameters, [learning_rate for learning_rate, _ in stack])
            events = train(
                network,
                splits,
                epochs=[epochs] * len(stack),
                shuffle=config.train.shuffle,
                rng=order_rng(config.train.order_seed),
                window=config.train.window,
            )
            if any(isinstance(event, Diverged) for event in events):
                raise AssertionError("No run of the sweep may diverge: it would end early.")
    return time.perf_counter() - begun
