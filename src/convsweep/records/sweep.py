"""The record of one launch: the directory ``mlruns/sweeps/<id>/``.

``sweep.json`` says what is going to run, before any of it does: who launched which jobs. A single run is a sweep of
one job (``multirun`` is false). How far a job has come stands in its run's own record.

================= =============================================================================
sweep.json        command, axes, jobs with number, name and run key; state
environment.json  versions, machine: see ``provenance``; those of a later launch, if they differ, in files beside it
uncommitted.diff  what the code that ran differs in from the recorded commit, if it does; likewise
multirun.yaml     the whole configuration, as Hydra has it
report.html       what came of it, on one page, if MLflow was told; also ``comparison.png`` and ``page-version``
mirrored          empty; there once MLflow has been told everything
mirrored-0        how many runs MLflow has; one file for each mirror, see ``mirrored``
nonce, heartbeat  by which a cluster's workers know the folder, and that the launch lives
slurm/            what Slurm's tasks are to do, and what they said; gone once the sweep is finished
lock              held by the launch as long as it lives
================= =============================================================================
"""

import errno
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

import filelock

from convsweep.config import Artifacts
from convsweep.errors import UserError
from convsweep.records.attempts import Code
from convsweep.records.files import DamagedError, read_sealed, write_sealed, writing
from convsweep.records.locks import is_held
from convsweep.records.provenance import Provenance, write_provenance

State = Literal["running", "finished", "failed", "killed", "detached"]

FILE, LOCK, MIRRORED, SLURM = "sweep.json", "lock", "mirrored", "slurm"


class SweepJob(NamedTuple):
    """A run as a member of a sweep."""

    number: int  # from 0, as in ``hydra.job.num``
    name: str  # short, of what varies
    run_key: str
    steps: int  # training images, over all epochs


class Launched(NamedTuple):
    """One launch of a sweep: who trained on, where and with which code."""

    time: float  # seconds since 1970
    user: str
    host: str
    commit: str | None  # see ``attempts.Code``; likewise the next
    diff: str | None

    @property
    def code(self) -> Code:
        """The code that it ran."""
        return Code(self.commit, self.diff)


class Sweep(NamedTuple):
    """What one launch asked for, and what became of it."""

    id: str
    multirun: bool  # False: a single run
    command: tuple[str, ...]  # the arguments of ``convsweep train``
    axes: tuple[str, ...]  # the configuration keys that vary; those that were given, of a single run
    experiment: str  # the MLflow experiment that it is shown in
    folder: str  # of the jobs' Hydra folders
    rerun: bool  # whether all was to be trained anew
    created: float  # seconds since 1970
    user: str
    host: str
    git_commit: str | None
    state: (
        State  # how its last launch ended; "running" if it lives, or was killed outright; "detached": left to a cluster
    )
    ended: float | None  # seconds since 1970
    jobs: tuple[SweepJob, ...]
    artifacts: Artifacts = "all"  # the runs whose files MLflow holds; older records don't say this, nor what follows
    on_cluster: bool = False  # whether its last launch handed it to a cluster's engine
    launches: tuple[Launched, ...] = ()  # those that had something to train

    @property
    def title(self) -> str:
        """A short name."""
        if not self.multirun:
            return self.jobs[0].name
        return "sweep " + (" x ".join(axis.rpartition(".")[2] for axis in self.axes) or "of one job")

    @property
    def code(self) -> Code:
        """The code of its last launch."""
        return self.launches[-1].code if self.launches else Code(self.git_commit)

    @property
    def trains_anew(self) -> bool:
        """Whether its runs are trained anew, though other sweeps may have finished them."""
        return self.rerun and self.state != "finished"

    @property
    def may_go_on_alone(self) -> bool:
        """Whether a cluster may train it while no launch is at work: one has left it there, or was killed outright."""
        return self.state == "detached" or (self.state == "running" and self.on_cluster)

    def asked_for_as(self, wanted: "Sweep") -> "Sweep":
        """Return this sweep, to be launched as another one with the same jobs was asked for."""
        return self._replace(artifacts=wanted.artifacts, on_cluster=wanted.on_cluster)

    def has_the_jobs_of(self, other: "Sweep") -> bool:
        """Tell whether two sweeps are one: the same runs, shown in the same place."""

        def identity(sweep: Sweep) -> object:
            return sweep.multirun, sweep.experiment, sorted(job.run_key for job in sweep.jobs)

        return identity(self) == identity(other)


def sweeps_folder(mlruns: Path) -> Path:
    """Return the folder of all sweeps' records."""
    return mlruns / "sweeps"


def sweep_directory(mlruns: Path, sweep_id: str) -> Path:
    """Return where a sweep's record is."""
    return sweeps_folder(mlruns) / sweep_id


