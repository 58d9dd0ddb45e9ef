"""What ``convsweep compare A B`` prints: what differs, and whether one does better."""

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from convsweep.compare.lookup import Subject, find_subject
from convsweep.compare.sentences import percent
from convsweep.compare.side_by_side import (
    METRICS,
    Facts,
    MeanDifference,
    Metric,
    code_between,
    comparable_runs,
    differing_origins,
    differing_values,
    disagreements,
    mean,
    mean_differences,
)
from convsweep.errors import UserError
from convsweep.records.files import DamagedError
from convsweep.terminal import console, say

MOST_PLACES = 20  # images that are listed


def print_side_by_side(mlruns: Path, words: Sequence[str]) -> None:
    """Print two or more subjects beside each other; each is compared with the first.

    Raises:
        UserError: A word names nothing that has finished, or two name the same.
    """
    subjects = [find_subject(mlruns, word) for word in words]
    _check_distinct(words, subjects)
    first, others = subjects[0], subjects[1:]
    console.print(
        _table(subjects, [*_means(subjects), *differing_values(subjects), *differing_origins(mlruns, subjects)])
    )
    for other in others:
        code = code_between(mlruns, first, other)
        if code:
            say(code)
        if other.runs[0].held_out != first.runs[0].held_out:
            say(
                f"{other.name} and {first.name} were judged on other images ({other.runs[0].held_out}; "
                f"{first.runs[0].held_out}): no accuracy of theirs is compared."
            )
            continue
        say(f"\n{other.name} against {first.name}:")
        is_chosen = first.is_chosen or other.is_chosen
        if is_chosen:
            say(
                "  One of them was chosen as the best, so it is ahead by luck, too: no p values or intervals are given."
            )
            say("  `convsweep compare` says what can be told from the best.")
        differences = mean_differences(first, other)
        if differences:
            say(f"  over the {differences[0].num_seeds} seeds that both have:")
        else:
            say("  They share one seed at most, so their means are not compared.")
        for difference in differences:
            say("  " + _difference(difference, is_chosen=is_chosen))
        _print_disagreements(first, other, is_chosen=is_chosen)


def _check_distinct(words: Sequence[str], subjects: Sequence[Subject]) -> None:
    known: dict[tuple[str, ...], str] = {}
    for word, subject in zip(words, subjects, strict=True):
        same = known.setdefault(tuple(run.run_key for run in subject.runs), word)
        if same is not word:
            raise UserError(f"What is compared must differ ('{same}' and '{word}' are the same runs).")


def _means(subjects: Sequence[Subject]) -> list[Facts]:
    return [
        Facts(_words(metric), tuple(_value(metric, mean(subject, metric)) for subject in subjects))
        for metric in METRICS
    ]


def _table(subjects: Sequence[Subject], rows: Sequence[Facts]) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("", *(subject.name for subject in subjects)):
        table.add_column(Text(heading), overflow="fold")
    for row in rows:
        table.add_row(Text(row.name), *map(Text, row.sides))
    return table


def _words(metric: Metric) -> str:
    return metric.replace("_", " ")


def _value(metric: Metric, value: float) -> str:
    return percent(value) if metric.endswith("accuracy") else f"{value:.4f}"


def _difference(found: MeanDifference, *, is_chosen: bool) -> str:
    is_accuracy = found.metric.endswith("accuracy")
    times, form, unit = (100, "+.2f", " points") if is_accuracy else (1, "+.4f", "")
    difference = f"{_words(found.metric)}: {times * found.difference:{form}}{unit}"
    if is_chosen:
        return difference
    low, high = (times * end for end in found.interval)
    return f"{difference} (95%: {low:{form}} to {high:{form}}; p = {found.p:.2g}, paired t test)"


def _print_disagreements(first: Subject, second: Subject, *, is_chosen: bool) -> None:
    ours, theirs = comparable_runs(first, second)
    try:
        found = disagreements(ours, theirs)
    except DamagedError as error:
        say(f"  Their answers are not compared: {error}")
        return
    for one in found:
        p = "" if is_chosen else f" (McNemar's p = {one.p:.2g})"
        say(
            f"  {one.split} images that only one of them gets right: {len(one.only_first)} by {ours.name}, "
            f"{len(one.only_second)} by {theirs.name}{p}"
        )
        for run, places in ((ours, one.only_first), (theirs, one.only_second)):
            if places:
                more = f" and {len(places) - MOST_PLACES} more" if len(places) > MOST_PLACES else ""
                say(f"    only {run.name}: {', '.join(map(str, places[:MOST_PLACES]))}{more}")
