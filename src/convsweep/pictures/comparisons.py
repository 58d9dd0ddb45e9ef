"""Many runs beside each other: accuracy against every value in which they differ."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from convsweep.pictures.style import BLUE, ORANGE

Floats = npt.NDArray[np.float64]

# What there is room for below a panel
CHARACTERS = 28  # in one line
UPRIGHT_NAMES = 12  # side by side, written upwards
LONGEST_NAME = 20  # characters, written upwards


def comparison(accuracies: Sequence[float], varied: Mapping[str, Sequence[object]]) -> Figure:
    """Draw accuracy on ``valid`` against every value that differs between runs, a panel a value.

    Up to 12 values stand side by side, each with its name. More numbers than that stand on an axis of numbers,
    which is logarithmic for fractions that span a factor of 100; of more texts than that only some have their name.

    Args:
        accuracies: Of the runs, 0..1; NaN for those that diverged or did not finish.
        varied: What to draw against, by name: a value a run. A dot is a run, the line joins the means. Where a run
            diverged or did not finish, there is no mean: that of the others would flatter the value.
    """
    figure = Figure(figsize=(max(3.4 * len(varied), 5), 4.1), layout="constrained")
    panels = figure.subplots(1, len(varied), sharey=True, squeeze=False).flat
    num_lost = int(np.isnan(accuracies).sum())
    num_finished = len(accuracies) - num_lost
    label = "mean, where all runs finished" if num_lost else "mean"
    for axes, (name, values) in zip(panels, varied.items(), strict=True):
        places = _places(axes, values)
        axes.scatter(places, accuracies, s=26, color=BLUE, alpha=0.6, label="run")
        known = np.unique(places)
        few = len(known) <= UPRIGHT_NAMES
        if few or len(known) < len(places):  # of many runs with a value each, a line would only join the dots
            means = [np.mean(np.asarray(accuracies)[places == place]) for place in known]
            axes.plot(known, means, color=ORANGE, marker="_" if few else "", markersize=16, label=label)
        axes.set_xlabel(name)
        axes.margins(x=0.15)
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        axes.grid(axis="y", alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("accuracy on valid")
    labelled = {
        label: dot for axes in figure.axes for dot, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(labelled.values(), labelled, loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle(
        f"{num_finished} run{'' if num_finished == 1 else 's'}"
        + (f", and {num_lost} that diverged or did not finish" if num_lost else "")
    )
    return figure


def _places(axes: Axes, values: Sequence[object]) -> Floats:
    """Give a panel an axis for these values; return where on it each of them stands."""
    numbers = _numbers(values)
    if numbers is not None and len(np.unique(numbers)) > UPRIGHT_NAMES:
        _number_axis(axes, numbers)
        return numbers
    known, places = np.unique([str(value) for value in values] if numbers is None else numbers, return_inverse=True)
    names = [_name(value) for value in known.tolist()]
    in_one_line = sum(len(name) + 1 for name in names) <= CHARACTERS
    step = math.ceil(len(names) / UPRIGHT_NAMES) or 1
    axes.set_xticks(range(0, len(names), step), names[::step], rotation=0 if in_one_line else 90)
    return places.astype(float)


def _numbers(values: Sequence[object]) -> Floats | None:
    """Return values as numbers, which may come as text; None if some are none."""
    if any(isinstance(value, bool) for value in values):
        return None
    try:
        numbers = np.array([float(str(value)) for value in values])
    except ValueError:
        return None
    return None if np.isnan(numbers).any() else numbers


def _number_axis(axes: Axes, numbers: Floats) -> None:
    fractions = bool((numbers % 1 != 0).any())
    if fractions and numbers.min() > 0 and numbers.max() >= 100 * numbers.min():
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=not fractions))


def _name(value: str | float) -> str:
    if not isinstance(value, str):
        return f"{value:.10g}"  # every digit of a seed
    return value if len(value) <= LONGEST_NAME else value[: LONGEST_NAME - 1] + "…"
