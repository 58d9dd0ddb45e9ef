"""04_init_scale: how much the size of the initial parameters matters, at several learning rates."""

import math

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from threadpoolctl import threadpool_limits

from convsweep.data import load
from convsweep.markdown import blocks, image, table
from convsweep.nn.network import CNN, initial_parameters
from convsweep.nn.training import Splits, initialization_rng, learn, predict, summarize
from experiments.harness.intervals import effect, mean_interval
from experiments.harness.study import Facts, Report, Setting, Study, read_results, write_results
from experiments.harness.sweep import common_config, measure_sweep

TUTORIAL_RATE, TUTORIAL_SCALE, UNDIVIDED = 0.005, 1.0, 9.0
GUESSING = 2.3  # nats: ln 10, the loss of an even guess
METRICS = {"test/loss": 1, "test/accuracy": 100}  # what each is multiplied by to be shown: nats, percentage points
COLOURS = ("#9ecae1", "#4292c6", "#08519c", "#f2a65a", "#d1495b")
SMALL_DATA = ("data.num_train=300", "data.num_valid=50", "data.num_test=100")
SMALL = (
    *SMALL_DATA,
    "model.init_scale=1,9",
    "train.learning_rate=0.005",
    "train.seed=0,1",
    "train.epochs=1",
)


def _measure(setting: Setting) -> Facts:
    facts = measure_sweep(setting, SMALL, "the images keep the file's order")
    runs = read_results(setting.folder).assign(filters_times=1.0)
    config = common_config([f"experiment={setting.name}", *(SMALL_DATA if setting.small else ()), *setting.overrides])
    undivided = train_with_filters(UNDIVIDED, load(config.data).splits, runs)
    write_results(pd.concat([runs, undivided], ignore_index=True), setting.folder)
    return facts


def train_with_filters(times: float, splits: Splits, runs: pd.DataFrame) -> pd.DataFrame:
    """Train the tutorial's network with only its initial filters multiplied, which no configuration key does.

    Args:
        times: The factor; 9 undoes the tutorial's division.
        splits: The images.
        runs: The sweep's runs, whose seeds, filters and epochs are taken over.

    Returns:
        One row a seed, in the columns of ``runs``.
    """
    seeds, epochs, num_filters = sorted(runs["seed"].unique()), int(runs["epochs"].iloc[0]), runs["num_filters"].iloc[0]
    divided = [initial_parameters(int(num_filters), rng=initialization_rng(int(seed))) for seed in seeds]
    members = [initial._replace(filters=initial.filters * np.float32(times)) for initial in divided]
    network = CNN(members, [TUTORIAL_RATE] * len(members))
    with threadpool_limits(1):
        for _ in range(epochs):
            learn(network, splits.train)
        valid, test = (summarize(predict(network, batch.images), batch.labels) for batch in (splits.valid, splits.test))
    return pd.DataFrame(
        {
            "outcome": ["finished" if math.isfinite(means.loss) else "diverged" for means in test],
            "learning_rate": TUTORIAL_RATE,
            "num_filters": num_filters,
            "init_scale": TUTORIAL_SCALE,
            "filters_times": times,
            "epochs": epochs,
            "seed": seeds,
            "valid/accuracy": [means.accuracy for means in valid],
            "valid/loss": [means.loss for means in valid],
            "test/accuracy": [means.accuracy for means in test],
            "test/loss": [means.loss for means in test],
        }
    )


def _report(results: pd.DataFrame) -> Report:
    sweep = results[results["filters_times"] == 1]
    rates = sorted(sweep["learning_rate"].unique())
    scales = sorted(sweep["init_scale"].unique())
    cells = dict(list(sweep.groupby(["init_scale", "learning_rate"])))
    headings = ["init scale", *(f"rate {rate:g}" for rate in rates)]
    measured = blocks(
        "Test accuracy: mean over the seeds ± half its 95% interval; where runs diverged, how many of how many.",
        table(headings, [[f"{scale:g}", *(_accuracy(cells[scale, rate]) for rate in rates)] for scale in scales]),
        image("Test error by init scale, a line a learning rate", "init_scale.png"),
        "Mean test loss (nats; guessing is 2.3). It tells what accuracy hides: a network that is wrong on some images "
        "beyond all measure.",
        table(headings, [[f"{scale:g}", *(_loss(cells[scale, rate]) for rate in rates)] for scale in scales]),
        "Best scale on `valid` at each rate (mean accuracy; a run that diverged counts as 0), and what it then reaches "
        "on `test`:",
        table(
            ["learning rate", "best scale", "valid accuracy", "test accuracy", "scale 1 less the best (test, points)"],
            [_best_row(sweep[sweep["learning_rate"] == rate]) for rate in rates],
        ),
        f"At the tutorial's rate, {TUTORIAL_RATE:g}, what not dividing by 9 changes, paired by seed (95% interval):",
        table(
            ["undivided", "test loss", "test accuracy (points)"],
            [
                ["filters alone", *_effects(_filters_alone(results), "filters_times")],
                ["filters, and dense weights 9 times as large", *_effects(_at_rate(sweep), "init_scale")],
            ],
        ),
    )
    return Report(measured, _answer(results))


