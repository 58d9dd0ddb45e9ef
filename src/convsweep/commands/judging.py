"""What both kinds of ``convsweep reproduce`` do: train with a bar, keep a folder, tell MLflow, check expectations."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, get_args

from rich.progress import track

from convsweep.config import RunConfig
from convsweep.data import Dataset
from convsweep.errors import UserError
from convsweep.records.files import writing
from convsweep.records.identity import code_digest
from convsweep.reproduce.courses import Course
from convsweep.reproduce.replications import Replication
from convsweep.reproduce.statistics import Verdict
from convsweep.reproduce.trainings import Training, train_all
from convsweep.terminal import console

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


class Place(NamedTuple):
    """Where a study is kept."""

    mlruns: Path
    experiment: str  # MLflow's
    study_id: str
    folder: Path  # of tables and pictures


def new_place(mlruns: Path, experiment: str, output: Path | None) -> Place:
    """Make a study's folder: the one asked for, or one of its own.

    Raises:
        UserError: The folder can't be written to.
    """
    study_id = datetime.now().strftime("%Y-%m-%d_%H-%M-%S.%f")  # noqa: DTZ005 - local time, as sweeps' folders have it
    folder = output or mlruns / "studies" / study_id
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return Place(mlruns, experiment, study_id, folder)


def train(stacks: Sequence[Training]) -> dict[RunConfig, Course]:
    """Train everything; with a progress bar if there is a terminal."""
    courses: dict[RunConfig, Course] = {}
    with closing(train_all(stacks)) as outcomes:  # closed early, it ends the processes
        for outcome in track(
            outcomes, "programs", total=len(stacks), console=console, transient=True, disable=not console.is_terminal
        ):
            courses |= outcome
    return courses


class Told(NamedTuple):
    """What MLflow is told of a study."""

    name: str
    params: Mapping[str, str]
    replications: Iterable[Replication]
    note: str  # Markdown
    verdicts: Mapping[str, Verdict]  # by program
    files: Sequence[Path]


def tell_mlflow(place: Place, dataset: Dataset, told: Told) -> None:
    """Show a run a seed and program in MLflow, under a parent that holds the verdicts and files."""
    # takes two seconds to import: not before all is there that MLflow could keep anybody from
    from convsweep.tracking.store import connect
    from convsweep.tracking.study import open_study

    tags = {
        f"convsweep.verdict.{name.replace('=', '_').replace('+', ' ')}": verdict  # MLflow refuses these signs
        for name, verdict in told.verdicts.items()
    }
    identity = {"convsweep.data_digest": dataset.digest, "convsweep.code_digest": code_digest()}
    with open_study(connect(place.mlruns, place.experiment), place.study_id, told.name, told.params) as tracked:
        for replication in told.replications:
            tracked.log_replication(*replication)
        tracked.log_report(told.note, tags | identity, told.files)


def expectations(texts: Sequence[str], programs: Sequence[str]) -> list[tuple[str, Verdict]]:
    """Return the verdicts that ``--expect`` names.

    Raises:
        UserError: One is no ``PROGRAM=VERDICT``.
    """
    found = []
    for text in texts:
        name, _, verdict = text.rpartition("=")
        known = next((known for known in VERDICTS if known == verdict), None)
        if name not in programs or known is None:
            of = f"of {', '.join(programs)} and {', '.join(VERDICTS)}"
            raise UserError(f"'--expect' must be PROGRAM=VERDICT, {of} (got '{text}').")
        found.append((name, known))
    return found


def check(expected: Sequence[tuple[str, Verdict]], found: Mapping[str, Verdict], what: Mapping[str, str]) -> None:
    """End with a line for each verdict that is not the expected one.

    Args:
        expected: Program and verdict each.
        found: Verdicts by program; there is none of a program that the log's numbers can't show.
        what: What each program is judged by, such as ``the log``.

    Raises:
        UserError: One is another.
    """
    failed = [
        f"expected {what[name]} to be {verdict} with {name} (got {found.get(name, 'no verdict')})."
        for name, verdict in expected
        if found.get(name) != verdict
    ]
    if failed:
        if set(found.values()) == {"inconsistent"}:
            failed.insert(0, f"none of these programs: {next(iter(what.values()))} is inconsistent with all of them.")
        raise UserError("\n".join(failed))
