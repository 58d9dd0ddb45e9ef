"""What a run's own record costs the process that trains it: figures, journal and checkpoints, in CPU-seconds."""

import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from threadpoolctl import threadpool_limits

from convsweep.config import RunConfig
from convsweep.data import load
from convsweep.hydra_app.compose import compose_run
from convsweep.pictures.figures import draw_figures
from convsweep.records.identity import code_digest
from convsweep.records.journal import Journal, read_record
from convsweep.runs.training import beginning, class_probabilities, train_together

RUNS = 16  # one stack
FEW_IMAGES = ("data.num_train=90", "train.window=10")  # as many windows and epochs as the default run has

Result = TypeVar("Result")


def figures(repeats: int) -> list[float]:
    """Return the CPU-seconds of drawing one run's figures, a mean over a stack's runs for each repeat."""
    configs = _configs(FEW_IMAGES)
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
        directories = [Path(folder, str(number)) for number in range(RUNS)]
        _record(configs, directories)
        drawings = [_drawing(config, directory) for config, directory in zip(configs, directories, strict=True)]
        drawings[0]()  # imports matplotlib and finds its fonts
        samples = []
        for _ in range(repeats):
            begun = time.process_time()
            for draw in drawings:
                draw()
            samples.append((time.process_time() - begun) / RUNS)
    return samples


def journal_share(epochs: int, repeats: int) -> list[float]:
    """Return the CPU time of writing a default stack's journals and checkpoints, divided by that of its training."""
    samples = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
            directories = [Path(folder, str(number)) for number in range(RUNS)]
            training, writing = _record(_configs([f"train.epochs={epochs}"]), directories)
            samples.append(writing / training)
    return samples


def _configs(overrides: Sequence[str]) -> list[RunConfig]:
    base = compose_run(overrides)
    return [base.model_copy(update={"train": base.train.model_copy(update={"seed": seed})}) for seed in range(RUNS)]


def _record(configs: Sequence[RunConfig], directories: Sequence[Path]) -> tuple[float, float]:
    """Train runs as one stack and record them; return the CPU-seconds of training and of recording."""
    dataset = load(configs[0].data)
    training, recording = _Clock(), _Clock()
    journals = [
        recording.time(partial(Journal, directory, config))
        for config, directory in zip(configs, directories, strict=True)
    ]
    events = train_together(configs, [beginning(config) for config in configs], dataset.splits)
    while (following := training.time(lambda: next(events, None))) is not None:
        member, event = following
        recording.time(partial(journals[member].write, event, seconds=0.0))
    for journal in journals:
        recording.time(partial(_finish, journal, dataset.source, dataset.digest))
    return training.seconds, recording.seconds


def _finish(journal: Journal, source: str, digest: str) -> None:
    journal.finish(sweep="benchmark", host="", data_source=source, data_digest=digest, code_digest=code_digest())
    journal.close()


def _drawing(config: RunConfig, directory: Path) -> Callable[[], object]:
    """Return a function that draws a recorded run's figures."""
    record = read_record(directory)
    before, after = record.checkpoint(0), record.checkpoint()
    assert before is not None
    assert after is not None
    dataset = load(config.data)
    return partial(
        draw_figures,
        directory / "figures",
        config,
        dataset,
        record.events,
        before=before.parameters,
        after=after.parameters,
        probabilities=class_probabilities(config, after.parameters, dataset.splits.test.images),
    )


class _Clock:
    """Adds up this process's CPU time in calls.

    Attributes:
        seconds: The sum.
    """

    def __init__(self) -> None:
        self.seconds = 0.0

    def time(self, called: Callable[[], Result]) -> Result:
        """Call and count."""
        begun = time.process_time()
        try:
            return called()
        finally:
            self.seconds += time.process_time() - begun
