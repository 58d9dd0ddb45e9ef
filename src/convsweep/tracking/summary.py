"""What came of a sweep, for MLflow's pages: descriptions, and the parent's metrics and files.

It is sent once, when the sweep's launch is over. No run is sent again because its place in the sweep has changed: its
description alone is.
"""

import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
from mlflow.entities import Metric, Run

from convsweep.compare.comparison import Comparison, compare_runs
from convsweep.compare.runs import Run as ComparedRun
from convsweep.compare.runs import load_runs
from convsweep.compare.sweep_files import FILES, current_files, found_files
from convsweep.records.sweep import Sweep, SweepJob
from convsweep.tracking.descriptions import (
    ShownSweep,
    answer_line,
    counted,
    experiment_note,
    places,
    run_note,
    sweep_note,
)
from convsweep.tracking.names import ANSWER_TAG, NOTE_TAG, SWEEP_TAG, is_ours, tagged
from convsweep.tracking.runs import MirroredRun, reading_records
from convsweep.tracking.store import Store, answering, search
from convsweep.tracking.sweeps import Parent

COUNTS_TAG = "convsweep.counts"  # on the parent: how many jobs ended how


def send_summary(
    mlruns: Path,
    sweep: Sweep,
    store: Store,
    *,
    parent: Parent | None,
    runs: Mapping[SweepJob, MirroredRun],
) -> None:
    """Show what came of a sweep whose launch is over, unless MLflow shows it already.

    Args:
        mlruns: The folder of everything.
        sweep: The sweep, as its launch left it.
        store: The store.
        parent: Its parent run; None: it is a single run.
        runs: Its jobs' runs.

    Raises:
        StoreError: The store refuses.
        UserError: A record can't be read.
    """
    outcomes = [_outcome(run) for run in runs.values()]
    results = [run.result for run in runs.values() if run.result is not None]
    ended = sweep.ended or max((result.time for result in results), default=sweep.created)
    digest = zlib.crc32(repr([(result.events_crc, result.time) for result in results]).encode())
    signature = f"{sweep.state} {ended}: {counted(outcomes)} {digest:08x}"
    if sweep.artifacts != "all":
        signature += f" {sweep.artifacts}"
    described = all(run.note is not None for run in runs.values() if run.run_id is not None)
    files = found_files(mlruns, sweep)
    has_files = not any(outcome == "finished" for outcome in outcomes) or len(files) == len(FILES)
    if parent is not None and described and has_files and parent.shows(sweep.state, signature, files):
        return
    with reading_records():
        compared = load_runs(mlruns, sweep)
    comparisons = compare_runs(compared, sweep.axes)
    if sweep.artifacts == "best" and sweep.state == "finished":  # another may be the best of one that goes on
        _send_files_of_best(comparisons, runs)
    _describe_runs(sweep, compared, comparisons, runs)
    if parent is None:
        return
    run_ids = {job.run_key: run.run_id for job, run in runs.items() if run.run_id is not None}
    note = sweep_note(store.experiment_id, sweep, counted(outcomes), comparisons, run_ids, mlruns=mlruns)
    tags = {ANSWER_TAG: answer_line(comparisons), COUNTS_TAG: counted(outcomes)}
    # not of a sweep that may go on: MLflow keeps every value ever sent
    found = _metrics(comparisons, outcomes) if sweep.state == "finished" else {}
    # its time is that of the last result, which stays: of exactly equal values MLflow keeps one
    when = int(max((result.time for result in results), default=ended) * 1000)
    metrics = [Metric(key, value, when, 0) for key, value in found.items()]
    parent.send_summary(note, tags, metrics, current_files(mlruns, sweep))
    describe_experiment(store)
    parent.send_end(sweep.state, ended, signature)


def describe_experiment(store: Store) -> None:
    """Give the experiment a description, unless a person has written one: the last sweep's answer, and all sweeps.

    Raises:
        StoreError: The store refuses.
    """
    with answering(store.uri):
        sweeps = [shown_sweep(parent) for parent in search(store, tagged(role="sweep"))]
        known = store.client.get_experiment(store.experiment_id).tags.get(NOTE_TAG)
        note = experiment_note(store.experiment_id, sweeps)
        if note != known and is_ours(known):
            store.client.set_experiment_tag(store.experiment_id, NOTE_TAG, note)


def shown_sweep(parent: Run) -> ShownSweep:
    """Return what lists of sweeps tell of one."""
    tags = parent.data.tags
    when = datetime.fromtimestamp(parent.info.start_time / 1000).astimezone()
    return ShownSweep(
        id=tags[SWEEP_TAG],
        title=parent.info.run_name,
        run_id=parent.info.run_id,
        when=f"{when:%Y-%m-%d %H:%M}",
        counts=tags.get(COUNTS_TAG, parent.info.status.lower()),
        answer=tags.get(ANSWER_TAG, "Not over yet."),
    )


def _outcome(run: MirroredRun) -> str:
    if run.status == "FINISHED" and run.result is not None:
        return run.result.outcome
    return "not begun" if run.status is None else run.status.lower()


def _send_files_of_best(comparisons: Sequence[Comparison], runs: Mapping[SweepJob, MirroredRun]) -> None:
    """Send the files of the runs of the best configuration, one for each set of images."""
    best = {
        run.run_key
        for comparison in comparisons
        if comparison.best is not None
        for run in comparison.best.configuration.finished
    }
    for job, run in runs.items():
        if job.run_key in best:
            run.send_files_too()


def _describe_runs(
    sweep: Sweep,
    compared: Sequence[ComparedRun],
    comparisons: Sequence[Comparison],
    runs: Mapping[SweepJob, MirroredRun],
) -> None:
    by_key = {run.run_key: run for run in compared}
    of_run = {key: place for comparison in comparisons for key, place in places(comparison).items()}
    for job, mirrored in runs.items():
        run = by_key.get(job.run_key)
        if run is not None and mirrored.status is not None:  # None: it failed before it had a configuration
            mirrored.describe(run_note(run, mirrored.status, sweep, of_run[run.run_key]))


def _metrics(comparisons: Sequence[Comparison], outcomes: Sequence[str]) -> dict[str, float]:
    """Return how the best configuration does, means over its seeds, and how many jobs ended how."""
    counts = {outcome: float(outcomes.count(outcome)) for outcome in ("finished", "diverged", "failed")}
    best = comparisons[0].best if comparisons else None
    if best is None:
        return counts
    runs = best.runs  # those that the answer speaks of
    means = {
        "valid/accuracy": np.mean([run.valid_accuracy for run in runs]),
        "valid/loss": np.mean([run.valid_loss for run in runs]),
        "test/accuracy": np.mean([run.test_accuracy for run in runs]),
        "test/loss": np.mean([run.test_loss for run in runs]),
    }
    return {key: float(value) for key, value in means.items()} | counts
