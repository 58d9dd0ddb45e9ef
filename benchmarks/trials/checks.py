"""What must hold of a folder once its sweep has ended, however often its processes were killed.

The records, and the names of all files, are compared with those of a sweep that nobody disturbed. MLflow's database is
read with nothing but ``sqlite3``, so that neither convsweep nor MLflow vouches for itself.
"""

import hashlib
import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from convsweep.records.journal import read_record
from convsweep.records.sweep import Sweep, is_mirrored, read_sweeps

# kinds of problems, in the order of the closing table
LOST, DIFFERENT, UNFINISHED = "results lost", "arrays, metrics or figures that differ", "sweeps not whole"
MLFLOW_RUNS, RUNNING = "MLflow runs missing or too many", "runs left RUNNING"
POINTS_TWICE, POINTS_WRONG = "metric points twice", "metric points missing or wrong"
ARTIFACTS = "MLflow models and files missing or too many"
STRAY, ORPHANS, NO_END = "stray files", "orphans after 5 s", "commands that never end with 0"
KINDS = (
    LOST,
    DIFFERENT,
    UNFINISHED,
    MLFLOW_RUNS,
    RUNNING,
    POINTS_TWICE,
    POINTS_WRONG,
    ARTIFACTS,
    STRAY,
    ORPHANS,
    NO_END,
)

CHANGES = (
    "time",
    "seconds",
    "crc32",
    "checkpoint",
)  # fields of an event that may differ; a checkpoint's arrays are compared
OF_THE_LAUNCH = ("seconds", "time", "sweep", "host", "attempts", "events_crc", "crc32")  # the same of a result

OF_SQLITE = r"mlflow\.db-(wal|shm)"  # there while somebody has the database open
OF_ARTIFACTS = "artifacts/"  # named by runs and models, whose ids differ: see ``_check_artifact_folders``

READY = 2  # a model's status
MODELS = "SELECT status FROM logged_models WHERE source_run_id = ? AND lifecycle_stage = 'active'"


class Problem(NamedTuple):
    """Something that doesn't hold."""

    kind: str  # one of KINDS
    text: str


class RunFacts(NamedTuple):
    """All of a run's record that must not depend on who was killed."""

    config: bytes
    events: list[dict[str, Any]]
    result: dict[str, Any]
    arrays: dict[str, tuple[str, bytes]]  # by file and name: dtype with shape, bytes
    figures: dict[str, str]  # sha256 of each file


class SweepFacts(NamedTuple):
    """The same of a folder with one sweep."""

    runs: dict[str, RunFacts]  # every finished one, by its key
    names: set[str]  # of all files and empty folders: whatever an undisturbed sweep leaves may be there, nothing else


def sweep_facts(mlruns: Path) -> SweepFacts:
    """Read a folder with one sweep."""
    runs = {path.parent.name: _facts(path.parent) for path in sorted(mlruns.glob("runs/*/result.json"))}
    return SweepFacts(runs, _names(mlruns))


def check(mlruns: Path, undisturbed: SweepFacts, *, with_mlflow: bool) -> Iterator[Problem]:
    """Yield everything that doesn't hold."""
    yield from _check_records(mlruns, undisturbed.runs)
    sweeps = [sweep for sweep in read_sweeps(mlruns) if sweep.multirun]
    if len(sweeps) != 1:
        yield Problem(UNFINISHED, f"there must be 1 sweep (got {len(sweeps)})")
        return
    (sweep,) = sweeps
    if sweep.state != "finished":
        yield Problem(UNFINISHED, f"the sweep must be finished (got {sweep.state!r})")
    yield from _check_names(_names(mlruns), undisturbed.names)
    if with_mlflow:
        if not is_mirrored(mlruns, sweep.id):
            yield Problem(UNFINISHED, "the sweep must be marked as mirrored")
        with closing(sqlite3.connect(f"file:{mlruns / 'mlflow.db'}?mode=ro", uri=True)) as database:
            yield from _check_mlflow(database, mlruns, sweep, undisturbed.runs)


def _facts(directory: Path) -> RunFacts:
    lines = (directory / "events.jsonl").read_text().splitlines()
    arrays = {}
    for path in (*sorted(directory.glob("checkpoints/*")), *directory.glob("predictions.npz")):
        with np.load(path, allow_pickle=False) as file:
            for name in file.files:
                array = file[name]
                arrays[f"{path.name}: {name}"] = (f"{array.dtype.str}{array.shape}", array.tobytes())
    return RunFacts(
        config=re.sub(rb"(?m)^mlruns: .*$", b"", (directory / "config.yaml").read_bytes()),
        events=[_without(json.loads(line), CHANGES) for line in lines],
        result=_without(json.loads((directory / "result.json").read_text()), (*OF_THE_LAUNCH, "config_sha256")),
        arrays=arrays,
        figures={path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in directory.glob("figures/*")},
    )


def _without(fields: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}


def _check_records(mlruns: Path, undisturbed: dict[str, RunFacts]) -> Iterator[Problem]:
    for key, wanted in undisturbed.items():
        record = read_record(mlruns / "runs" / key)
        if record.result is None or record.damage:
            yield Problem(LOST, f"run {key} has no result that can be trusted {record.damage}")
            continue
        found = _facts(mlruns / "runs" / key)
        differing = [name for name in wanted._fields if getattr(found, name) != getattr(wanted, name)]
        if differing:
            yield Problem(DIFFERENT, f"run {key} differs in {', '.join(differing)}")