def new_id() -> str:
    """Return an id that sorts by time: the local time, to the microsecond."""
    return datetime.now().strftime("%Y-%m-%d_%H-%M-%S.%f")  # noqa: DTZ005 - as Hydra names its folders


def make_sweep(mlruns: Path, sweep: Sweep, found: Provenance) -> None:
    """Make the record of a new sweep: under another name, then renamed. Nobody else may make one meanwhile.

    Raises:
        UserError: The disk refuses.
    """
    folder = sweeps_folder(mlruns)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for abandoned in folder.glob(".*.tmp"):  # of a process that was killed while it was here
            shutil.rmtree(abandoned)
        temporary = folder / f".{sweep.id}.tmp"
        temporary.mkdir()
        write_provenance(temporary, found)
        write_sealed(temporary / FILE, sweep._asdict())
        temporary.rename(sweep_directory(mlruns, sweep.id))


def write_sweep(mlruns: Path, sweep: Sweep) -> None:
    """Write a sweep's record anew.

    Raises:
        UserError: The disk refuses.
    """
    directory = sweep_directory(mlruns, sweep.id)
    with writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
        write_sealed(directory / FILE, sweep._asdict())


def read_sweep(mlruns: Path, sweep_id: str) -> Sweep | None:
    """Return a sweep's record, or None if there is none.

    Raises:
        DamagedError: The file isn't what was written.
    """
    path = sweep_directory(mlruns, sweep_id) / FILE
    fields = read_sealed(path)
    try:
        return None if fields is None else _from_json(fields)
    except (KeyError, TypeError) as error:  # another version of this program wrote it
        raise DamagedError(f"'{path}' must be the record of a sweep (its fields are others).") from error


def read_sweeps(mlruns: Path) -> list[Sweep]:
    """Return all sweeps whose record is whole, newest first."""
    sweeps = []
    for path in sweeps_folder(mlruns).glob(f"[!.]*/{FILE}"):
        try:
            sweep = read_sweep(mlruns, path.parent.name)
        except DamagedError:
            continue
        if sweep is not None:
            sweeps.append(sweep)
    return sorted(sweeps, key=lambda sweep: (sweep.created, sweep.id), reverse=True)


def find_sweep(mlruns: Path, sweep_id: str | None = None) -> Sweep:
    """Return a sweep by its id, or the last one.

    Raises:
        UserError: There is none.
    """
    if sweep_id is None:
        of_several = [sweep for sweep in read_sweeps(mlruns) if sweep.multirun]
        if not of_several:
            raise UserError(
                f"There is no sweep in '{mlruns}' yet: `convsweep train -m ...` runs one "
                "(`convsweep compare --all` takes single runs)."
            )
        return of_several[0]
    known = {sweep.id: sweep for sweep in read_sweeps(mlruns)}
    if sweep_id not in known:
        last = f" (the last one is {next(iter(known))})" if known else ""
        raise UserError(f"There is no sweep '{sweep_id}' in '{mlruns}'{last}.")
    return known[sweep_id]


def launch_lock(mlruns: Path, sweep_id: str) -> filelock.BaseFileLock:
    """Return the lock that a launch holds as long as it lives."""
    return filelock.FileLock(sweep_directory(mlruns, sweep_id) / LOCK)


def is_live(mlruns: Path, sweep_id: str) -> bool:
    """Tell whether some launch of the sweep is at work."""
    try:
        return is_held(sweep_directory(mlruns, sweep_id) / LOCK)
    except OSError as error:
        if error.errno in (errno.EROFS, errno.EACCES):  # nobody writes here, or somebody else: it can be read
            return False
        raise


def is_under_way(mlruns: Path, sweep: Sweep) -> bool:
    """Tell whether some launch of the sweep is at work, or a cluster may go on with it without one."""
    return sweep.may_go_on_alone or is_live(mlruns, sweep.id)


def is_mirrored(mlruns: Path, sweep_id: str) -> bool:
    """Tell whether MLflow has been told everything."""
    return (sweep_directory(mlruns, sweep_id) / MIRRORED).exists()


def mark_mirrored(mlruns: Path, sweep_id: str, *, mirrored: bool) -> None:
    """Note that MLflow has been told everything, or not yet."""
    path = sweep_directory(mlruns, sweep_id) / MIRRORED
    with writing(path):
        if mirrored:
            path.touch()
        else:
            path.unlink(missing_ok=True)


def _from_json(fields: dict[str, Any]) -> Sweep:
    fields["jobs"] = tuple(SweepJob(*job) for job in fields["jobs"])
    fields["launches"] = tuple(Launched(*launched) for launched in fields.get("launches", ()))
    return Sweep(**fields | {"command": tuple(fields["command"]), "axes": tuple(fields["axes"])})
