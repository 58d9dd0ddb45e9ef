"""06_filters_and_rates: which configuration is best on ``valid``, and which others can't be told from it."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from convsweep.compare.statistics.best import best_candidates
from convsweep.compare.statistics.intervals import wilson_interval
from convsweep.markdown import blocks, image, table
from convsweep.pictures.style import ORANGE
from experiments.harness.intervals import LEVEL, Interval, mean_interval
from experiments.harness.study import Facts, Report, Setting, Study
from experiments.harness.sweep import measure_sweep

SMALL = (
    "model.num_filters=2,4",
    "train.learning_rate=0.005",
    "train.epochs=1",
    "train.seed=0,1",
    "data.num_train=300",
    "data.num_valid=50",
    "data.num_test=100",
)


class Configuration(NamedTuple):
    """The values of what is varied."""

    num_filters: int
    learning_rate: float
    epochs: int

    def __str__(self) -> str:
        """Return it in words."""
        epochs = f"{self.epochs} epoch{'s' * (self.epochs > 1)}"
        return f"{self.num_filters} filters, learning rate {self.learning_rate:g}, {epochs}"


class Standing(NamedTuple):
    """How a configuration did on ``valid``, and how it compares with the best."""

    configuration: Configuration
    accuracy: Interval  # on valid, over the seeds
    behind: Interval  # the best's accuracy less this one's, paired by seed
    p: float  # that it is truly the best; see ``best_candidates``

    @property
    def like_the_best(self) -> bool:
        """Whether it can't be told from the best."""
        return self.p >= 1 - LEVEL


def _measure(setting: Setting) -> Facts:
    return measure_sweep(setting, SMALL, "the images keep the file's order")


def standings(results: pd.DataFrame) -> list[Standing]:
    """Return all configurations, best mean accuracy on ``valid`` first (a run that diverged counts as 0).

    All are compared with each other, paired by seed; see ``best_candidates``.
    """
    counted = results.assign(accuracy=results["valid/accuracy"].where(results["outcome"] == "finished", 0.0))
    by_seed = counted.pivot_table(
        index=list(Configuration._fields), columns="seed", values="accuracy", aggfunc="mean"
    )  # [configurations, seeds]
    means = by_seed.mean(axis=1)
    order = means.sort_values(ascending=False, kind="stable").index
    table_of_values = by_seed.loc[order].to_numpy()
    num = len(table_of_values)
    behind = [mean_interval(table_of_values[0] - values, at_once=max(num - 1, 1)) for values in table_of_values]
    p_values = best_candidates(table_of_values, step=1 / int(results["data.num_valid"].iloc[0])).p.tolist()
    return [
        Standing(Configuration(int(filters), float(rate), int(epochs)), mean_interval(values, at_once=num), interval, p)
        for (filters, rate, epochs), values, interval, p in zip(order, table_of_values, behind, p_values, strict=True)
    ]


def _runs_of(results: pd.DataFrame, configuration: Configuration) -> pd.DataFrame:
    chosen = (results[list(Configuration._fields)] == list(configuration)).all(axis=1)
    return results[chosen]


