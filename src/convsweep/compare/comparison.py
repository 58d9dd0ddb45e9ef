"""Which configuration is best on ``valid``, how sure that is, and which others can't be told from it.

Configurations are chosen by their accuracy on ``valid``; ``test`` is only reported. What is compared depends on what
there is (see ``shared_seeds``). Configurations with several seeds in common are compared seed by seed: the answer holds
for new seeds, on these images. Where there is one run of each, they are compared image by image: the answer holds for
these trained networks, on new images.

A configuration of which a run diverged is not compared, whatever the others of its runs reach. One that lacks seeds is
left out, and while its mean is higher than all that were compared, nothing is called the best.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from convsweep.compare.configurations import Configuration, configurations
from convsweep.compare.runs import SEEDS, Run, in_order, varied
from convsweep.compare.shared_seeds import Seeds, choose_runs
from convsweep.compare.statistics.best import best_candidates, best_candidates_of_answers
from convsweep.compare.statistics.intervals import Interval, student_interval, wilson_interval
from convsweep.nn.training import Split
from convsweep.records.files import DamagedError
from convsweep.records.predictions import PREDICTIONS, load_predictions

Method = Literal["seeds", "images", "none"]
Relation = Literal["best", "can't tell", "not the best", "not compared"]

CONFIDENCE = 0.95  # of the set that holds the best configuration, and of all intervals together


class Estimate(NamedTuple):
    """A mean accuracy and its interval: over seeds, or over images if it is that of one run."""

    mean: float  # 0..1
    interval: Interval


class Standing(NamedTuple):
    """A configuration among those that it is compared with."""

    configuration: Configuration
    runs: tuple[Run, ...]  # the finished ones that the estimates are of
    valid: Estimate | None  # None: no run has finished
    test: Estimate | None
    relation: Relation  # to the best
    p: float | None  # that it is the best, from its seeds; None: it leads, or was not compared by seeds


class Comparison(NamedTuple):
    """Configurations that were judged on the same images and trained by the same code.

    Those that were compared come first, the highest mean on ``valid`` first; then come those that were not.
    """

    group: str  # which images these are, and which code trained the runs if there are several
    num_valid: int
    num_test: int
    keys: tuple[str, ...]  # the configuration keys that vary, seeds apart
    standings: tuple[Standing, ...]
    method: Method
    seeds: Seeds  # that all compared configurations have in common; none if one run of each was compared
    obstacle: str  # why nothing was tested, a sentence; empty if it was

    @property
    def runs(self) -> list[Run]:
        """The configurations' runs, best on ``valid`` first."""
        return in_order(run for standing in self.standings for run in standing.configuration.runs)

    @property
    def num_seeds(self) -> int:
        """How many seeds all compared configurations have in common; 0 if one run of each was compared."""
        return len(self.seeds)

    @property
    def compared(self) -> list[Standing]:
        """The configurations that were compared, the highest mean on ``valid`` first."""
        return [standing for standing in self.standings if standing.relation != "not compared"]

    @property
    def leader(self) -> Standing | None:
        """The one with the highest mean of those compared; None if there is none."""
        return next(iter(self.compared), None)

    @property
    def left_out(self) -> list[Standing]:
        """The configurations that lack a seed which those compared share, the highest mean first."""
        lacking = [one for one in self.standings if one.relation == "not compared" and one.configuration.is_sound]
        return sorted(lacking, key=_mean_on_valid, reverse=True)

    @property
    def has_unused_seeds(self) -> bool:
        """Whether one run of each was compared although some have more."""
        return not self.seeds and any(len(one.configuration.finished) > len(one.runs) for one in self.compared)

    @property
    def higher_left_out(self) -> list[Standing]:
        """Those whose results were left out and have a higher mean than the leader: nothing is the best until then."""
        unused = [one for one in self.compared[1:] if self.has_unused_seeds]
        return [one for one in (*self.left_out, *unused) if mean_of_all(one) > _mean_on_valid(self.leader)]

    @property
    def best(self) -> Standing | None:
        """The best configuration; None if no run has finished, or if that isn't decided."""
        return None if self.higher_left_out else self.leader

    @property
    def best_run(self) -> Run | None:
        """The run of the best configuration that did best on ``valid``; None if there is no best one."""
        if self.best is None:
            return None
        return min(self.best.configuration.finished, key=lambda run: (-(run.valid_accuracy or 0), run.valid_loss))

    @property
    def candidates(self) -> list[Standing]:
        """The others that can't be told from the one that leads."""
        return [standing for standing in self.compared[1:] if standing.relation == "can't tell"]


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
    found = configurations(runs, keys or tuple(axis for axis in axes if axis not in SEEDS))
    num_valid, num_test = (int(str(runs[0].values[f"data.num_{split}"])) for split in ("valid", "test"))
    # all intervals hold at once (Bonferroni), and so does that of whichever configuration came out best
    confidence = 1 - (1 - CONFIDENCE) / max(sum(bool(one.finished) for one in found), 1)

    seeds, chosen = choose_runs(found)

    def standing(one: Configuration, runs_of_one: tuple[Run, ...]) -> Standing:
        valid = _estimate([run.valid_accuracy for run in runs_of_one], num_valid, confidence, over_seeds=bool(seeds))
        test = _estimate([run.test_accuracy for run in runs_of_one], num_test, confidence, over_seeds=bool(seeds))
        return Standing(one, runs_of_one, valid, test, "not compared", None)

    compared = [standing(one, of_one) for one, of_one in zip(found, chosen, strict=True) if of_one]
    compared.sort(key=_mean_on_valid, reverse=True)  # stable: equals stay in the order of their loss
    judgement = _judge(compared, seeds, num_valid)
    judged = [
        one._replace(relation=relation, p=p) for one, (relation, p) in zip(compared, judgement.relations, strict=True)
    ]
    others = [standing(one, one.finished) for one, of_one in zip(found, chosen, strict=True) if not of_one]
    standings = (*judged, *others)
    comparison = Comparison(group, num_valid, num_test, keys, standings, judgement.method, seeds, judgement.obstacle)
    if comparison.best is None:
        return comparison
    return comparison._replace(standings=(comparison.best._replace(relation="best"), *standings[1:]))