def _at_rate(sweep: pd.DataFrame) -> pd.DataFrame:
    return sweep[sweep["learning_rate"] == TUTORIAL_RATE]


def _filters_alone(results: pd.DataFrame) -> pd.DataFrame:
    return _at_rate(results[results["init_scale"] == TUTORIAL_SCALE])


def _effects(runs: pd.DataFrame, factor: str) -> list[str]:
    found = [(effect(runs, metric, factor, UNDIVIDED, 1.0), times) for metric, times in METRICS.items()]
    return [of.text("+.3f", times=times) if of else "diverged" for of, times in found]


def _accuracy(runs: pd.DataFrame) -> str:
    diverged = int((runs["outcome"] == "diverged").sum())
    if diverged:
        return f"diverged: {diverged} of {len(runs)}"
    interval = mean_interval(runs["test/accuracy"].to_numpy())
    return f"{interval.mean:.4f} ± {interval.high - interval.mean:.4f}"


def _loss(runs: pd.DataFrame) -> str:
    return f"{runs['test/loss'].mean():.4g}" if (runs["outcome"] == "finished").all() else "diverged"


def _valid_accuracy(runs: pd.DataFrame) -> "pd.Series[float]":
    return runs["valid/accuracy"].where(runs["outcome"] == "finished", 0.0).groupby(runs["init_scale"]).mean()


def _best_row(runs: pd.DataFrame) -> list[str]:
    of_valid = _valid_accuracy(runs)
    best = float(str(of_valid.idxmax()))
    test = runs.loc[runs["init_scale"] == best, "test/accuracy"]
    less = effect(runs, "test/accuracy", "init_scale", TUTORIAL_SCALE, best) if best != TUTORIAL_SCALE else None
    rate = float(runs["learning_rate"].iloc[0])
    return [
        f"{rate:g}",
        f"{best:g}",
        f"{of_valid[best]:.4f}",
        f"{test.mean():.4f}",
        less.text("+.2f", times=100) if less else "-",
    ]


def _answer(results: pd.DataFrame) -> str:
    sweep = results[results["filters_times"] == 1]
    loss, accuracy = (effect(_filters_alone(results), metric, "filters_times", UNDIVIDED, 1.0) for metric in METRICS)
    if loss is None or accuracy is None:
        first = (
            f"Yes: at its learning rate, {TUTORIAL_RATE:g}, filters that are not divided by 9 make training diverge."
        )
    else:
        verdict = (
            "Yes, it helps" if loss.low > 0 else "No, it harms" if loss.high < 0 else "No, not that it could be told"
        )
        first = (
            f"{verdict}: at its learning rate, {TUTORIAL_RATE:g}, leaving the division out changes the test loss by "
            f"{loss.text('+.3f')} and the accuracy by {accuracy.text('+.2f', times=100)} points."
        )
    fine, failed = _like_the_tutorials(_at_rate(sweep)), _failed(sweep)
    second = (
        f"At that rate the init scales {_list(fine)} end less than a point of accuracy below scale 1, or above it. "
        f"Of all {sweep.groupby(['init_scale', 'learning_rate']).ngroups} pairs of scale and rate, {len(failed)} learn "
        f"no better than guessing ({GUESSING:g} nats) or diverge"
        + (f": {'; '.join(_by_rate(failed))}." if failed else ".")
    )
    why = (
        "Scale and learning rate are not two matters. Where no maximum changes its place, the logits are the product "
        "of filters and dense weights: with filters a times as large, the dense weights' gradient is a times as large "
        "and what a step of theirs does to the logits a² times, as if the dense layer alone had a learning rate a² "
        "times as large. Too small a product leaves both layers almost without a gradient until one of them has grown."
    )
    return blocks(first, second, why)


