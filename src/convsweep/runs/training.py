"""What a configuration means to the network: where its run starts, how several train, what one predicts."""

import json
from collections.abc import Sequence

from convsweep.config import RunConfig
from convsweep.nn.layers import softmax
from convsweep.nn.network import CNN, Parameters, initial_parameters
from convsweep.nn.patches import Floats, Pixels
from convsweep.nn.training import (
    Checkpoint,
    Splits,
    StackEvents,
    initialization_rng,
    order_rng,
    predict,
    train,
)


def beginning(config: RunConfig) -> Checkpoint:
    """Return what a run starts from that nothing has happened to: the epoch before epoch 0."""
    parameters = initial_parameters(
        config.model.num_filters,
        config.model.init_scale,
        rng=initialization_rng(config.train.seed),
        padding=config.model.padding,
        dtype=config.train.dtype,
        undivided=config.model.undivided,
    )
    return Checkpoint(-1, parameters, json.dumps(order_rng(config.train.order_seed).bit_generator.state))


def network_of(configs: Sequence[RunConfig], parameters: Sequence[Parameters]) -> CNN:
    """Return the stack of runs that have come to these parameters."""
    shared = configs[0]
    return CNN(
        parameters,
        [config.train.learning_rate for config in configs],
        padding=shared.model.padding,
        ties=shared.train.ties,
        gradient=shared.train.gradient,
        frozen=shared.train.frozen,
        pixels=shared.data.pixels,
    )


def train_together(configs: Sequence[RunConfig], starts: Sequence[Checkpoint], splits: Splits) -> StackEvents:
    """Train runs as one stack, and yield what happens with the number of the run that it happens to.

    Args:
        configs: Alike in all that decides whether runs can share a stack; see ``plan``.
        starts: Where each run starts from, all at the end of the same epoch.
        splits: The images.
    """
    shared, start = configs[0], starts[0]
    network = network_of(configs, [start.parameters for start in starts])
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


def class_probabilities(config: RunConfig, parameters: Parameters, images: Pixels) -> Floats:
    """Return what a run's network, with these parameters, gives to the classes of images.

    Args:
        config: The run's configuration.
        parameters: Of a checkpoint.
        images: ``[N, 28, 28]``.

    Returns:
        ``[N, C]``, float64, 0..1; a row's sum is 1.
    """
    return softmax(predict(network_of([config], [parameters]), images)[0])
