"""Which configuration is best on ``valid``, how sure that is, and which others can't be told from it.

Configurations are chosen by their accuracy on ``valid``; ``test`` is only reported. What is compared depends on what
there is. Configurations with several seeds in common are compared seed by seed: the answer holds for new seeds, on
these images. Configurations with one seed each are compared image by image: the answer holds for these trained
networks, on new images.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from convsweep.compare.configurations import Configuration, configurations
from convsweep.compare.runs import SEEDS, Run, in_order, varied
from convsweep.compare.statistics.best import best_candidates, best_candidates_of_answers
from convsweep.compare.statistics.intervals import Interval, student_interval, wilson_interval
from convsweep.nn.training import Split
from convsweep.records.files import DamagedError
from convsweep.records.predictions import PREDICTIONS, load_predictions

Method = Literal["seeds", "images", "none"]
Relation = Literal["best", "can't tell", "worse", "not compared"]


Seeds = tuple[tuple[int, ...], ...]


class Estimate(NamedTuple):
    """A mean accuracy and its 95% interval: over seeds, or over images if there is one seed."""

    mean: float  # 0..1
    interval: Interval


class Standing(NamedTuple):
    """A configuration among those that it is compared with."""

    configuration: Configuration
    valid: Estimate | None  # None: no run has finished
    test: Estimate | None
    relation: Relation  # to the best
    p: float | None  # that it is the best, from its seeds; None: the best itself, or not compared by seeds


class Comparison(NamedTuple):
    """Configurations that were judged on the same images and trained by the same code, best on ``valid`` first."""

    group: str  # which images these are, and which code trained the runs if there are several
    num_valid: int
    num_test: int
    keys: tuple[str, ...]  # the configuration keys that vary, seeds apart
    standings: tuple[Standing, ...]
    method: Method
    seeds: Seeds  # that all compared configurations have in common; none if each has one seed
    obstacle: str  # why nothing could be compared, a sentence; empty if it was

    @property
    def runs(self) -> list[Run]:
        """The configurations' runs, best on ``valid`` first."""
        return in_order(run for standing in self.standings for run in standing.configuration.runs)

    @property
    def num_seeds(self) -> int:
        """How many seeds all compared configurations have in common; 0 if each has one."""
        return len(self.seeds)

    @property
    def best(self) -> Standing | None:
        """The best configuration; None if no run has finished."""
        return self.standings[0] if self.standings and self.standings[0].valid is not None else None

    @property
    def best_run(self) -> Run | None:
        """The run of the best configuration that did best on ``valid``; None if no run has finished."""
        if self.best is None:
            return None
        return min(self.best.configuration.finished, key=lambda run: (-(run.valid_accuracy or 0), run.valid_loss))

    @property
    def candidates(self) -> list[Standing]:
        """The other configurations that can't be told from the best."""
        return [standing for standing in self.standings if standing.relation == "can't tell"]


def best_run(comparisons: Sequence[Comparison]) -> Run | None:
    """Return the best run of the first comparison that has one."""
    return next((comparison.best_run for comparison in comparisons if comparison.best_run is not None), None)


def compare_runs(runs: Sequence[Run], axes: Sequence[str] = ()) -> list[Comparison]:
    """Compare runs; those that were judged on other images, or trained by other code, apart.

    Accuracies on other images are no measure of each other, and another program's runs are no more seeds of this one.

    Args:
        runs: The runs.
        axes: The configuration keys that come first in names and tables.

    Returns:
        Those with the most runs first.
    """
    codes = {run.result.code_digest for run in runs if run.result is not None}
    groups: dict[str, list[Run]] = {}
    for run in runs:
        code = f", code {run.result.code_digest[:8]}" if len(codes) > 1 and run.result is not None else ""
        groups.setdefault(run.held_out + code, []).append(run)
    found = [_compare(group, of_one, axes) for group, of_one in groups.items()]
    return sorted(found, key=lambda comparison: -len(comparison.runs))


