"""``results.json``: what was measured last, each part by the last run that measured it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict, cast

FILE = Path(__file__).with_name("results.json")

Series = dict[str, list[float | None]]


class PartInfo(TypedDict):
    """How a part was measured."""

    quick: bool
    load_at_start: float


class Results(TypedDict):
    """The file's content."""

    machine: dict[str, str | int | None]
    versions: dict[str, str | None]
    parts: dict[str, PartInfo]
    agreement: dict[str, float]  # by peer: the largest difference of two losses, in nats
    forms: dict[str, str]  # of peers that have several, the faster one
    figures: dict[str, float | None]  # medians and their ratios
    ranges: dict[str, list[float]]  # smallest and largest sample
    growth: dict[str, Series]
    scale: Series  # each term by the number of jobs
    scale_options: dict[str, Series]  # what options change


def empty() -> Results:
    """Return results of nothing."""
    return Results(
        machine={},
        versions={},
        parts={},
        agreement={},
        forms={},
        figures={},
        ranges={},
        growth={},
        scale={},
        scale_options={},
    )


def read() -> Results:
    """Return what the file holds."""
    if not FILE.exists():
        return empty()
    return cast("Results", empty() | json.loads(FILE.read_text()))


def merge(earlier: Results, later: Results) -> Results:
    """Return the earlier results with all that was measured later in its place."""
    merged: dict[str, object] = {}
    for name, old in earlier.items():
        new = cast("Mapping[str, object]", later)[name]
        assert isinstance(old, dict)
        assert isinstance(new, dict)
        merged[name] = old | new
    return cast("Results", merged)


def write(results: Results) -> None:
    """Write the file."""
    FILE.write_text(json.dumps(results, indent=2) + "\n")
