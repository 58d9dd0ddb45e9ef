"""Many runs beside each other: accuracy against every value in which they differ."""

import math
from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from convsweep.pictures.style import BLUE, ORANGE

# What there is room for below a panel
CHARACTERS = 28  # in one line
UPRIGHT_NAMES = 12  # side by side, written upwards
LONGEST_NAME = 20  # characters, written upwards


def comparison(runs: pd.DataFrame, varied: Sequence[str]) -> Figure:
    """Draw accuracy on ``valid`` against every value that differs between runs, a panel a value.

    Up to 12 values stand side by side, each with its name. More numbers than that stand on an axis of numbers,
    which is logarithmic for fractions that span a factor of 100; of more texts than that only some have their name.

    Args:
        runs: One row a run; columns ``valid/accuracy``, ``outcome`` and the varied ones.
        varied: The columns to draw against; a dot is a run, the line joins the means.
    """
    finished = runs[runs["outcome"] == "finished"]
    panels = list(varied) or ["seed"]
    figure = Figure(figsize=(max(3.4 * len(panels), 5), 4.1), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(panels), sharey=True, squeeze=False).flat, panels, strict=True):
        places = _places(axes, finished[name])
        axes.scatter(places, finished["valid/accuracy"], s=26, color=BLUE, alpha=0.6, label="run")
        means = finished["valid/accuracy"].groupby(places).mean()
        few = len(means) <= UPRIGHT_NAMES
        if few or len(means) < len(finished):  # of many runs with a value each, a line would only join the dots
            axes.plot(means.index, means, color=ORANGE, marker="_" if few else "", markersize=16, label="mean")
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
    lost = len(runs) - len(finished)
    figure.suptitle(
        f"{len(finished)} run{'' if len(finished) == 1 else 's'}"
        + (f", and {lost} that diverged or did not finish" if lost else "")
    )
    return figure


def _places(axes: Axes, values: pd.Series) -> pd.Series:
    """Give a panel an axis for these values; return where on it each of them stands."""
    numbers = pd.to_numeric(values, errors="coerce")  # numbers may come as text
    numeric = values.dtype != bool and not numbers.isna().any()
    if numeric and numbers.nunique() > UPRIGHT_NAMES:
        _number_axis(axes, numbers)
        return numbers
    values = numbers if numeric else values.map(str)
    known = sorted(values.unique())
    names = [_name(value) for value in known]
    in_one_line = sum(len(name) + 1 for name in names) <= CHARACTERS
    step = math.ceil(len(names) / UPRIGHT_NAMES) or 1
    axes.set_xticks(range(0, len(names), step), names[::step], rotation=0 if in_one_line else 90)
    return values.map(known.index)


def _number_axis(axes: Axes, numbers: pd.Series) -> None:
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