def _compare(group: str, runs: Sequence[Run], axes: Sequence[str]) -> Comparison:
    keys = tuple(key for key in varied(runs, axes) if key not in SEEDS)
    found = configurations(runs, keys)
    num_valid, num_test = (int(str(runs[0].values[f"data.num_{split}"])) for split in ("valid", "test"))
    sound = [configuration for configuration in found if configuration.is_sound]
    seeds = _common_seeds(sound)
    compared = [one for one in sound if one.has(seeds)]
    compared.sort(key=lambda one: -one.valid_accuracies(seeds).mean())  # stable: equals stay in the order of their loss
    judgement = _judge(compared, seeds, num_valid, num_sound=len(sound))
    standings = []
    for one, (relation, p) in zip(compared, judgement.relations, strict=True):
        valid, test = _estimate(one.valid_accuracies(seeds), num_valid), _estimate(one.test_accuracies(seeds), num_test)
        standings.append(Standing(one, valid, test, relation, p))
    known = {id(one) for one in compared}
    for one in (one for one in found if id(one) not in known):
        valid, test = _estimate(one.valid_accuracies(), num_valid), _estimate(one.test_accuracies(), num_test)
        standings.append(Standing(one, valid, test, "not compared", None))
    return Comparison(group, num_valid, num_test, keys, tuple(standings), judgement.method, seeds, judgement.obstacle)


def _common_seeds(sound: Sequence[Configuration]) -> Seeds:
    """Return the seeds, two at least, that the most configurations have in common; the most of those.

    Configurations that lack one of them are not compared: whether a single run was lucky can't be told.
    """
    choices = {tuple(run.seeds for run in one.finished) for one in sound if len(one.finished) >= 2}
    with_all = {choice: sum(one.has(choice) for one in sound) for choice in choices}
    return max(with_all, key=lambda choice: (with_all[choice], len(choice), choice), default=())


def _estimate(accuracies: npt.NDArray[np.float64], num_images: int) -> Estimate | None:
    if len(accuracies) == 0:
        return None
    mean = float(accuracies.mean())
    if len(accuracies) == 1:
        return Estimate(mean, wilson_interval(round(mean * num_images), num_images))
    low, high = student_interval(accuracies, step=1 / num_images)
    return Estimate(mean, Interval(max(low, 0.0), min(high, 1.0)))


class _Judgement(NamedTuple):
    """What a comparison found."""

    method: Method
    relations: list[tuple[Relation, float | None]]  # of each configuration to the best, with p
    obstacle: str = ""


def _judge(compared: Sequence[Configuration], seeds: Seeds, num_valid: int, *, num_sound: int) -> _Judgement:
    """Compare configurations with the best, which comes first.

    Args:
        compared: The configurations.
        seeds: That all of them have, two at least; none if there are no such seeds.
        num_valid: The number of images they were judged on.
        num_sound: How many configurations there are, those that lack a seed included.
    """
    untold: list[tuple[Relation, float | None]] = [("not compared", None)] * (len(compared) - 1)
    if len(compared) < 2:
        alone = "There is only one configuration, so there is nothing to compare it with."
        apart = "No two configurations have two seeds in common: give all of them the same seeds."
        return _Judgement("none", [("best", None)] * len(compared), alone if num_sound < 2 else apart)
    if seeds:
        found = best_candidates([one.valid_accuracies(seeds) for one in compared], step=1 / num_valid)
        return _Judgement(
            "seeds", [("best", None), *zip(_relations(found.is_candidate), found.p[1:].tolist(), strict=True)]
        )
    try:
        correct = [answers(one.finished[0], "valid") for one in compared]
    except DamagedError as error:
        return _Judgement("none", [("best", None), *untold], f"{error} The same command again makes it anew.")
    is_candidate = best_candidates_of_answers(np.array(correct))
    return _Judgement("images", [("best", None), *((relation, None) for relation in _relations(is_candidate))])


def _relations(is_candidate: npt.NDArray[np.bool_]) -> list[Relation]:
    """Return the relation to the best of all that come after it."""
    return ["can't tell" if candidate else "worse" for candidate in is_candidate[1:]]


def answers(run: Run, split: Split) -> npt.NDArray[np.bool_]:
    """Return which images of a split a finished run gets right, ``[N]``.

    Raises:
        DamagedError: Its predictions are missing, damaged, or of another training.
    """
    rows = load_predictions(run.directory)[split]
    correct: npt.NDArray[np.bool_] = rows["digit"] == rows["label"]
    if correct.mean() != (run.valid_accuracy if split == "valid" else run.test_accuracy):
        raise DamagedError(f"'{run.directory / PREDICTIONS}' must have the accuracy that the result has.")
    return correct
