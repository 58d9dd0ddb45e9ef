"""A log's course, drawn over what each program's seeds print."""

import math
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from convsweep.pictures.style import BLUE, GREY, ORANGE
from convsweep.records.files import writing
from convsweep.reproduce.log_lines import Metric
from convsweep.reproduce.log_numbers import Printed
from convsweep.reproduce.places import Quantity
from convsweep.reproduce.which_program import Judged, Study

COLOURS = {"consistent": BLUE, "inconclusive": ORANGE, "inconsistent": GREY}
COLUMNS = 3
FAR = 1e6  # where what is no finite number is drawn: out of sight
SHOWN = 12  # programs, the likeliest


def write_pictures(study: Study, folder: Path) -> list[Path]:
    """Draw the log's losses and accuracies over every program's, and write them into a folder; return the files' paths.

    Raises:
        UserError: The folder can't be written to.
    """
    metrics: tuple[Metric, ...] = ("loss", "accuracy")
    figures = {
        metric: course(study, metric)
        for metric in metrics
        if any(quantity.metric == metric for quantity in study.placed.quantities)
    }
    paths = [folder / f"{metric}.png" for metric in figures]
    with writing(folder):
        for path, figure in zip(paths, figures.values(), strict=True):
            figure.savefig(path, dpi=100)
    return paths


def course(study: Study, metric: Metric) -> Figure:
    """Draw one panel a program: the range of its seeds as a band, their mean as a line, the log as black dots."""
    shown = study.judged[:SHOWN]
    rows = -(-len(shown) // COLUMNS)
    figure = Figure(figsize=(3.6 * COLUMNS, 2.3 * rows + 0.6), layout="constrained")
    panels = figure.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False).reshape(-1)
    for axes, judged in zip(panels, shown, strict=False):
        _panel(axes, study, judged, metric)
    values = [printed.value for quantity, printed in _numbers(study, metric) if math.isfinite(printed.value)]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    room = (high - low) / 3 or 0.1
    panels[0].set_ylim(low - room, high + room)  # what is far off is cut, lest the log become a flat line
    for axes in panels[len(shown) :]:
        axes.set_visible(False)
    unit = " (nats)" if metric == "loss" else ""
    figure.supylabel(f"{metric}{unit}")
    figure.supxlabel("the log's numbers, in its order; the last on the right are tests, if it has any")
    rule = "; in brackets: the printing rule that favours the program" if _has_rules(study) else ""
    figure.suptitle(f"black: the log; line and band: mean and range of {study.protocol.num_seeds} seeds{rule}")
    return figure


def _panel(axes: Axes, study: Study, judged: Judged, metric: Metric) -> None:
    columns = [index for index, quantity in enumerate(study.placed.quantities) if quantity.metric == metric]
    reported = np.array([printed.value for _, printed in _numbers(study, metric)])
    sample = np.nan_to_num(study.samples[judged.program][:, columns], nan=FAR, posinf=FAR)  # [n, Q]
    numbers, colour = np.arange(1, len(columns) + 1), COLOURS[judged.verdict]
    axes.fill_between(numbers, sample.min(axis=0), sample.max(axis=0), color=colour, alpha=0.3, linewidth=0)
    axes.plot(numbers, sample.mean(axis=0), color=colour, linewidth=1.5)
    axes.plot(numbers, np.where(np.isfinite(reported), reported, np.nan), "k.-", markersize=5, linewidth=0.7)
    rule = f" ({judged.printing})" if _has_rules(study) else ""
    axes.set_title(f"{judged.program}: {judged.verdict}{rule}", fontsize=9)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _has_rules(study: Study) -> bool:
    """Return whether programs may be judged under different printing rules."""
    return len(study.placed.printings) > 1 and study.protocol.printing is None


def _numbers(study: Study, metric: Metric) -> list[tuple[Quantity, Printed]]:
    pairs = zip(study.placed.quantities, study.placed.printed, strict=True)
    return [pair for pair in pairs if pair[0].metric == metric]