def _failed(sweep: pd.DataFrame) -> list[tuple[float, float]]:
    """Return the pairs of scale and rate for which most runs diverge or end with a loss above that of guessing."""
    worse = sweep.assign(failed=(sweep["outcome"] == "diverged") | (sweep["test/loss"] > GUESSING))
    by_pair = worse.groupby(["learning_rate", "init_scale"], as_index=False)["failed"].mean()
    chosen = by_pair[by_pair["failed"] > 0.5]
    return list(zip(chosen["init_scale"], chosen["learning_rate"], strict=True))


def _by_rate(pairs: list[tuple[float, float]]) -> list[str]:
    rates = sorted({rate for _, rate in pairs})
    return [f"at rate {rate:g} the scales {_list([scale for scale, at in pairs if at == rate])}" for rate in rates]


def _like_the_tutorials(at_rate: pd.DataFrame) -> list[float]:
    finished = at_rate.groupby("init_scale").filter(lambda runs: bool((runs["outcome"] == "finished").all()))
    means = finished.groupby("init_scale")["test/accuracy"].mean()
    return [float(scale) for scale in means.index if means[scale] > means[TUTORIAL_SCALE] - 0.01]


def _list(scales: list[float]) -> str:
    return ", ".join(f"{scale:g}" for scale in scales)


def _draw(results: pd.DataFrame) -> dict[str, Figure]:
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    axes = figure.subplots()
    undivided = results[results["filters_times"] > 1]
    results = results[results["filters_times"] == 1]
    finished = results[results["outcome"] == "finished"]
    rates = sorted(results["learning_rate"].unique())
    lowest = 0.8 * float((1 - finished["test/accuracy"]).min())
    for number, (rate, colour) in enumerate(zip(rates, COLOURS, strict=False)):
        runs = finished[finished["learning_rate"] == rate]
        error = 1 - runs["test/accuracy"]
        axes.plot(runs["init_scale"], error, "o", color=colour, alpha=0.45, markersize=4)
        axes.plot(error.groupby(runs["init_scale"]).mean(), color=colour, label=f"learning rate {rate:g}")
        lost = results[(results["learning_rate"] == rate) & (results["outcome"] == "diverged")]
        for scale, of_scale in lost.groupby("init_scale"):
            height = 1.15 * 1.13**number
            axes.plot(scale, height, "x", color=colour)
            axes.annotate(
                f"{len(of_scale)}", (float(str(scale)), height), (4, -3), textcoords="offset points", fontsize=8
            )
    axes.plot(
        undivided["init_scale"] * 1.12,
        1 - undivided["test/accuracy"],
        "*",
        color=COLOURS[2],
        markersize=9,
        label=f"scale 1, filters alone undivided,\nlearning rate {TUTORIAL_RATE:g}",
    )
    axes.axhline(0.9, color="black", linewidth=0.8, linestyle=":", label="guessing")
    if len(finished) < len(results):
        axes.plot([], [], "x", color="black", label="diverged (how many seeds)")
    axes.axvline(TUTORIAL_SCALE, color="grey", linewidth=0.8, linestyle="--")
    axes.text(TUTORIAL_SCALE, lowest, " the tutorial's", va="bottom", fontsize=9, color="grey")
    axes.set(xscale="log", yscale="log", xlabel="init scale (1: the tutorial's 1/9 and 1/inputs)", ylabel="test error")
    axes.set_ylim(lowest, 1.15 * 1.13 ** (len(rates) + 1) if len(finished) < len(results) else 1)
    ticks = [tick for tick in (0.02, 0.03, 0.05, 0.1, 0.2, 0.4, 0.9) if tick >= lowest]
    axes.set_yticks(ticks)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.yaxis.set_minor_formatter("")
    scales = np.array(sorted(results["init_scale"].unique()))
    axes.set_xticks(scales, [f"{scale:g}" for scale in scales])
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return {"init_scale.png": figure}


STUDY = Study(
    title="The size of the initial parameters",
    question="Does dividing the initial filters by 9 matter as much as the tutorial says?",
    expected="In a network of two layers without an activation the scale should matter over orders of magnitude, not "
    "by a factor of 9: too small and the first steps have no gradient to speak of, too large and single images "
    "throw the weights about until the loss is no number. A smaller learning rate should move that limit upwards.",
    measure=_measure,
    report=_report,
    draw=_draw,
)
