"""What surrounds the jobs of a launch: its record, its mirror in MLflow, and what the terminal shows."""

import getpass
import re
import socket
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from convsweep.config import RunConfig
from convsweep.errors import UserError
from convsweep.naming import run_name
from convsweep.records.identity import run_key
from convsweep.records.provenance import provenance
from convsweep.records.sweep import State, Sweep, SweepJob, is_mirrored, mark_mirrored, new_id, sweeps_folder
from convsweep.runs.launch import Launch, open_launch
from convsweep.runs.plan import JobPlan, Plan, Room, estimate, make_plan
from convsweep.runs.stack import Job
from convsweep.runs.watch import JobEnd, summary
from convsweep.terminal import Display, counted, say
from convsweep.tracking.process import MirrorProcess

PATIENCE = 60.0  # seconds that the mirror has to send what is left, once all jobs are over
PATIENCE_PER_JOB = 0.05  # more: each of its runs is described then
PATIENCE_WHEN_STOPPED = 10.0  # the same after Ctrl-C or SIGTERM


class Active(NamedTuple):
    """A launch under way."""

    sweep: Sweep
    plan: Plan  # jobs in the order of their numbers
    display: Display | None = None  # what the terminal shows; None: nothing is run

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to do."""
        return not self.plan.unfinished

    def ask(self, question: str) -> bool:
        """Ask whoever sits at the terminal; False if nobody does."""
        return self.display is not None and self.display.ask(question)


class DetachedError(BaseException):
    """A cluster goes on with the sweep, and this command leaves it there; past Hydra, which shows an Exception."""


def wanted_sweep(
    configs: Sequence[RunConfig],
    axes: Sequence[str],
    folder: Path,
    *,
    multirun: bool,
    command: Sequence[str],
    on_cluster: bool = False,
) -> Sweep:
    """Return the record of what is asked for.

    Args:
        configs: One a job.
        axes: The configuration keys that name the jobs.
        folder: Of the jobs' Hydra folders.
        multirun: False for a single run.
        command: The arguments of ``convsweep train``.
        on_cluster: Whether it is to be handed to a cluster's engine.
    """
    shared, now = configs[0], time.time()
    commit = provenance().git_commit
    return Sweep(
        id=_id_for(folder, shared.mlruns),
        multirun=multirun,
        command=tuple(command),
        axes=tuple(axes),
        experiment=shared.tracking.experiment,
        folder=str(folder),
        rerun=shared.rerun,
        created=round(now, 3),
        user=getpass.getuser(),
        host=socket.gethostname(),
        git_commit=commit,
        state="running",
        ended=None,
        jobs=tuple(
            SweepJob(number, run_name(config, axes), run_key(config), config.train.epochs * config.data.num_train)
            for number, config in enumerate(configs)
        ),
        artifacts=shared.tracking.artifacts,
        on_cluster=on_cluster,
    )


def _id_for(folder: Path, mlruns: Path) -> str:
    """Return the name of the sweep's folder, so that its files lie together, if it is one that any query can hold."""
    named_by_folder = folder.parent == sweeps_folder(mlruns) and re.fullmatch(r"[A-Za-z0-9_.-]+", folder.name)
    return folder.name if named_by_folder else new_id()


def numbered(sweep: Sweep, configs: Sequence[RunConfig]) -> list[Job]:
    """Return the jobs of a sweep in the order of their numbers, given their configurations in any order."""
    by_key: dict[str, list[RunConfig]] = {}
    for config in configs:
        by_key.setdefault(run_key(config), []).append(config)
    anew, code = sweep.trains_anew, provenance().code
    return [Job(job.number, by_key[job.run_key].pop(), job.run_key, sweep.id, anew, code) for job in sweep.jobs]


