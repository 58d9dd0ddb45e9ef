"""The leaderboard: a row a configuration, its interval as a bar."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.ticker import MaxNLocator

from convsweep.compare.comparison import Comparison, Estimate, Standing
from convsweep.naming import as_text

MOST_ROWS = 100


class Bar(NamedTuple):
    """Where an interval lies on its scale, in percent of the scale's length."""

    left: float
    width: float
    mean: float
    cut_left: bool  # whether it begins before the scale does
    cut_right: bool


class Row(NamedTuple):
    """A configuration."""

    place: int  # from 1
    standing: Standing
    values: tuple[tuple[object, str], ...]  # of what varies: to sort by, and to read
    bar: Bar | None  # None: no run has finished


class Scale(NamedTuple):
    """What the bars' axis spans, in accuracies."""

    low: float
    high: float

    def place(self, accuracy: float) -> float:
        """Return where an accuracy lies, 0..100."""
        return round(100 * min(max((accuracy - self.low) / (self.high - self.low), 0.0), 1.0), 2)

    def bar(self, estimate: Estimate | None) -> Bar | None:
        """Return an interval's bar."""
        if estimate is None:
            return None
        low, high = estimate.interval
        left, right = self.place(low), self.place(high)
        return Bar(
            left,
            round(right - left, 2),
            self.place(estimate.mean),
            cut_left=max(low, 0.0) < self.low,
            cut_right=min(high, 1.0) > self.high,
        )

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Round accuracies, with their places."""
        found = [value for value in MaxNLocator(4).tick_values(self.low, self.high) if self.low <= value <= self.high]
        return [(self.place(value), f"{100 * value:.10g}") for value in found]


class Leaderboard(NamedTuple):
    """The first rows, on one scale."""

    rows: tuple[Row, ...]
    scale: Scale | None  # None: no run has finished
    num_left_out: int


def make_leaderboard(comparison: Comparison) -> Leaderboard:
    """Return the best configurations' rows."""
    shown = comparison.standings[:MOST_ROWS]
    scale = _scale([standing.valid for standing in shown if standing.valid is not None])
    rows = [
        Row(place, standing, _values(standing, comparison.keys), scale.bar(standing.valid) if scale else None)
        for place, standing in enumerate(shown, start=1)
    ]
    return Leaderboard(tuple(rows), scale, len(comparison.standings) - len(shown))


def _values(standing: Standing, keys: Sequence[str]) -> tuple[tuple[object, str], ...]:
    values = [standing.configuration.values.get(key) for key in keys]
    return tuple((value, _short(value)) for value in values)


def _short(value: object) -> str:
    """Return a value as people write it; of a number with many digits, four of them: its row's name has them all."""
    text = as_text(value)
    return f"{value:.4g}" if isinstance(value, float) and len(text) > 8 else text


def _scale(estimates: Sequence[Estimate]) -> Scale | None:
    """Return a scale for most intervals: a few that are very long must not squeeze all others together."""
    if not estimates:
        return None
    lows, highs = (np.clip([estimate.interval[end] for estimate in estimates], 0, 1) for end in (0, 1))
    low, high = float(lows.min()), float(highs.max())
    usual_low, usual_high = float(np.quantile(lows, 0.25)), max(float(np.quantile(highs, 0.75)), float(highs[0]))
    usual = usual_high - usual_low
    if high - low > 2 * usual:
        low, high = max(low, usual_low - usual / 2), min(high, usual_high + usual / 4)
    margin = 0.02 * (high - low) or 0.01
    return Scale(low - margin, high + margin)
