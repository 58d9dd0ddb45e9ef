"""The best run from the inside: what it takes for what on ``test``, how sure each class is, and its filters."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from convsweep.compare.comparison import Comparison, Estimate
from convsweep.compare.runs import Run
from convsweep.compare.statistics.intervals import wilson_interval
from convsweep.data import CLASS_NAMES
from convsweep.errors import UserError
from convsweep.nn.network import Parameters
from convsweep.nn.patches import Floats
from convsweep.nn.training import Checkpoint
from convsweep.records.files import DamagedError
from convsweep.records.identity import code_digest
from convsweep.records.journal import read_config, read_record
from convsweep.records.predictions import load_predictions
from convsweep.runs.training import beginning

MOST_FILTERS = 32


class ClassAccuracy(NamedTuple):
    """How a run does on the images of one class."""

    name: str
    num_correct: int
    num_images: int
    accuracy: Estimate | None  # None: there is no image of the class


class BestRun(NamedTuple):
    """A run, and what its record still holds."""

    run: Run
    class_names: tuple[str, ...]
    confusion: npt.NDArray[np.int64] | None  # [C, C], images of ``test``: row what it is, column what it's taken for
    classes: tuple[ClassAccuracy, ...]
    before: Floats | None  # [F, 3, 3], the filters as drawn
    after: Floats | None  # [F, 3, 3], as trained
    missing: tuple[str, ...]  # what its record lacks, a sentence each

    @property
    def num_correct(self) -> int:
        """How many images of ``test`` it gets right."""
        return 0 if self.confusion is None else int(np.trace(self.confusion))

    @property
    def hardest(self) -> list[ClassAccuracy]:
        """The classes with the lowest accuracy."""
        known = [one for one in self.classes if one.accuracy is not None]
        lowest = min((one.num_correct / one.num_images for one in known), default=None)
        return [one for one in known if one.num_correct / one.num_images == lowest]


def read_best_run(comparison: Comparison) -> BestRun | None:
    """Read it from its record; None if no run has finished."""
    run = comparison.best_run
    if run is None:
        return None
    names = CLASS_NAMES[str(run.values["data.name"])]
    missing = []
    confusion: npt.NDArray[np.int64] | None = None
    classes: tuple[ClassAccuracy, ...] = ()
    try:
        rows = load_predictions(run.directory)["test"]
        confusion = np.zeros((len(names), len(names)), np.int64)
        np.add.at(confusion, (rows["label"], rows["digit"]), 1)
        classes = tuple(
            _class_accuracy(name, int(confusion[number, number]), int(confusion[number].sum()))
            for number, name in enumerate(names)
        )
    except DamagedError as error:
        missing.append(str(error))
    parameters = _filters(run)
    if parameters is None:
        missing.append("Its checkpoints are missing or damaged.")
    before, after = (None, None) if parameters is None else (part.filters for part in parameters)
    return BestRun(run, names, confusion, classes, before, after, tuple(missing))


def _class_accuracy(name: str, num_correct: int, num_images: int) -> ClassAccuracy:
    if num_images == 0:
        return ClassAccuracy(name, 0, 0, None)
    estimate = Estimate(num_correct / num_images, wilson_interval(num_correct, num_images))
    return ClassAccuracy(name, num_correct, num_images, estimate)


def _filters(run: Run) -> tuple[Parameters, Parameters] | None:
    """Return the initial and the last parameters; the former are drawn anew if only the last ones were kept."""
    record = read_record(run.directory)
    try:
        last = record.checkpoint()
        if record.keeps_last_only and record.result is not None and record.result.code_digest == code_digest():
            first: Checkpoint | None = beginning(read_config(run.directory))
        else:
            first = record.checkpoint(0)
    except (DamagedError, UserError):
        return None
    return None if first is None or last is None else (first.parameters, last.parameters)
