"""A reproduction's pictures: what our seeds print as dots, what the tutorial reports as a line."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from convsweep.nn.network import Gradient
from convsweep.pictures.style import BLUE, GREY, ORANGE
from convsweep.records.files import writing
from convsweep.reproduce.protocol import RULES, Ours
from convsweep.reproduce.reported import TEST, Reported
from convsweep.reproduce.reproduction import Reproduction
from convsweep.reproduce.statistics import Floats, prediction_interval

COLOURS: Mapping[Gradient, str] = {"exact": BLUE, "last_class": ORANGE, "as_printed": GREY}


def write_pictures(reproduction: Reproduction, folder: Path) -> list[Path]:
    """Draw all pictures and write them into a folder as PNG files; return the files' paths.

    Raises:
        UserError: The folder can't be written to.
    """
    reported, ours = reproduction.reported, reproduction.ours
    subtitle = f"{reproduction.num_seeds} seeds, {reproduction.data}"
    figures = {
        "test": test_strips(reported, ours, subtitle),
        "epoch_10": last_epoch(reported, ours, subtitle),
        "first_windows": first_windows(reported, ours, subtitle),
    }
    paths = [folder / f"{name}.png" for name in figures]
    with writing(folder):
        for path, figure in zip(paths, figures.values(), strict=True):
            figure.savefig(path, dpi=110)
    return paths


def test_strips(reported: Sequence[Reported], ours: Ours, subtitle: str) -> Figure:
    """Draw test loss and accuracy: a dot a seed, the interval for one more, the reported value as a line."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    (row,) = (row for row in reported if row.place == TEST)
    panels = (("test loss (nats)", row.loss, ours.losses), ("test accuracy", row.accuracy, ours.accuracies))
    for axes, (name, value, samples) in zip(figure.subplots(1, 2, sharey=True), panels, strict=True):
        for height, gradient in enumerate(RULES):
            diverged = int(np.isnan(ours.losses[gradient, TEST]).sum())
            if diverged:
                text = f"{diverged} of {len(ours.losses[gradient, TEST])} seeds diverged"
                box = {"facecolor": "white", "edgecolor": "none"}
                axes.text(0.02, height, text, va="center", transform=axes.get_yaxis_transform(), color=GREY, bbox=box)
                continue
            _strip(axes, height, samples[gradient, TEST], COLOURS[gradient])
        axes.axvline(value, color="black", linewidth=1.2, label=f"the tutorial: {value:g}")
        axes.set_xlabel(name)
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        axes.set_yticks(range(len(RULES)), RULES)
        axes.set_ylim(len(RULES) - 0.5, -0.5)
        axes.grid(axis="x", alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    figure.axes[1].xaxis.set_major_formatter(PercentFormatter(1))
    figure.suptitle(f"a dot a seed; bars: 95% interval for one more run\n{subtitle}", fontsize=11)
    return figure


def last_epoch(reported: Sequence[Reported], ours: Ours, subtitle: str) -> Figure:
    """Draw the windows of epoch 10 over each other: each seed thin, the seeds' mean thick, the reported black."""
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    rows = [row for row in reported if row.place.epoch == "10" and (RULES[0], row.place) in ours.losses]
    steps = [row.place.step for row in rows]
    panels = (
        ("training loss (nats)", [row.loss for row in rows], ours.losses),
        ("training accuracy", [row.accuracy for row in rows], ours.accuracies),
    )
    for axes, (name, values, samples) in zip(figure.subplots(1, 2), panels, strict=True):
        for gradient in RULES:
            seeds = np.array([samples[gradient, row.place] for row in rows])  # [windows, n]
            if any(np.isnan(ours.losses[gradient, row.place]).any() for row in rows):
                axes.plot([], [], color=COLOURS[gradient], label=f"{gradient}: diverged")
                continue
            axes.plot(steps, seeds, color=COLOURS[gradient], linewidth=0.6, alpha=0.35)
            axes.plot(steps, seeds.mean(axis=1), color=COLOURS[gradient], linewidth=2, label=f"{gradient}: mean")
        axes.plot(steps, values, color="black", marker="o", markersize=4, label="the tutorial")
        axes.set(xlabel="image of epoch 10, windows of 500", ylabel=name)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[1].yaxis.set_major_formatter(PercentFormatter(1))
    figure.legend(*figure.axes[0].get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=4)
    figure.suptitle(f"what is printed in the last epoch; thin: one seed\n{subtitle}", fontsize=11)
    return figure


def first_windows(reported: Sequence[Reported], ours: Ours, subtitle: str) -> Figure:
    """Draw the losses printed without training and in the first steps, a strip a window and rule."""
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    experiments = {
        "untrained": (RULES[:1], "image of the test file"),
        "dense_only": (("exact", "as_printed"), "step"),
        "full": (RULES, "step"),
    }
    panels = figure.subplots(1, len(experiments), width_ratios=(1, 2.2, 1.6))
    for axes, (experiment, (rules, unit)) in zip(panels, experiments.items(), strict=True):
        rows = [
            row
            for row in reported
            if row.place.experiment == experiment and row.place.window == 100 and (RULES[0], row.place) in ours.losses
        ]
        for number, gradient in enumerate(rules):
            shift = 26 * (number - (len(rules) - 1) / 2)  # images
            for row in rows:
                values = ours.losses[gradient, row.place]
                places = np.full(len(values), row.place.step + shift)
                axes.scatter(places, values, s=9, color=COLOURS[gradient], alpha=0.5, linewidths=0)
        axes.plot(
            [row.place.step for row in rows], [row.loss for row in rows], color="black", marker="_", markersize=14
        )
        axes.set(title=experiment, xlabel=unit)
        axes.ticklabel_format(axis="y", useOffset=False)
        axes.grid(axis="y", alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("loss, mean of 100 images (nats)")
    for gradient in RULES:
        panels[0].scatter([], [], s=16, color=COLOURS[gradient], label=gradient)
    panels[0].plot([], [], color="black", marker="_", markersize=14, label="the tutorial")
    figure.legend(*panels[0].get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=4)
    figure.suptitle(
        "a dot a seed; gradient rules don't matter before training, nor does last_class where only the dense layer "
        f"learns\n{subtitle}",
        fontsize=11,
    )
    return figure


def _strip(axes: Axes, height: int, sample: Floats, colour: str) -> None:
    """Draw a sample as dots on a line, spread a little so that equal values can be counted, and its interval."""
    spread = 0.16 * np.sin(2.4 * np.arange(len(sample)))
    axes.scatter(sample, height + spread, s=18, color=colour, alpha=0.6, linewidths=0)
    low, high = prediction_interval(sample)
    axes.plot([low, high], [height + 0.3] * 2, color=colour, linewidth=3, solid_capstyle="butt")
