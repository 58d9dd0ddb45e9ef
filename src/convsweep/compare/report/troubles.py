"""Runs that came to no good end, with their reasons; runs that share a reason stand together."""

from collections.abc import Sequence
from typing import NamedTuple

from convsweep.compare.runs import Run
from convsweep.records.journal import read_failure

MOST_NAMES = 8  # of runs that share a reason
MOST_REASONS = 30


class Trouble(NamedTuple):
    """A reason, and whose it is."""

    outcome: str
    reason: str
    names: tuple[str, ...]  # of the first runs
    num_runs: int


def find_troubles(runs: Sequence[Run]) -> list[Trouble]:
    """Return why runs diverged or failed, the most frequent reason first; at most 30 reasons."""
    of_reason: dict[tuple[str, str], list[str]] = {}
    for run in runs:
        if run.outcome != "finished":
            of_reason.setdefault((run.outcome, _reason(run)), []).append(run.name)
    found = [
        Trouble(outcome, reason, tuple(names[:MOST_NAMES]), len(names))
        for (outcome, reason), names in of_reason.items()
    ]
    return sorted(found, key=lambda trouble: -trouble.num_runs)[:MOST_REASONS]


def _reason(run: Run) -> str:
    match run.outcome:
        case "diverged":
            assert run.result is not None
            return f"its loss was no longer finite in epoch {run.result.epoch}"
        case "failed":
            failure = read_failure(run.directory)
            return failure.text if failure is not None else "its record does not say why"
        case "running":
            return "it is still being trained"
        case "killed":
            return "it was stopped; the same command again goes on"
        case _:
            return "its record is damaged; the same command again makes it anew"
