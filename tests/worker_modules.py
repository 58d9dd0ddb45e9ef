"""What a test has a worker do: train, then tell what that made it import, or what memory it had to ask for."""

import os
import resource
import sys
from collections.abc import Sequence

import numpy as np

from convsweep.nn.network import CNN, initial_parameters
from convsweep.nn.training import Batch, learn, predict
from convsweep.runs.stack import Job, run_stack


def modules_after(jobs: Sequence[Job]) -> tuple[object, list[str], dict[str, str]]:
    """Train jobs; return the failures, what has been imported by then, and how many threads libraries may use."""
    failures = run_stack(jobs)
    threads = {name: value for name, value in os.environ.items() if name.endswith("_NUM_THREADS")}
    return failures, sorted(sys.modules), threads


def page_faults_an_image() -> float:
    """Train and evaluate a stack; return how often that took a page of memory from the kernel, once it is at work."""
    rng = np.random.default_rng(0)
    pixels = (rng.random((512, 28, 28)) < 0.2) * rng.integers(1, 256, (512, 28, 28))
    batch = Batch(pixels.astype(np.uint8), rng.integers(0, 10, 512))
    network = CNN([initial_parameters(8, rng=rng) for _ in range(16)], [0.005] * 16)
    faults = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        learn(network, batch)
        predict(network, batch.images)
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    return min(faults[1:]) / len(batch.labels)
