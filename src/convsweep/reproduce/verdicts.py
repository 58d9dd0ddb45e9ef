r"""Ours against the reported: a verdict for every number that the tutorial prints, and for each experiment's windows.

========================= =====================================================================================
quantity                  what is judged
========================= =====================================================================================
test_loss, test_accuracy  over all test images, after training; the loss is primary, the accuracy secondary
loss@E:S, accuracy@E:S    the window printed at image S of epoch E (``untrained``: ``loss@S``)
windows                   all of an experiment's windows, losses and accuracies, together: the largest \|t\|
loss_from_ln10            how far an untrained network's mean loss is from that of guessing, ln 10
========================= =====================================================================================

A verdict is ``inconsistent`` if p <= 0.05, ``inconclusive`` if p is larger but the interval is wider than the
margin below (or the seeds too few for ``windows`` ever to be inconsistent), ``consistent`` otherwise. A quantity
on which seeds diverged has no interval; p is then the chance that a run exchangeable with them did not diverge.
``loss_from_ln10`` has neither: it is ``consistent`` if both the reported and our mean lie below a limit.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from convsweep.nn.network import NUM_CLASSES, Gradient
from convsweep.reproduce.protocol import RULES, Ours
from convsweep.reproduce.reported import TEST, Place, Reported
from convsweep.reproduce.statistics import (
    Floats,
    Verdict,
    divergence_p,
    joint_test,
    judge,
    prediction_interval,
    prediction_p,
    rank_test,
)


class Margin(NamedTuple):
    """The largest half-width of an interval from which we conclude that ours and the reported agree."""

    loss: float  # nats
    accuracy: float  # 0..1


# Set from what the tutorial prints and from its number of images, not from how much our seeds differ.
# Untrained: guessing, 0.1 right, among 100 images; the loss is ln 10 whatever is drawn.
UNTRAINED_MARGIN = Margin(0.01, 0.1)
# The first 1,000 steps: half of what is learned in them (from 2.30 to 1.33 nats, from 0.1 to 0.75 right).
EARLY_MARGIN = Margin(0.5, 0.3)
# Later, and the test: about the error that a few hundred images leave anyway (373 of 400: 0.025, Wilson 95%).
LATE_MARGIN = Margin(0.1, 0.03)
LN10_MARGIN = 0.001  # nats; of guessing


class Comparison(NamedTuple):
    """One quantity, ours and the reported; None where a number would be none."""

    experiment: str
    gradient: Gradient
    quantity: str
    reported: float | None
    mean: float | None
    sd: float | None
    n: int  # seeds, those that diverged included
    low: float | None  # 95% interval for one more run
    high: float | None
    rank: int | None  # of the reported value among n + 1, 1 the smallest
    rank_p: float | None  # exact, whatever the distribution
    p: float | None  # None: a limit decides, not a probability
    margin: float | None  # the largest half-width that lets it be consistent; of ``loss_from_ln10`` the limit
    diverged: int  # of the n seeds
    verdict: Verdict


class Correlation(NamedTuple):
    """Of the ten windows of epoch 10, ours with the reported losses."""

    gradient: Gradient
    of_mean: float | None  # of the seeds' mean; None: diverged, or fewer than three windows
    lowest: float | None  # over the seeds
    highest: float | None


class _What(NamedTuple):
    """What is compared: the first fields of a comparison."""

    experiment: str
    gradient: Gradient
    quantity: str


def compare(reported: Sequence[Reported], ours: Ours) -> list[Comparison]:
    """Judge everything, rule by rule, that is both reported and measured (fewer images print fewer windows)."""
    return [
        comparison
        for gradient in RULES
        for experiment in dict.fromkeys(row.place.experiment for row in reported)
        for comparison in _compare_experiment(
            gradient,
            [row for row in reported if row.place.experiment == experiment and (gradient, row.place) in ours.losses],
            ours,
        )
    ]


def correlations(reported: Sequence[Reported], ours: Ours) -> list[Correlation]:
    """Return how well the last epoch's windows go up and down with the reported ones, rule by rule."""
    found = []
    for gradient in RULES:
        rows = [row for row in reported if row.place.epoch == "10" and (gradient, row.place) in ours.losses]
        windows = np.array([ours.losses[gradient, row.place] for row in rows])  # [windows, n]
        if len(rows) < 3 or np.isnan(windows).any():
            found.append(Correlation(gradient, None, None, None))
            continue
        losses = np.array([row.loss for row in rows])
        of_seeds = [float(np.corrcoef(losses, seed)[0, 1]) for seed in windows.T]
        of_mean = float(np.corrcoef(losses, windows.mean(axis=1))[0, 1])
        found.append(Correlation(gradient, of_mean, min(of_seeds), max(of_seeds)))
    return found