def _names(mlruns: Path) -> set[str]:
    """Return the names of all files and empty folders, with ``ID`` for the sweep's id."""
    ids = "|".join(re.escape(sweep.id) for sweep in read_sweeps(mlruns))
    ends = (path for path in mlruns.rglob("*") if not (path.is_dir() and any(path.iterdir())))
    return {re.sub(f"^sweeps/({ids})/", "sweeps/ID/", path.relative_to(mlruns).as_posix()) for path in ends}


def _check_names(found: set[str], undisturbed: set[str]) -> Iterator[Problem]:
    for name in sorted(found):
        is_known = name in undisturbed or name.startswith(OF_ARTIFACTS) or re.fullmatch(OF_SQLITE, name)
        is_temporary = name.rpartition("/")[2].startswith(".")  # it was never renamed
        if not is_known or is_temporary:
            yield Problem(STRAY, name)
    for name in sorted(undisturbed - found):
        if re.fullmatch(
            r"sweeps/ID/[^/]+", name
        ):  # not in jobs' folders: a run that a killed launch finished needs none
            yield Problem(UNFINISHED, f"the sweep lacks {name}")


def _check_mlflow(
    database: sqlite3.Connection, mlruns: Path, sweep: Sweep, undisturbed: dict[str, RunFacts]
) -> Iterator[Problem]:
    tags: dict[str, dict[str, str]] = {}
    for run, key, value in database.execute("SELECT run_uuid, key, value FROM tags WHERE key LIKE 'convsweep.%'"):
        tags.setdefault(run, {})[key.removeprefix("convsweep.")] = value
    of_sweep = {run: own for run, own in tags.items() if own.get("sweep") == sweep.id}
    roles = Counter(own.get("role") for own in of_sweep.values())
    if roles["sweep"] != 1:
        yield Problem(MLFLOW_RUNS, f"there must be 1 parent (got {roles['sweep']})")
    runs_of = {f"{sweep.id}/{job.number}": job for job in sweep.jobs}
    shown = Counter(own.get("job") for own in of_sweep.values() if own.get("role") == "run")
    if shown != Counter(list(runs_of)):
        yield Problem(MLFLOW_RUNS, f"there must be 1 run for each of {len(runs_of)} jobs (got {dict(shown)})")
    for run, status in database.execute("SELECT run_uuid, status FROM runs WHERE status != 'FINISHED'"):
        yield Problem(RUNNING, f"run {run} must be FINISHED (got {status})")
    twice = "SELECT run_uuid, key, step, count(*) FROM metrics GROUP BY run_uuid, key, step HAVING count(*) > 1"
    for run, key, step, count in database.execute(twice):
        yield Problem(POINTS_TWICE, f"run {run} has {count} points of {key} at step {step}")
    yield from _check_artifact_folders(database, mlruns)
    for run, own in of_sweep.items():
        if own.get("job") in runs_of:
            yield from _check_artifacts(database, mlruns / "runs" / runs_of[own["job"]].run_key, run)
            points = set(database.execute("SELECT key, step, value FROM metrics WHERE run_uuid = ?", (run,)))
            missing = set(_points(undisturbed[runs_of[own["job"]].run_key].events)) - points
            if missing:
                yield Problem(POINTS_WRONG, f"run {run} lacks {len(missing)} points, such as {min(missing)}")


def _check_artifact_folders(database: sqlite3.Connection, mlruns: Path) -> Iterator[Problem]:
    """Check that each folder of artifacts belongs to a run or a model that MLflow knows."""
    known = {run for (run,) in database.execute("SELECT run_uuid FROM runs")}
    known |= {model for (model,) in database.execute("SELECT model_id FROM logged_models")}
    for path in (*mlruns.glob("artifacts/*/*"), *mlruns.glob("artifacts/*/models/*")):
        if path.name not in known and path.name != "models":
            yield Problem(STRAY, path.relative_to(mlruns).as_posix())


def _check_artifacts(database: sqlite3.Connection, record: Path, run: str) -> Iterator[Problem]:
    """Check that MLflow has a run's files, and one model of it."""
    models = [status for (status,) in database.execute(MODELS, (run,))]
    if models != [READY]:
        yield Problem(ARTIFACTS, f"run {run} must have one model, in status {READY} (got {models})")
    ((uri,),) = database.execute("SELECT artifact_uri FROM runs WHERE run_uuid = ?", (run,))
    wanted = {name for name in _file_names(record) if name not in ("events.jsonl", "attempts.jsonl")}
    if lacking := wanted - _file_names(Path(uri.removeprefix("file://"))):
        yield Problem(ARTIFACTS, f"run {run} lacks {len(lacking)} files, such as {min(lacking)}")


def _file_names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def _points(events: list[dict[str, Any]]) -> Iterator[tuple[str, int, float]]:
    """Yield what MLflow must show of a run's events: metric, step (of a test, 0), value."""
    for event in events:
        if event["event"] in ("window", "evaluation"):
            split = event.get("split", "train")
            step = 0 if split == "test" else event["step"]
            yield f"{split}/loss", step, event["loss"]
            yield f"{split}/accuracy", step, event["accuracy"]
