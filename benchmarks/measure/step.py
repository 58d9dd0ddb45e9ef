"""What one step of training costs: convsweep alone and stacked, JAX, PyTorch, C, plain loops; and an evaluation.

The peers train the same network (8 filters, learning rate 0.005, one image a step) on the same
images, all on the one core that the process is bound to. While they are timed they take turns, so
that a busy machine slows all of them. Each turn starts from initial parameters; compiling isn't timed.
"""

import importlib.util
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from benchmarks.peers import c
from benchmarks.peers.loops import LoopNetwork
from convsweep.config import Mnist5k
from convsweep.data import load
from convsweep.nn.network import CNN, Parameters, initial_parameters
from convsweep.nn.patches import normalize
from convsweep.nn.training import Batch, initialization_rng, learn, predict

NUM_FILTERS = 8
LEARNING_RATE = 0.005
TURN = 1500  # images a turn: what a new network does once must count for little, as it does in training
STACKS = (8, 16, 32)
VMAPS = (8, 16)
MODELS = 16  # of PyTorch's vmap, and of a stack that evaluates
HAS_TORCH, HAS_JAX = (importlib.util.find_spec(name) is not None for name in ("torch", "jax"))
CAN_COMPILE_TORCH = HAS_TORCH and shutil.which("g++") is not None

Turn = Callable[[], float]  # returns microseconds a step and model
Samples = dict[str, list[float]]


def microseconds(repeats: int) -> Samples:
    """Time all peers but PyTorch compiled ``repeats`` times, in turns.

    Returns:
        Microseconds a step or evaluated image (and member of a stack), one for each turn, by the figure's name.
    """
    with threadpool_limits(1), _peers() as peers:
        return _take_turns(peers, repeats)


def compiled_microseconds(repeats: int) -> Samples:
    """Time PyTorch compiled, which has a process of its own: every call of a Python function takes longer beside it."""
    if not CAN_COMPILE_TORCH:
        return {}
    from benchmarks.peers import pytorch_compiled

    peers: dict[str, Turn] = {}
    many = images(TURN)
    with threadpool_limits(1):
        for name, members in (("torch_compiled_us", 1), ("torch_vmap16_us_per_model", MODELS)):
            run = pytorch_compiled.prepare([parameters(seed) for seed in range(members)], LEARNING_RATE, many)
            peers[name] = partial(_timed, run, many, members)
        return _take_turns(peers, repeats)


def _take_turns(peers: Mapping[str, Turn], repeats: int) -> Samples:
    for turn in peers.values():
        turn()  # first calls load and plan things
    samples: Samples = {name: [] for name in peers}
    for _ in range(repeats):
        for name, turn in peers.items():
            samples[name].append(turn())
    return samples


@contextmanager
def _peers() -> Iterator[dict[str, Turn]]:
    """Yield everybody who takes turns, by the name of the figure (``:form`` where a peer has two)."""
    many, few = images(TURN), images(15)
    peers: dict[str, Turn] = {"numpy_single_us": partial(convsweep_turn, 1, many)}
    for members in STACKS:
        peers[f"numpy_stack{members}_us_per_model"] = partial(convsweep_turn, members, many)
    peers["numpy_evaluation_us"] = partial(_evaluation_turn, 1, many)
    peers["numpy_evaluation16_us_per_model"] = partial(_evaluation_turn, MODELS, many)
    if HAS_JAX:
        from benchmarks.peers import jax_scan

        for form in jax_scan.FORMS:
            for name, members in (("scan_us", 1), *((f"vmap{n}_us_per_model", n) for n in VMAPS)):
                models = [parameters(seed) for seed in range(members)]
                run = jax_scan.prepare(form, models, LEARNING_RATE, many)
                peers[f"jax_{name}:{form}"] = partial(_timed, run, many, members)
    if HAS_TORCH:
        peers["torch_eager_us"] = partial(_torch_turn, many)
    peers["loops_us"] = partial(_loops_turn, few)
    with tempfile.TemporaryDirectory() as folder:
        if c.COMPILER is not None:
            for name, layout in (("c_us", "plain"), ("c_blocks_us", "blocks")):
                program = c.Program(Path(folder), layout, parameters(0), LEARNING_RATE, many)
                peers[name] = partial(_c_turn, program)
        yield peers


def images(count: int) -> Batch:
    """Return the first training images of mnist_5k."""
    return load(Mnist5k(name="mnist_5k", num_train=count, num_valid=1, num_test=1, pixels="centred")).splits.train


def parameters(seed: int, dtype: npt.DTypeLike = np.float32, num_filters: int = NUM_FILTERS) -> Parameters:
    """Return what every peer starts from."""
    return initial_parameters(num_filters, rng=initialization_rng(seed), dtype=dtype)


def convsweep_turn(members: int, batch: Batch, num_filters: int = NUM_FILTERS) -> float:
    """Train a new stack on a batch; return microseconds a step and member."""
    models = [parameters(seed, num_filters=num_filters) for seed in range(members)]
    network = CNN(models, [LEARNING_RATE] * members)
    return _timed(lambda: learn(network, batch), batch, members)


def _evaluation_turn(members: int, batch: Batch) -> float:
    network = CNN([parameters(seed) for seed in range(members)], [LEARNING_RATE] * members)
    return _timed(lambda: predict(network, batch.images), batch, members)


def _torch_turn(batch: Batch) -> float:
    from benchmarks.peers import pytorch

    network = pytorch.build(parameters(0))
    return _timed(lambda: pytorch.learn(network, batch, LEARNING_RATE), batch)


def _loops_turn(batch: Batch) -> float:
    network = LoopNetwork(*parameters(0), LEARNING_RATE)
    return _timed(lambda: loop_losses(network, batch), batch)


def _c_turn(program: c.Program) -> float:
    return program.learn().microseconds


def loop_losses(network: LoopNetwork, batch: Batch) -> list[float]:
    """Train plain loops on a batch; return the loss before each step."""
    pixels = normalize(batch.images, np.float64)
    return [network.step(image, label) for image, label in zip(pixels, batch.labels.tolist(), strict=True)]


def _timed(run: Callable[[], Any], batch: Batch, members: int = 1) -> float:
    begun = time.perf_counter()
    run()
    return (time.perf_counter() - begun) / (len(batch.labels) * members) * 1e6
