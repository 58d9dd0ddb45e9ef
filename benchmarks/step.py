"""What one step of training costs: convsweep alone and stacked, PyTorch's eager mode, plain loops.

The peers train the same network (8 filters, learning rate 0.005, one image a step) on the same
images with one thread each. Before they are timed they must agree; while they are timed they take
turns, so that a busy machine slows all of them. Each turn starts from initial parameters.
"""

import importlib.util
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from loops import LoopNetwork
from threadpoolctl import threadpool_limits

from convsweep.config import Mnist5k
from convsweep.data import load
from convsweep.layers import Ties, cross_entropy
from convsweep.network import CNN, Parameters, initial_parameters
from convsweep.patches import normalize
from convsweep.training import Batch, initialization_rng, learn

NUM_FILTERS = 8
LEARNING_RATE = 0.005
STACKS = (4, 8, 16)
HAS_TORCH = importlib.util.find_spec("torch") is not None

Learn = Callable[[], object]


class Peer(NamedTuple):
    """Somebody who takes turns."""

    prepare: Callable[[Batch], Learn]  # what isn't timed: a network with initial parameters
    batch: Batch  # a turn trains on all of it
    members: int = 1  # models trained side by side


def agreement() -> dict[str, float]:
    """Train the peers side by side from the same parameters; return how far apart their losses come.

    Returns:
        The largest difference in a loss, in nats: of the loops over 30 steps (and in a parameter after
        them), of PyTorch over 1,000 steps. PyTorch gives a tied block's gradient to the first pixel,
        so convsweep is told to do so as well.
    """
    differences = {}
    batch = _images(30)
    network, losses = _convsweep_losses(batch, np.float64, "all")
    loops = LoopNetwork(*_parameters(0, np.float64), LEARNING_RATE)
    loop_losses = _loop_losses(loops, batch)
    trained = network.parameters()
    differences["loops, float64"] = max(
        _largest(loop_losses, losses),
        _largest(loops.filters, trained.filters),
        _largest(loops.weights, trained.weights),
        _largest(loops.biases, trained.biases),
    )
    if HAS_TORCH:
        import torch_peer

        batch = _images(1000)
        for dtype in (np.float64, np.float32):
            torch_network = torch_peer.TorchNetwork(_parameters(0, dtype))
            torch_losses = torch_peer.learn(torch_network, batch, LEARNING_RATE)
            _, losses = _convsweep_losses(batch, dtype, "first")
            differences[f"PyTorch, {dtype.__name__}"] = _largest(torch_losses, losses)
    return differences


def microseconds(repeats: int) -> dict[str, list[float]]:
    """Time every peer ``repeats`` times, in turns.

    Returns:
        Microseconds a step (and member of a stack), one for each turn, by the figure's name.
    """
    many, few = _images(1000), _images(15)
    peers = {"numpy_single_us": Peer(partial(_prepare_stack, 1), many)}
    for members in STACKS:
        peers[f"numpy_stack{members}_us_per_model"] = Peer(partial(_prepare_stack, members), many, members)
    if HAS_TORCH:
        peers["torch_eager_us"] = Peer(_prepare_torch, many)
    peers["loops_us"] = Peer(_prepare_loops, few)

    samples: dict[str, list[float]] = {name: [] for name in peers}
    with threadpool_limits(1):
        for peer in peers.values():
            peer.prepare(few)()  # first calls load and plan things
        for _ in range(repeats):
            for name, peer in peers.items():
                turn = peer.prepare(peer.batch)
                begun = time.perf_counter()
                turn()
                steps = len(peer.batch.labels) * peer.members
                samples[name].append((time.perf_counter() - begun) / steps * 1e6)
    return samples


def _images(count: int) -> Batch:
    return load(Mnist5k(name="mnist_5k", num_train=count, num_valid=1, num_test=1)).splits.train


def _parameters(seed: int, dtype: npt.DTypeLike = np.float32) -> Parameters:
    return initial_parameters(NUM_FILTERS, rng=initialization_rng(seed), dtype=dtype)


def _prepare_stack(members: int, batch: Batch) -> Learn:
    network = CNN([_parameters(seed) for seed in range(members)], [LEARNING_RATE] * members)
    return lambda: learn(network, batch)


def _prepare_torch(batch: Batch) -> Learn:
    import torch_peer

    network = torch_peer.TorchNetwork(_parameters(0))
    return lambda: torch_peer.learn(network, batch, LEARNING_RATE)


def _prepare_loops(batch: Batch) -> Learn:
    loops = LoopNetwork(*_parameters(0), LEARNING_RATE)
    return lambda: _loop_losses(loops, batch)


def _loop_losses(loops: LoopNetwork, batch: Batch) -> list[float]:
    images = normalize(batch.images, np.float64)
    return [loops.step(image, label) for image, label in zip(images, batch.labels.tolist(), strict=True)]


def _convsweep_losses(batch: Batch, dtype: npt.DTypeLike, ties: Ties) -> tuple[CNN, npt.NDArray[Any]]:
    network = CNN([_parameters(0, dtype)], [LEARNING_RATE], ties=ties)
    return network, cross_entropy(learn(network, batch), batch.labels)[0]


def _largest(one: npt.ArrayLike, other: npt.ArrayLike) -> float:
    return float(np.abs(np.subtract(one, other)).max())