def _report(results: pd.DataFrame) -> Report:
    found = standings(results)
    best = found[0].configuration
    runs = _runs_of(results, best)
    test = mean_interval(runs["test/accuracy"].to_numpy(), at_once=len(found))
    num_test, num_valid = (int(results[f"data.{name}"].iloc[0]) for name in ("num_test", "num_valid"))
    low, high = wilson_interval(round(test.mean * num_test), num_test)
    alike = [one for one in found if one.like_the_best]
    diverged = int((results["outcome"] == "diverged").sum())
    measured = blocks(
        "Accuracy on `valid`: mean over seeds ± half the 95% interval (points), which holds for all configurations at "
        "once (Bonferroni's correction), so for the best, too; outlined, what can't be told from the best.",
        image("Accuracy on valid by filters and learning rate, a map a number of epochs", "heat_maps.png"),
        f"Those that can't be told from the best ({len(alike)} of {len(found)}): no other configuration is better by a "
        f"one-sided t test, paired over the {found[0].accuracy.n} seeds, at 5% after Bonferroni's correction for "
        f"{len(found) - 1} comparisons. At 95% confidence the best of these configurations is among them (Hsu 1981).",
        table(
            ["configuration", "valid accuracy", "behind the best (points)", "p of being the best"],
            [
                [
                    str(one.configuration),
                    one.accuracy.text(".4f"),
                    one.behind.text("+.2f", times=100) if one.configuration != best else "-",
                    f"{one.p:.3f}",
                ]
                for one in alike
            ],
        ),
        f"The best on `valid`, {best}, on `test`, looked at for this configuration only: accuracy "
        f"{test.text('.4f')} over {test.n} seeds; for {num_test} images Wilson's interval is [{low:.4f}, {high:.4f}].",
        f"What the intervals leave out: all runs were compared on the same {num_valid} images, and others could order "
        "neighbours otherwise. The best of many is lucky, so that its mean on `valid` flatters it; and as a seed that "
        "does well on `valid` does well on `test`, too, so does its mean on `test`. So few seeds give a test little "
        "power: not told apart is not shown to be equal.",
        f"{diverged} of {len(results)} runs diverged." if diverged else "No run diverged.",
    )
    answer = blocks(
        f"The best on `valid` is {best} ({found[0].accuracy.mean:.4f}), with a test accuracy of {test.mean:.4f}; "
        f"{len(alike) - 1} of the other {len(found) - 1} configurations can't be told from it.",
        _within(alike),
    )
    return Report(measured, answer)


def _within(alike: list[Standing]) -> str:
    """Return the sentence that lists the values of the configurations that are like the best."""
    parts = []
    for field, word in (("num_filters", "filters"), ("learning_rate", "learning rates"), ("epochs", "epochs")):
        values = sorted({getattr(one.configuration, field) for one in alike})
        parts.append(f"{word} {', '.join(f'{value:g}' for value in values)}")
    return f"Among the best and those like it there are {'; '.join(parts)}."


def _draw(results: pd.DataFrame) -> dict[str, Figure]:
    found = standings(results)
    by_configuration = {one.configuration: one for one in found}
    filters, rates, epochs = (sorted({getattr(c, name) for c in by_configuration}) for name in Configuration._fields)
    figure = Figure(figsize=(1.5 + 1.05 * len(rates) * len(epochs), 0.75 * len(filters) + 1.6), layout="constrained")
    panels = figure.subplots(1, len(epochs), sharey=True, squeeze=False)[0]
    means = [100 * one.accuracy.mean for one in found]
    # were the lowest of all the lowest colour, the good configurations would all have the same one
    lowest, highest = float(np.percentile(means, 10)), max(means)
    for axes, number in zip(panels, epochs, strict=True):
        cells = [[by_configuration[Configuration(f, rate, number)] for rate in rates] for f in filters]
        values = np.array([[100 * one.accuracy.mean for one in row] for row in cells])
        drawn = axes.imshow(values, cmap="viridis", vmin=lowest, vmax=highest, origin="lower", aspect="auto")
        for (row, column), value in np.ndenumerate(values):
            one = cells[row][column]
            half = 100 * (one.accuracy.high - one.accuracy.mean)
            colour = "black" if value > (lowest + highest) / 2 else "white"
            text = f"{value:.2f}\n±{half:.2f}" if np.isfinite(half) else f"{value:.2f}"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
            if one.like_the_best:
                width = 4 if one is found[0] else 1.8
                axes.add_patch(
                    Rectangle((column - 0.46, row - 0.44), 0.92, 0.88, fill=False, edgecolor=ORANGE, linewidth=width)
                )
        axes.set_xticks(range(len(rates)), [f"{rate:g}" for rate in rates])
        axes.set(xlabel="learning rate", title=f"{number} epoch{'s' * (number > 1)}")
    panels[0].set_yticks(range(len(filters)), [str(f) for f in filters])
    panels[0].set_ylabel("filters")
    figure.colorbar(drawn, ax=list(panels), label="accuracy on valid (%)", extend="min")
    return {"heat_maps.png": figure}


STUDY = Study(
    title="Filters, learning rate and epochs",
    question="Which number of filters, learning rate and number of epochs is best?",
    expected="More epochs and more filters help, each less than the one before; the best rate falls as epochs and "
    "filters grow. On 1,000 images and five seeds many configurations should not be told from the best.",
    measure=_measure,
    report=_report,
    draw=_draw,
)
