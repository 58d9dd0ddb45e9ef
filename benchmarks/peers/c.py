"""The same network in C, ``step.c``: compiled, fed from a file, timed by itself.

A program of its own: linked into this process, ``-ffast-math`` would change how NumPy treats the
smallest numbers.
"""

import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from convsweep.nn.network import Parameters
from convsweep.nn.training import Batch

SOURCE = Path(__file__).with_name("step.c")
COMPILER = shutil.which("gcc") or shutil.which("cc")
LAYOUTS = {"plain": (), "blocks": ("-DBLOCK_ORDER",)}


class Turn(NamedTuple):
    """What one run of the program says."""

    microseconds: float  # a step
    losses: npt.NDArray[Any]  # float32 [N], each before the step on its image


class Program:
    """The compiled program and the file it reads.

    Args:
        folder: Where both are kept.
        layout: ``plain`` or ``blocks``; see ``step.c``.
        parameters: In convsweep's canonical shapes, float32.
        learning_rate: Of plain SGD.
        batch: What a turn trains on.
    """

    def __init__(self, folder: Path, layout: str, parameters: Parameters, learning_rate: float, batch: Batch) -> None:
        assert COMPILER is not None
        self._program, self._input, self._losses = (folder / f"{layout}{end}" for end in ("", ".in", ".out"))
        flags = ("-O3", "-march=native", "-ffast-math", *LAYOUTS[layout])
        subprocess.run([COMPILER, *flags, SOURCE, "-lm", "-o", self._program], check=True)
        num_filters, num_classes = len(parameters.filters), len(parameters.biases)
        by_block = parameters.weights.reshape(-1, num_filters, num_classes)  # [B, F, C]
        values = (
            np.int32(len(batch.labels)),
            np.float32(learning_rate),
            parameters.filters,
            by_block.swapaxes(0, 1),
            parameters.biases,
            batch.images,
            batch.labels.astype(np.uint8),
        )
        self._input.write_bytes(b"".join(value.tobytes() for value in values))

    def learn(self) -> Turn:
        """Train from the initial parameters."""
        command = [self._program, self._input, self._losses]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return Turn(float(done.stdout), np.fromfile(self._losses, np.float32))
