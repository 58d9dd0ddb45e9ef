"""The picture of what ``growth`` measured."""

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, ScalarFormatter

PICTURE = Path(__file__).parents[1] / "growth.png"


def draw(growth: dict[str, dict[str, list[Any]]]) -> None:
    """Draw ``growth.png`` beside the results."""
    figure = Figure(figsize=(13, 7.2), layout="constrained")
    axes = figure.subplots(2, 3)
    for place in axes.flat:
        place.grid(visible=True, which="major", alpha=0.3)

    stack = growth["stack"]
    _line(axes[0, 0], stack["stack"], stack["us_per_model"], "8 filters")
    _label(axes[0, 0], "A step against the stack", "networks in the stack", "us a step and network")

    filters = growth["filters"]
    _line(axes[0, 1], filters["filters"], filters["alone_us"], "one network")
    _line(axes[0, 1], filters["filters"], filters["stack_us_per_model"], "a stack as the launcher makes it")
    axes[0, 1].set_yscale("log")
    axes[0, 1].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes[0, 1].yaxis.set_major_formatter(ScalarFormatter())
    axes[0, 1].yaxis.set_minor_locator(NullLocator())
    _label(axes[0, 1], "A step against the filters", "filters of a network", "us a step and network")

    cores = growth["cores"]
    _line(axes[0, 2], cores["cores"], cores["steps_a_second"], "a process a core, each a stack of 16")
    ideal = [cores["steps_a_second"][0] * count for count in cores["cores"]]
    axes[0, 2].plot(cores["cores"], ideal, ":", color="grey", label="in proportion")
    _label(axes[0, 2], "Training against the cores", "cores", "steps a second, all networks")

    if "images" in growth:
        memory = growth["images"]
        _line(axes[1, 0], memory["images"], memory["peak_mb"], "one run, 1 epoch, all of its record")
        _label(axes[1, 0], "Memory against the images", "training images", "peak MB of the process")
    else:
        axes[1, 0].set_axis_off()

    jobs = growth["jobs"]
    within = [size for size, number in zip(jobs["stack"], jobs["jobs"], strict=True) if size == number]
    _line(axes[1, 1], within, jobs["peak_mb"][: len(within)], "one stack")
    _label(axes[1, 1], "A sweep's memory against its stack", "networks in the stack", "peak MB of all processes")
    _line(axes[1, 2], jobs["jobs"], jobs["peak_mb"], "stacks of 16 at most, one at a time")
    _label(axes[1, 2], "A sweep's memory against its jobs", "jobs", "peak MB of all processes")
    figure.savefig(PICTURE, dpi=100)


def _line(axes: Axes, x: list[float], y: list[float], label: str) -> None:
    axes.plot(x, y, "o-", label=label)
    axes.set_xscale("log", base=2)
    axes.set_xticks(x, [f"{value:,}" for value in x])
    axes.minorticks_off()


def _label(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set(title=title, xlabel=x, ylabel=y)
    if axes.get_yscale() == "linear":
        axes.set_ylim(0, 1.1 * axes.get_ylim()[1])
        axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.legend(fontsize="small", loc="best" if axes.get_yscale() == "log" else "lower right")
