"""One trial: a sweep some of whose processes are killed, repeated until it ends with status 0, then checked."""

import random
import shutil
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.trials.checks import NO_END, ORPHANS, Problem, SweepFacts, check, sweep_facts
from benchmarks.trials.launches import Launch, Strike, Victim

SWEEP = (
    "train",
    "-m",
    "data.num_train=150",
    "data.num_valid=20",
    "data.num_test=20",
    "train.window=50",
    "train.epochs=3",
    "train.seed=0,1,2,3,4,5",
    "hydra.launcher.n_jobs=2",  # two stacks of three
)
MORE_LAUNCHES = 4  # after the last kill; the first should do
PROCESSES: dict[Victim, int] = {"main": 1, "worker": 2, "mirror": 1, "everything": 1}
BETWEEN_FILES = 0.5  # share of kills that come before a file operation
FRESH = 0.3  # share of trials that make MLflow's database themselves
STORE = ("mlflow.db", "mlflow.db-wal", "mlflow.db-shm", "artifacts")


class Undisturbed(NamedTuple):
    """A sweep that nobody disturbs: what the others are compared with."""

    folder: Path
    facts: SweepFacts
    seconds: float  # from start to end
    seen: dict[Victim, float]  # seconds until there was a process of this kind
    operations: dict[Victim, int]  # file operations of all processes of this kind


class Kill(NamedTuple):
    """Who is to be killed, and when: after some time, or before one of its file operations."""

    victim: Victim
    seconds: float  # from the start of the launch, or of the victim if it isn't the first process
    operation: int | None  # in place of the seconds

    def __str__(self) -> str:
        """Say who and when."""
        when = f"at {self.seconds:.3f} s" if self.operation is None else f"at file operation {self.operation}"
        return f"{self.victim} {when}"


class Outcome(NamedTuple):
    """What came of a trial."""

    seed: int
    fresh: bool  # whether it had to make MLflow's database
    kills: list[Kill]  # those that hit somebody
    missed: list[Kill]  # those whose victim was gone, or never there
    launches: int
    seconds: float
    problems: list[Problem]
    folder: Path


def run_undisturbed(folder: Path, *, with_mlflow: bool) -> Undisturbed:
    """Run the sweep once in a new folder.

    Raises:
        AssertionError: It doesn't end with status 0.
    """
    folder.mkdir()
    launch, seen = Launch(folder, _command(with_mlflow=with_mlflow), 0), dict[Victim, float]()
    victims: tuple[Victim, ...] = ("main", "worker", "mirror", "everything")
    while not launch.is_over:
        for victim in victims[1:3]:
            if victim not in seen and launch.processes(victim):
                seen[victim] = time.monotonic() - launch.begun
        time.sleep(0.02)
    seconds = time.monotonic() - launch.begun
    assert launch.wait() == 0, (folder / "launch_0.log").read_text()
    operations = {victim: launch.operations(victim) for victim in victims}
    return Undisturbed(folder, sweep_facts(folder / "mlruns"), seconds, seen, operations)


def run_trial(seed: int, folder: Path, undisturbed: Undisturbed, template: Path | None) -> Outcome:
    """Run one trial.

    Args:
        seed: Decides who is killed and when.
        folder: A folder to make and to run in.
        undisturbed: The same sweep, undisturbed.
        template: The folder of an MLflow store for most trials to begin with; None if MLflow is told nothing.
    """
    rng, begun = random.Random(seed), time.monotonic()
    with_mlflow = template is not None
    mlruns = folder / "mlruns"
    folder.mkdir()
    fresh = rng.random() < FRESH or template is None
    if template is not None and not fresh:
        _copy_store(template, mlruns)
    plan = _plan_kills(rng, undisturbed, with_mlflow=with_mlflow)
    repeats = _Repeats(folder, with_mlflow=with_mlflow)
    hit: list[Kill] = []
    missed: list[Kill] = []
    for kill in plan:
        launch = repeats.start(None if kill.operation is None else Strike(kill.victim, kill.operation))
        (hit if _strike(launch, kill) else missed).append(kill)
        if repeats.end() == 0:
            break
        time.sleep(rng.choice((0, rng.random())))  # whoever repeats at once finds orphans that are about to end
    while repeats.status != 0 and len(repeats.launches) < len(plan) + MORE_LAUNCHES:
        repeats.start()
        repeats.end()
    problems = repeats.problems()
    problems += check(mlruns, undisturbed.facts, with_mlflow=with_mlflow)
    seconds = time.monotonic() - begun
    return Outcome(seed, fresh, hit, missed, len(repeats.launches), seconds, problems, folder)