def mean_of_all(standing: Standing) -> float:
    """Return a configuration's mean accuracy on ``valid`` over all its finished runs, compared or not."""
    return float(np.mean([run.valid_accuracy for run in standing.configuration.finished]))


def _mean_on_valid(standing: Standing | None) -> float:
    return -np.inf if standing is None or standing.valid is None else standing.valid.mean


def _estimate(
    accuracies: Sequence[float | None], num_images: int, confidence: float, *, over_seeds: bool
) -> Estimate | None:
    """Return the mean and its interval; nothing bounds that over seeds if there is one seed."""
    if not accuracies:
        return None
    values = np.array(accuracies, float)
    mean = float(values.mean())
    if len(values) == 1 and not over_seeds:
        return Estimate(mean, wilson_interval(round(mean * num_images), num_images, confidence=confidence))
    low, high = student_interval(values, step=1 / num_images, confidence=confidence)
    return Estimate(mean, Interval(max(low, 0.0), min(high, 1.0)))


class _Judgement(NamedTuple):
    """What a comparison found."""

    method: Method
    relations: list[tuple[Relation, float | None]]  # of each configuration to the best, with p
    obstacle: str = ""


def _judge(compared: Sequence[Standing], seeds: Seeds, num_valid: int) -> _Judgement:
    """Say of each configuration whether it can be the best; of the first one, which leads, it always can.

    Args:
        compared: The configurations.
        seeds: That all of them have, two at least; none if there is one run of each.
        num_valid: The number of images they were judged on.
    """
    untold: list[tuple[Relation, float | None]] = [("can't tell", None)] * len(compared)
    if len(compared) < 2:
        alone = "There is only one configuration to compare, so nothing was tested."
        return _Judgement("none", untold, alone)
    if seeds:
        accuracies = [[run.valid_accuracy for run in one.runs] for one in compared]
        found = best_candidates(np.array(accuracies, float), step=1 / num_valid, confidence=CONFIDENCE)
        p: list[float | None] = [None, *found.p[1:].tolist()]
        return _Judgement("seeds", list(zip(_relations(found.is_candidate), p, strict=True)))
    try:
        correct = [answers(one.runs[0], "valid") for one in compared]
    except DamagedError as error:
        return _Judgement("none", untold, f"{error} The same command again makes it anew.")
    is_candidate = best_candidates_of_answers(np.array(correct), confidence=CONFIDENCE)
    return _Judgement("images", [(relation, None) for relation in _relations(is_candidate)])


def _relations(is_candidate: npt.NDArray[np.bool_]) -> list[Relation]:
    return ["can't tell" if candidate else "not the best" for candidate in is_candidate]


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
