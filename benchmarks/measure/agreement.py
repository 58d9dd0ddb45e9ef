"""Do the peers train the same network? How far apart their losses come when they start from the same parameters.

Peers differ in who receives a tied pooling block's gradient, so convsweep is told to do as each of
them does: the loops and C give it to all, PyTorch and JAX's window maximum to the first, JAX's
maximum over an axis splits it.
"""

import tempfile
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from benchmarks.measure.step import (
    CAN_COMPILE_TORCH,
    HAS_JAX,
    HAS_TORCH,
    LEARNING_RATE,
    MODELS,
    images,
    loop_losses,
    parameters,
)
from benchmarks.peers import c
from benchmarks.peers.loops import LoopNetwork
from convsweep.nn.layers import Ties, cross_entropy
from convsweep.nn.network import CNN
from convsweep.nn.training import Batch, learn

COMPILED = {"one model": 1, "vmap": MODELS}  # as they are timed: PyTorch keeps what it compiled
JAX_TIES: dict[Literal["conv", "im2col"], Ties] = {"conv": "first", "im2col": "split"}


def differences() -> dict[str, float]:
    """Train every peer beside convsweep.

    Returns:
        The largest difference in a loss, in nats, by the peer's name: of the loops over 30 steps (and in
        a parameter after them), of the others over 1,000 steps.
    """
    few, many = images(30), images(1000)
    found = {"loops, float64": _loops(few)}
    for dtype in (np.float64, np.float32):
        if HAS_TORCH:
            found[f"PyTorch, {dtype.__name__}"] = _torch(many, dtype)
        if HAS_JAX:
            found |= {f"JAX {form}, {dtype.__name__}": _jax(many, form, dtype) for form in JAX_TIES}
    if CAN_COMPILE_TORCH:
        found |= {f"PyTorch compiled, {name}, float32": _torch_compiled(many, n) for name, n in COMPILED.items()}
    if c.COMPILER is not None:
        found |= {f"C {layout}, float32": _c(many, layout) for layout in c.LAYOUTS}
    return found


def _loops(batch: Batch) -> float:
    network, losses = _convsweep(batch, np.float64, "all")
    loops = LoopNetwork(*parameters(0, np.float64), LEARNING_RATE)
    apart = [_largest(loop_losses(loops, batch), losses)]
    trained = network.parameters()
    apart += [_largest(getattr(loops, name), getattr(trained, name)) for name in trained._fields]
    return max(apart)


def _torch(batch: Batch, dtype: npt.DTypeLike) -> float:
    from benchmarks.peers import pytorch

    network = pytorch.build(parameters(0, dtype))
    return _largest(pytorch.learn(network, batch, LEARNING_RATE), _convsweep(batch, dtype, "first")[1])


def _torch_compiled(batch: Batch, members: int) -> float:
    from benchmarks.peers import pytorch_compiled

    models = [parameters(seed) for seed in range(members)]
    first, *_ = pytorch_compiled.prepare(models, LEARNING_RATE, batch)().T
    return _largest(first, _convsweep(batch, np.float32, "first")[1])


def _jax(batch: Batch, form: Literal["conv", "im2col"], dtype: type) -> float:
    import jax

    from benchmarks.peers import jax_scan

    models = [parameters(seed, dtype) for seed in range(2)]
    with jax.enable_x64(dtype is np.float64):
        (alone,) = jax_scan.prepare(form, models[:1], LEARNING_RATE, batch)().T
        first, _ = jax_scan.prepare(form, models, LEARNING_RATE, batch)().T
    _, losses = _convsweep(batch, dtype, JAX_TIES[form])
    return max(_largest(alone, losses), _largest(first, losses))


def _c(batch: Batch, layout: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        program = c.Program(Path(folder), layout, parameters(0), LEARNING_RATE, batch)
        return _largest(program.learn().losses, _convsweep(batch, np.float32, "all")[1])


def _convsweep(batch: Batch, dtype: npt.DTypeLike, ties: Ties) -> tuple[CNN, npt.NDArray[Any]]:
    network = CNN([parameters(0, dtype)], [LEARNING_RATE], ties=ties)
    return network, cross_entropy(learn(network, batch), batch.labels)[0]


def _largest(one: npt.ArrayLike, other: npt.ArrayLike) -> float:
    return float(np.abs(np.subtract(one, other)).max())