class _Repeats:
    """The same command in the same folder, again and again.

    Attributes:
        launches: All of its starts.
        status: How the last one ended; None: it hung, or hasn't ended yet.
    """

    def __init__(self, folder: Path, *, with_mlflow: bool) -> None:
        self.launches: list[Launch] = []
        self.status: int | None = None
        self._folder, self._command = folder, _command(with_mlflow=with_mlflow)
        self._hung: list[Problem] = []

    def start(self, strike: Strike | None = None) -> Launch:
        """Start the command once more."""
        launch = Launch(self._folder, self._command, len(self.launches), strike)
        self.launches.append(launch)
        return launch

    def end(self) -> int | None:
        """Wait for the end of the last start; return its status."""
        self.status = self.launches[-1].wait()
        self.launches[-1].watch_for_orphans()
        if self.status is None:
            self._hung.append(Problem(NO_END, f"launch {len(self.launches) - 1} hung"))
        return self.status

    def problems(self) -> list[Problem]:
        """Wait until orphans would be seen; return what went wrong."""
        orphans = [Problem(ORPHANS, line) for launch in self.launches for line in launch.orphans()]
        if self.status != 0:
            self._hung.append(Problem(NO_END, f"launch {len(self.launches) - 1} ended with {self.status}"))
        return self._hung + orphans


def make_template(folder: Path) -> None:
    """Make an MLflow store that holds one tiny run of another experiment.

    Raises:
        AssertionError: The command doesn't end with status 0.
    """
    folder.mkdir()
    tiny = ("train", "data.num_train=10", "data.num_valid=10", "data.num_test=10", "train.epochs=1")
    launch = Launch(folder, (*tiny, "tracking.experiment=template"), 0)
    assert launch.wait() == 0, (folder / "launch_0.log").read_text()


def _command(*, with_mlflow: bool) -> tuple[str, ...]:
    return SWEEP if with_mlflow else (*SWEEP, "tracking.enabled=false")


def _copy_store(template: Path, mlruns: Path) -> None:
    mlruns.mkdir()
    for name in STORE:
        source = template / "mlruns" / name
        if source.is_dir():
            shutil.copytree(source, mlruns / name)
        elif source.exists():
            shutil.copy2(source, mlruns / name)


def _plan_kills(rng: random.Random, undisturbed: Undisturbed, *, with_mlflow: bool) -> list[Kill]:
    victims: tuple[Victim, ...] = ("main", "main", "everything", "everything", "worker", "worker")
    if with_mlflow:
        victims = (*victims, "mirror", "mirror")
    plan = []
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3))):
        victim = rng.choice(victims)
        seconds = rng.random() * (undisturbed.seconds - undisturbed.seen.get(victim, 0))
        operation = rng.randrange(max(undisturbed.operations[victim] // PROCESSES[victim], 1))
        plan.append(Kill(victim, seconds, operation if rng.random() < BETWEEN_FILES else None))
    return plan


def _strike(launch: Launch, kill: Kill) -> bool:
    """Wait for the moment and kill; return whether anybody was hit."""
    if kill.operation is not None:
        while launch.struck_before is None and not launch.is_over:
            time.sleep(0.002)
        if kill.victim == "everything":
            launch.kill("everything")
        return launch.struck_before is not None
    since = launch.begun
    while kill.victim in ("worker", "mirror") and not launch.is_over:
        if launch.processes(kill.victim):
            since = time.monotonic()
            break
        time.sleep(0.01)
    while time.monotonic() < since + kill.seconds and not launch.is_over:
        time.sleep(0.001)
    return launch.kill(kill.victim)
