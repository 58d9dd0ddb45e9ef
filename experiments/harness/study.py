"""What a study is: a question, the answer that was expected, and functions that measure, report and draw."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from convsweep.data import Dataset

RESULTS = "results.csv"


class Setting(NamedTuple):
    """How a study is to run this time."""

    name: str  # the study's
    overrides: tuple[str, ...]  # of the configuration, as for `convsweep train`
    folder: Path  # where the study writes what it measures
    small: bool  # a version of some seconds that shows that the study runs; its numbers mean nothing


class Facts(NamedTuple):
    """What was measured on, in words, for the table at the top of the page."""

    data: str
    seeds: str


def data_fact(dataset: Dataset) -> str:
    """Return a data set, its splits' sizes and its digest in one line, for ``Facts.data``."""
    sizes = " / ".join(f"{len(batch.labels):,}" for batch in dataset.splits)
    return f"`data={dataset.name}`: {sizes} images (train / valid / test), sha256 of the arrays used `{dataset.digest}`"


class Report(NamedTuple):
    """What came of a study, as Markdown. It depends on the study's record alone."""

    measured: str  # tables, pictures and what they show
    answer: str  # to the study's question; the index of all studies quotes its first paragraph


def write_results(results: pd.DataFrame, folder: Path) -> None:
    """Write a study's table, floats with all their digits."""
    results.to_csv(folder / RESULTS, index=False)


def read_results(folder: Path) -> pd.DataFrame:
    """Read the table that ``write_results`` wrote."""
    return pd.read_csv(folder / RESULTS)


@dataclass(frozen=True, kw_only=True)
class Study:
    """One study. Its name is that of its folder.

    Attributes:
        title: The page's heading.
        question: One sentence.
        expected: What was expected, and why; written before anything was measured.
        measure: Runs whatever the study needs and writes the record into the setting's folder.
        report: Turns the record into text. Every measured number on the page comes from here.
        draw: Turns the record into pictures, by file name.
        read: Reads the record from its folder, as ``report`` and ``draw`` take it.
    """

    title: str
    question: str
    expected: str
    measure: Callable[[Setting], Facts]
    report: Callable[[pd.DataFrame], Report]
    draw: Callable[[pd.DataFrame], Mapping[str, Figure]]
    read: Callable[[Path], pd.DataFrame] = read_results