def _compare_experiment(gradient: Gradient, rows: Sequence[Reported], ours: Ours) -> Iterator[Comparison]:
    for row in rows:
        losses, accuracies = ours.losses[gradient, row.place], ours.accuracies[gradient, row.place]
        diverged = int(np.isnan(losses).sum())
        names = ("test_loss", "test_accuracy") if row.place == TEST else _window_names(row.place)
        margins = _margin(row.place)
        values = (row.loss, row.accuracy)
        for name, value, sample, margin in zip(names, values, (losses, accuracies), margins, strict=True):
            what = _What(row.place.experiment, gradient, name)
            yield _diverged(what, value, sample, diverged) if diverged else _compare_one(what, value, sample, margin)
    windows = [row for row in rows if row.place != TEST]
    if windows:
        yield _compare_windows(gradient, windows, ours)
    if windows and windows[0].place.experiment == "untrained":
        yield _compare_with_guessing(gradient, windows, ours)


def _window_names(place: Place) -> tuple[str, str]:
    return f"loss@{place.name}", f"accuracy@{place.name}"


def _margin(place: Place) -> Margin:
    if place.experiment == "untrained":
        return UNTRAINED_MARGIN
    return EARLY_MARGIN if place.epoch == "1" else LATE_MARGIN


def _compare_one(what: _What, value: float, sample: Floats, margin: float) -> Comparison:
    interval, rank, p = prediction_interval(sample), rank_test(value, sample), prediction_p(value, sample)
    return Comparison(
        *what,
        reported=value,
        mean=float(sample.mean()),
        sd=float(sample.std(ddof=1)),
        n=len(sample),
        low=interval.low,
        high=interval.high,
        rank=rank.rank,
        rank_p=rank.p,
        p=p,
        margin=margin,
        diverged=0,
        verdict=judge(p, conclusive=interval.high - interval.low <= 2 * margin),
    )


def _compare_windows(gradient: Gradient, rows: Sequence[Reported], ours: Ours) -> Comparison:
    """Judge an experiment's windows together; ``reported``, ``mean`` and so on are distances."""
    reported = np.array([value for row in rows for value in (row.loss, row.accuracy)])  # [Q]
    sample = np.array(
        [values[gradient, row.place] for row in rows for values in (ours.losses, ours.accuracies)]
    ).T  # [n, Q]
    what = _What(rows[0].place.experiment, gradient, "windows")
    diverged = int(np.isnan(sample).any(axis=1).sum())
    if diverged:
        return _diverged(what, None, np.full(len(sample), np.nan), diverged)
    joint = joint_test(reported, sample)
    distances = joint.sample_distances
    return Comparison(
        *what,
        reported=joint.distance,
        mean=float(distances.mean()),
        sd=float(distances.std(ddof=1)),
        n=len(sample),
        low=0.0,
        high=joint.limit,
        rank=rank_test(joint.distance, distances).rank,
        rank_p=None,
        p=joint.p,
        margin=None,
        diverged=0,
        verdict=judge(joint.p, conclusive=joint.limit is not None),
    )


def _compare_with_guessing(gradient: Gradient, windows: Sequence[Reported], ours: Ours) -> Comparison:
    """Judge |loss - ln 10| of an untrained network: not a draw of ours to resemble, but a limit to keep."""
    guess = math.log(NUM_CLASSES)
    reported = abs(float(np.mean([row.loss for row in windows])) - guess)
    sample = np.abs(np.mean([ours.losses[gradient, row.place] for row in windows], axis=0) - guess)  # [n]
    comparison = _compare_one(_What("untrained", gradient, "loss_from_ln10"), reported, sample, LN10_MARGIN)
    verdict: Verdict = "consistent" if max(reported, float(sample.mean())) < LN10_MARGIN else "inconsistent"
    return comparison._replace(low=None, high=None, p=None, verdict=verdict)


def _diverged(what: _What, value: float | None, sample: Floats, diverged: int) -> Comparison:
    p = divergence_p(len(sample), diverged)
    mean = float(sample.mean())
    return Comparison(
        *what,
        reported=value,
        mean=None if math.isnan(mean) else mean,  # accuracies: that of an answer that is always 0
        sd=None,
        n=len(sample),
        low=None,
        high=None,
        rank=None,
        rank_p=None,
        p=p,
        margin=None,
        diverged=diverged,
        verdict=judge(p, conclusive=False),
    )
