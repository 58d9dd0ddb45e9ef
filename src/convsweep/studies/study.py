"""What a study is: a question, an expectation written beforehand, and three functions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure

RESULTS = "results.csv"


class Setting(NamedTuple):
    """How a study is asked to run."""

    overrides: tuple[str, ...]  # of the configuration, as for `convsweep train`
    folder: Path  # where its record is to be left
    small: bool  # a version of some seconds, to see that it works: its numbers mean nothing


class Facts(NamedTuple):
    """What the table at the top of the page says of a measurement, in words."""

    data: str
    seeds: str


class Report(NamedTuple):
    """What came of a study, as Markdown: a pure function of its record."""

    measured: str  # tables, pictures, what they show
    answer: str  # to the study's question; its first paragraph also stands in the index


def write_results(results: pd.DataFrame, folder: Path) -> None:
    """Write a study's table, floats with all their digits."""
    results.to_csv(folder / RESULTS, index=False)


def read_results(folder: Path) -> pd.DataFrame:
    """Return the table that was written."""
    return pd.read_csv(folder / RESULTS)


@dataclass(frozen=True, kw_only=True)
class Study:
    """One study.

    Attributes:
        name: That of its folder under ``experiments/``.
        title: The page's heading.
        question: One sentence.
        expected: What was expected, and why, before it was measured.
        measure: Does the work and leaves the record in the setting's folder.
        report: Turns the record into text. Every number on the page that was measured comes from here.
        draw: Turns the record into pictures, by file name.
        read: Reads the record from its folder, as ``report`` and ``draw`` take it.
    """

    name: str
    title: str
    question: str
    expected: str
    measure: Callable[[Setting], Facts]
    report: Callable[[pd.DataFrame], Report]
    draw: Callable[[pd.DataFrame], Mapping[str, Figure]]
    read: Callable[[Path], pd.DataFrame] = read_results
