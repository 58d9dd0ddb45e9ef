"""What a configuration means to the network: where its run starts, and how several train side by side."""

import json
from collections.abc import Sequence

from convsweep.config import RunConfig
from convsweep.nn.network import CNN, initial_parameters
from convsweep.nn.training import Checkpoint, Splits, StackEvents, initialization_rng, order_rng, train


def beginning(config: RunConfig) -> Checkpoint:
    """Return what a run starts from that nothing has happened to: the epoch before epoch 0."""
    parameters = initial_parameters(
        config.model.num_filters,
        config.model.init_scale,
        rng=initialization_rng(config.train.seed),
        padding=config.model.padding,
        dtype=config.train.dtype,
    )
    return Checkpoint(-1, parameters, json.dumps(order_rng(config.train.order_seed).bit_generator.state))


def train_together(configs: Sequence[RunConfig], starts: Sequence[Checkpoint], splits: Splits) -> StackEvents:
    """Train runs as one stack, and yield what happens with the number of the run that it happens to.

    Args:
        configs: Alike in all that decides whether runs can share a stack; see ``plan``.
        starts: Where each run starts from, all at the end of the same epoch.
        splits: The images.
    """
    shared, start = configs[0], starts[0]
    network = CNN(
        [start.parameters for start in starts],
        [config.train.learning_rate for config in configs],
        padding=shared.model.padding,
        ties=shared.train.ties,
        gradient=shared.train.gradient,
        frozen=shared.train.frozen,
    )
    rng = order_rng(shared.train.order_seed)
    rng.bit_generator.state = json.loads(start.order_state)
    return train(
        network,
        splits,
        epochs=[config.train.epochs for config in configs],
        shuffle=shared.train.shuffle,
        rng=rng,
        window=shared.train.window,
        first_epoch=start.epoch + 1,
    )
