"""07_all_of_mnist: the test error when training on all images, beside those that others report."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from convsweep.compare.statistics.intervals import wilson_interval
from convsweep.markdown import blocks, image, table
from convsweep.pictures.style import BLUE, GREY, ORANGE
from experiments.harness.intervals import Interval, mean_interval
from experiments.harness.study import Facts, Report, Setting, Study
from experiments.harness.sweep import measure_sweep

SMALL = (
    "train.epochs=1,2",
    "train.seed=0,1",
    "data.num_train=300",
    "data.num_valid=50",
    "data.num_test=100",
)


class Outside(NamedTuple):
    """A test error that somebody else reports."""

    who: str
    error: float  # 0..1
    source: str
    epochs: int | None = None  # only of this very architecture: after how many epochs


LECUN = "LeCun et al. 1998"
KERAS = "this architecture in Keras: one pixel a tie, Glorot, Adam"
OUTSIDE = (
    Outside("linear classifier", 0.12, LECUN),
    Outside("the tutorial, 5,000 images, 10 epochs (400 test images)", 0.0675, "the tutorial"),
    Outside("k-nearest neighbours", 0.05, LECUN),
    Outside("two-layer network, 300 hidden units", 0.047, LECUN),
    Outside("the same network in Keras, epoch 1", 0.0366, KERAS, 1),
    Outside("the same network in Keras, epoch 2", 0.0279, KERAS, 2),
    Outside("the same network in Keras, epoch 3", 0.0256, KERAS, 3),
    Outside("LeNet-1", 0.017, LECUN),
    Outside("LeNet-5", 0.0095, LECUN),
)


def _measure(setting: Setting) -> Facts:
    return measure_sweep(setting, SMALL, "the images keep the file's order")


def _errors(results: pd.DataFrame) -> dict[int, Interval]:
    """Return the test error by number of epochs."""
    return {
        int(str(epochs)): mean_interval(1 - runs["test/accuracy"].to_numpy())
        for epochs, runs in results.groupby("epochs")
    }


def _report(results: pd.DataFrame) -> Report:
    of = _errors(results)
    images = int(results["data.num_test"].iloc[0])
    rows = []
    for epochs, interval in of.items():
        runs = results[results["epochs"] == epochs]
        errors = 1 - runs["test/accuracy"]
        low, high = wilson_interval(round(interval.mean * images), images)
        rows.append(
            [
                epochs,
                len(runs),
                f"{interval.mean:.2%}",
                f"[{interval.low:.2%}, {interval.high:.2%}]",
                f"{errors.min():.2%} to {errors.max():.2%}",
                f"[{low:.2%}, {high:.2%}]",
                f"{runs['test/loss'].mean():.4f}",
            ]
        )
    measured = blocks(
        f"Test error on {images:,} images:",
        table(
            [
                "epochs",
                "seeds",
                "mean error",
                "95%, over seeds",
                "lowest to highest",
                "95%, over images (Wilson)",
                "mean test loss",
            ],
            rows,
        ),
        image("Test errors of ours and of others", "errors.png"),
        "Beside what others report (no interval is theirs; all trained on 60,000 images unless said):",
        table(["who", "test error", "source"], [[o.who, f"{o.error:.2%}", o.source] for o in OUTSIDE]),
        _split_text(results),
    )
    return Report(measured, _answer(of, images))


def _split_text(results: pd.DataFrame) -> str:
    train, valid = (int(results[f"data.{name}"].iloc[0]) for name in ("num_train", "num_valid"))
    return (
        f"Trained on the first {train:,} images; the next {valid:,} are `valid`, which our runs always keep apart "
        "and which decides nothing here: no hyperparameter was chosen. All are the tutorial's but the number of "
        "images and epochs."
    )


def _answer(of: dict[int, Interval], images: int) -> str:
    last = max(of)
    mean = of[last].mean
    better = [o.who for o in OUTSIDE if o.error < mean]
    worse = [o.who for o in OUTSIDE if o.error >= mean]
    first = (
        f"Its test error after {last} epochs is {mean:.2%} (95% over seeds [{of[last].low:.2%}, {of[last].high:.2%}], "
        f"{images:,} test images): {_place(better, worse)}."
    )
    peers = [
        f"{100 * (of[o.epochs].mean - o.error):+.2f} after {o.epochs}" for o in OUTSIDE if o.epochs and o.epochs in of
    ]
    second = (
        f"Beside the same network in Keras, epoch by epoch, ours is {', '.join(peers)} points of error apart. "
        "The order of neighbours is not settled by such a list: the others' errors are single numbers, and "
        f"{images:,} test images alone leave each uncertain by some {1.96 * np.sqrt(mean * (1 - mean) / images):.2%}."
    )
    return blocks(first, second)


def _place(better: list[str], worse: list[str]) -> str:
    if better and worse:
        return f"between {worse[-1]} and {better[0]}"
    return f"worse than {better[0]}" if better else f"better than {worse[-1]}"


def _draw(results: pd.DataFrame) -> dict[str, Figure]:
    ours = [
        (f"convsweep, {epochs} epoch{'s' * (epochs > 1)}", interval) for epochs, interval in _errors(results).items()
    ]
    lines = sorted(
        [*((o.error, o.who, None) for o in OUTSIDE), *((i.mean, name, i) for name, i in ours)], key=lambda x: -x[0]
    )
    figure = Figure(figsize=(9.6, 0.36 * len(lines) + 1), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(lines))[::-1]
    for place, (error, who, interval) in zip(places, lines, strict=True):
        colour = BLUE if interval else ORANGE if "tutorial" in who else GREY
        axes.plot(100 * error, place, "o", color=colour)
        if interval and interval.n > 1:
            axes.plot([100 * interval.low, 100 * interval.high], [place, place], color=colour)
        axes.annotate(
            f"{error:.2%}",
            (100 * error, place),
            (0, 5),
            textcoords="offset points",
            fontsize=8,
            ha="center",
            color=colour,
        )
    axes.set_yticks(places, [who for _, who, _ in lines])
    axes.set(xscale="log", xlabel="test error (%), logarithmic; the line is the 95% interval over seeds")
    axes.set_xticks([1, 2, 3, 5, 10], ["1", "2", "3", "5", "10"])
    axes.xaxis.set_minor_formatter("")
    axes.margins(x=0.12, y=0.06)
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    return {"errors.png": figure}


STUDY = Study(
    title="All of MNIST",
    question="How good is the tutorial's network with all training images, beside what others report?",
    expected="The same architecture in Keras has a test error of 3.66%, 2.79% and 2.56% after one, two and three "
    "epochs. Plain SGD with a constant rate should come near, but `ties=all` is another training rule and the rate "
    "was not tuned: between 2.5% and 4%.",
    measure=_measure,
    report=_report,
    draw=_draw,
)