@contextmanager
def launched(
    wanted: Sweep, configs: Sequence[RunConfig], room: Room, mirror: MirrorProcess | None = None
) -> Iterator[Active]:
    """Keep a launch's record while its jobs run, show how far they are, and have MLflow told.

    Args:
        wanted: What is asked for.
        configs: One a job.
        room: Where they are going to train.
        mirror: A process started ahead; if left out, one is started when it is needed.

    Yields:
        What there is to do. If that is nothing, nothing may be run.

    Raises:
        UserError: The record can't be written, or MLflow could not be told everything.
    """
    mlruns, tracking = configs[0].mlruns, configs[0].tracking
    launch = open_launch(mlruns, wanted, provenance)
    _wait_for(launch, mlruns)
    plan = make_plan(numbered(launch.sweep, configs), room)
    _tell(launch, plan, mlruns)
    active = Active(launch.sweep, plan)
    told = is_mirrored(mlruns, launch.sweep.id) or not tracking.enabled
    if active.is_over and launch.sweep.state == "finished" and told:
        launch.release()
        yield active
        return
    launch.begin(plan.unfinished, provenance())
    if tracking.enabled:
        mirror = mirror or MirrorProcess()
        mirror.follow(mlruns, launch.sweep.id, say, mirrors=tracking.mirrors)
    state: State
    patience, mirrored = PATIENCE + PATIENCE_PER_JOB * len(launch.sweep.jobs), True
    try:
        unfinished = [launch.sweep.jobs[planned.job.number] for planned in plan.unfinished]
        display = Display(mlruns, launch.sweep, unfinished)
        with display.shown():
            yield active._replace(display=display)
        state = "finished"
    except Exception:
        state = "failed"
        raise
    except DetachedError:
        state, patience = "detached", PATIENCE_WHEN_STOPPED
        raise
    except BaseException:  # Ctrl-C or SIGTERM
        state, patience = "killed", PATIENCE_WHEN_STOPPED
        raise
    finally:
        launch.end(state)
        if tracking.enabled and mirror is not None:
            ended = launch.sweep.state in ("finished", "failed")
            page = launch.sweep if launch.sweep.multirun and ended else None
            mirrored = _finish(mirror, patience, mlruns, page)
            if mirrored and launch.sweep.state != "detached":
                mark_mirrored(mlruns, launch.sweep.id, mirrored=True)
    if not mirrored:
        raise NotMirroredError
    if wanted.multirun:
        pages = "; `convsweep ui` shows all of it" if tracking.enabled else ""
        say(f"`convsweep compare` tells which is best, and how sure that is{pages}.")


def _finish(mirror: MirrorProcess, patience: float, mlruns: Path, page: Sweep | None) -> bool:
    """Have the mirror send what is left; once more, and shorter, if that is interrupted.

    Args:
        mirror: The mirror.
        patience: Seconds that it has.
        mlruns: Where the records are.
        page: The sweep whose page's files are made while the mirror sends runs; None: the mirror makes what is needed.
    """
    try:
        if page is not None:
            _write_page_files(mlruns, page)
        return mirror.finish(patience)
    except BaseException:  # Ctrl-C or SIGTERM, which the mirror doesn't hear
        mirror.finish(PATIENCE_WHEN_STOPPED)
        raise


def _write_page_files(mlruns: Path, sweep: Sweep) -> None:
    """Make the files on the sweep's page; what goes wrong here goes wrong again in the mirror, which tells it."""
    from convsweep.compare.sweep_files import write_files  # heavy: not before training is over

    with suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what matplotlib thinks of a layout is not for the person at the keyboard
        write_files(mlruns, sweep)


class NotMirroredError(UserError):
    """All that was asked for was trained, but MLflow doesn't know all of it; the mirror has said why."""

    def __init__(self) -> None:
        super().__init__("MLflow was not told everything; `convsweep sync` sends the rest.")


def _wait_for(launch: Launch, mlruns: Path) -> None:
    """Wait until no other command is at this sweep, and show how far that one is."""
    if launch.try_lock():
        return
    say(f"Another command runs sweep {launch.sweep.id}: waiting for it ...")
    with Display(mlruns, launch.sweep, launch.sweep.jobs).shown():
        while not launch.try_lock():
            time.sleep(0.2)


def _tell(launch: Launch, plan: Plan, mlruns: Path) -> None:
    """Say in one line what is going to be done, and what records were damaged."""
    for planned in {planned.job.run_key: planned for planned in plan.jobs}.values():
        for sentence in planned.damage:
            say(f"{sentence} {_what_follows(planned)}")
    say(f"{'sweep' if launch.sweep.multirun else 'run'} {launch.sweep.id}: {_what_is_done(launch.sweep, plan, mlruns)}")
    if plan.mixture:
        say(plan.mixture)


def _what_is_done(sweep: Sweep, plan: Plan, mlruns: Path) -> str:
    number = len(plan.jobs)
    if not plan.unfinished and sweep.multirun:
        return "the job is finished" if number == 1 else f"all {number} jobs are finished"
    if not plan.unfinished:
        return "finished before; " + summary(JobEnd(sweep.jobs[0], plan.jobs[0].result, None), sweep)
    if sweep.multirun:
        what = [f"{counted(number, 'job')}: {plan.counts}"]
    else:
        what = [f"{sweep.title}, {_action(plan.jobs[0])}"]
    costs = estimate(plan, mlruns)
    if costs is not None:
        # a cluster has a queue, and may have workers of any speed: `convsweep plan` has room to say so
        time_needed = f"{costs.seconds:,.0f} s and " if plan.room.here else ""
        what.append(f"about {time_needed}{costs.bytes / 1e6:,.1f} MB")
    return "; ".join(what)


def _action(planned: JobPlan) -> str:
    epochs = planned.job.config.train.epochs
    match planned.action:
        case "go on":
            return f"goes on after epoch {planned.epoch} of {epochs}"
        case "complete":
            return "only files to make again"
        case _:
            return counted(epochs, "epoch")


def _what_follows(planned: JobPlan) -> str:
    match planned.action:
        case "go on":
            return f"The run goes on after epoch {planned.epoch}."
        case "complete":
            return "Nothing is trained for it."
        case _:
            return "The run is trained from the start."
