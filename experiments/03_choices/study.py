"""03_choices: which silent choice of an implementation moves the numbers, and by how much."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from convsweep.markdown import blocks, image, table
from convsweep.pictures.style import BLUE, GREY, ORANGE
from experiments.harness.intervals import Interval, effect
from experiments.harness.study import Facts, Report, Setting, Study
from experiments.harness.sweep import measure_sweep

GRADIENT, TIES, SHUFFLE = "train.gradient", "train.ties", "train.shuffle"
REPORTED = {"test/loss": 0.2451, "test/accuracy": 0.9325}  # by the tutorial
SMALL = (
    "train.gradient=exact,last_class",
    "train.ties=all",
    "train.shuffle=false",
    "train.seed=0,1",
    "train.epochs=1",
    "data.num_train=300",
    "data.num_valid=50",
    "data.num_test=100",
)


class Change(NamedTuple):
    """One choice that is changed from a baseline to another level, all others being equal."""

    text: str
    factor: str
    level: object
    baseline: object
    gradients: tuple[str, ...]  # the gradient rules of the runs that are compared


CHANGES = (
    Change("gradient `last_class` instead of `exact`", GRADIENT, "last_class", "exact", ("exact", "last_class")),
    Change("ties to the `first` instead of `all`, under `exact`", TIES, "first", "all", ("exact",)),
    Change("ties to the `first` instead of `all`, under `last_class`", TIES, "first", "all", ("last_class",)),
    Change("ties `split` instead of to the `first`, under `exact`", TIES, "split", "first", ("exact",)),
    Change("shuffling instead of the file's order, under `exact`", SHUFFLE, True, False, ("exact",)),
    Change("shuffling instead of the file's order, under `last_class`", SHUFFLE, True, False, ("last_class",)),
)


class Effects(NamedTuple):
    """How much one change moves test loss and test accuracy."""

    text: str
    loss: Interval  # nats
    accuracy: Interval  # 0..1


def _measure(setting: Setting) -> Facts:
    return measure_sweep(setting, SMALL, "a seed's shuffling is its own, too (`train.order_seed`)")


def effects(results: pd.DataFrame) -> list[Effects]:
    """Return what each change does to test loss and test accuracy, for each change of which there are runs."""
    found = []
    for change in CHANGES:
        runs = results[results[GRADIENT].isin(change.gradients)]
        of = [effect(runs, metric, change.factor, change.level, change.baseline) for metric in REPORTED]
        if of[0] is not None and of[1] is not None:
            found.append(Effects(change.text, of[0], of[1]))
    return found


def _report(results: pd.DataFrame) -> Report:
    sound = results[results[GRADIENT] != "as_printed"]
    found = effects(results)
    effect_rows = [
        [
            one.text,
            one.loss.text("+.4f"),
            one.accuracy.text("+.2f", times=100),
            one.loss.n,
            ", ".join(_moved(one)) or "neither",
        ]
        for one in found
    ]
    cell_rows = [
        [f"`{gradient}`", f"`{ties}`", "shuffled" if shuffle else "file's", len(runs), *_mean_and_sd(runs)]
        for (gradient, ties, shuffle), runs in sound.groupby([GRADIENT, TIES, SHUFFLE])
    ]
    measured = blocks(
        "What one change does, paired by seed, averaged over the choices not named; in brackets the 95% interval over "
        f"seeds (Student's, one by one: of {2 * len(found)} intervals one may well miss zero by chance).",
        table(["change", "test loss", "test accuracy (points)", "seeds", "moved"], effect_rows),
        image("Effects with their 95% intervals", "effects.png"),
        "The runs themselves, mean (standard deviation) over seeds:",
        table(
            ["gradient", "ties", "order", "runs", "test loss", "test accuracy"],
            [*cell_rows, ["the tutorial reports", "", "", "", REPORTED["test/loss"], REPORTED["test/accuracy"]]],
        ),
        image("Every run, choice by choice", "runs.png"),
        _split_and_first(sound),
        _as_printed(results),
    )
    return Report(measured, _answer(found))


def _answer(found: list[Effects]) -> str:
    by_size = sorted(found, key=lambda one: -abs(one.loss.mean))
    told = [f"{one.text} ({one.loss.mean:+.4f})" for one in by_size if one.loss.excludes_zero]
    rest = [one.text for one in by_size if not one.loss.excludes_zero]
    first = "Test loss is moved by " + ("; ".join(told) if told else "nothing that could be told from chance") + "."
    second = f"Not told from no effect on it: {'; '.join(rest)}." if rest else ""
    return blocks(first, second)


def _moved(one: Effects) -> list[str]:
    return [name for name, of in (("loss", one.loss), ("accuracy", one.accuracy)) if of.excludes_zero]


def _mean_and_sd(runs: pd.DataFrame) -> list[str]:
    return [
        f"{runs[metric].mean():.4f} ({runs[metric].std():.4f})" if runs[metric].notna().all() else "diverged"
        for metric in REPORTED
    ]


def _split_and_first(sound: pd.DataFrame) -> str:
    losses = sound.pivot_table(index=[GRADIENT, SHUFFLE, "seed"], columns=TIES, values="test/loss")
    if not {"split", "first"} <= set(losses.columns):
        return ""
    apart = float((losses["split"] - losses["first"]).abs().max())
    return (
        f"Run by run, the test losses of `split` and `first` are at most {apart:.1e} apart: they are one choice in two "
        "forms. Wherever a block's maximum stands twice its patches are equal, so the filters receive the same sum, "
        "and what is left is rounding. `all` hands out the gradient once for each of them, up to four times the loss's "
        "derivative (see [05_pytorch](../05_pytorch/README.md))."
    )


def _as_printed(results: pd.DataFrame) -> str:
    runs = results[results[GRADIENT] == "as_printed"]
    if runs.empty:
        return ""
    diverged = runs["outcome"] == "diverged"
    left = runs[~diverged]
    text = f"Under `as_printed` {diverged.sum()} of {len(runs)} runs diverged (a loss that is no number)."
    if len(left):
        text += (
            f" The other {len(left)} end at a test accuracy of {left['test/accuracy'].min():.4f} to "
            f"{left['test/accuracy'].max():.4f} and a test loss of {left['test/loss'].min():.3g} or more."
        )
    return text


def _draw(results: pd.DataFrame) -> dict[str, Figure]:
    return {"effects.png": _draw_effects(effects(results)), "runs.png": _draw_runs(results)}


def _draw_effects(found: list[Effects]) -> Figure:
    figure = Figure(figsize=(10, 0.45 * len(found) + 1.5), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    places = np.arange(len(found))[::-1]
    for axes, of, scale in ((left, [e.loss for e in found], 1), (right, [e.accuracy for e in found], 100)):
        for place, interval in zip(places, of, strict=True):
            colour = BLUE if interval.excludes_zero else GREY
            if interval.n > 1:
                axes.plot([scale * interval.low, scale * interval.high], [place, place], color=colour, linewidth=2)
            axes.plot(scale * interval.mean, place, "o", color=colour)
        axes.axvline(0, color="black", linewidth=0.8)
        axes.grid(axis="x", alpha=0.3)
        axes.spines[["top", "right", "left"]].set_visible(False)
    left.set_yticks(places, [one.text.replace("`", "") for one in found])
    left.set_xlabel("change of test loss (nats)")
    right.set_xlabel("change of test accuracy (points)")
    return figure


def _draw_runs(results: pd.DataFrame) -> Figure:
    sound = results[results[GRADIENT] != "as_printed"]
    cells = list(sound.groupby([GRADIENT, TIES, SHUFFLE]))
    figure = Figure(figsize=(10, 0.32 * len(cells) + 1.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    places = np.arange(len(cells))[::-1]
    for axes, metric in ((left, "test/loss"), (right, "test/accuracy")):
        for place, (_, runs) in zip(places, cells, strict=True):
            axes.plot(runs[metric], np.full(len(runs), place), "o", color=BLUE, alpha=0.5, markersize=5)
            axes.plot(runs[metric].mean(), place, "|", color="black", markersize=13)
        axes.axvline(REPORTED[metric], color=ORANGE, linestyle="--", label="reported by the tutorial")
        axes.grid(axis="x", alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    left.set_yticks(places, [f"{g}, ties {t}, {'shuffled' if s else 'file order'}" for (g, t, s), _ in cells])
    left.set_xlabel("test loss (nats)")
    right.set_xlabel("test accuracy")
    right.legend(loc="lower left", bbox_to_anchor=(0, 1), frameon=False)
    return figure


STUDY = Study(
    title="Choices that other implementations make in silence",
    question="Which choice moves the numbers: the gradient rule, who receives the gradient of a tie in pooling, or "
    "shuffling?",
    expected="The gradient rule most: under `last_class` the filters learn from one digit in ten. Ties next: 55% of "
    "all pooling blocks of MNIST are blank, and `all` counts each of them four times. `first` and `split` should "
    "agree, because blocks tie where their patches are equal. Shuffling of 5,000 images that already stand in random "
    "order should do little.",
    measure=_measure,
    report=_report,
    draw=_draw,
)
