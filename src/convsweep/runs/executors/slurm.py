"""Slurm: stacks are the tasks of array jobs, through submitit.

submitit writes the job's script, what each task is to do and what came of it into the sweep's folder, and has a task
that runs out of time, or is preempted, queued again. Whether a task still exists is asked of ``squeue``: submitit asks
``sacct``, which only clusters with accounting have.
"""

import io
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Future
from contextlib import redirect_stderr, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from convsweep.config import Data
from convsweep.errors import FaultError, UserError
from convsweep.records.files import writing
from convsweep.records.sweep import SLURM, sweep_directory
from convsweep.runs.executors.checks import Demands, Worker
from convsweep.runs.executors.environment import environment
from convsweep.runs.executors.slurm_task import Task
from convsweep.runs.executors.worker import Stack, Trained

if TYPE_CHECKING:
    import submitit

LARGEST_ARRAY = 1000  # Slurm's own limit, unless MaxArraySize says otherwise, is 1001
MOST_TIMEOUTS = 50  # how often a task that runs out of time is queued again
WARNING = 60  # seconds before its time is over that a task is told so
INTERVAL = 1.0  # seconds between two looks at what tasks have written
QUEUE_INTERVAL = 5.0  # seconds between two looks at the queue: all users share its controller
LOOKS = 2  # how often a task without a result must be missing from the queue before it is taken for dead
CANCELLING = 60.0  # seconds that the queue has to drop cancelled tasks
# why a task waits that will never start as it is; so do all reasons that name a limit of a single job
NEVER = {
    *("PartitionTimeLimit", "PartitionNodeLimit", "BadConstraints", "MaxMemPerLimit"),
    *("AccountNotAllowed", "InvalidAccount", "QOSNotAllowed", "InvalidQOS"),
}
UNDECIDED, DECIDING = "PartitionConfig", 10.0  # what Slurm says of such a task at first, and for how many seconds


class Settings(NamedTuple):
    """What Slurm is asked for; what is None is left to the cluster's defaults."""

    partition: str | None
    account: str | None
    time: int  # minutes a task; one that needs more is queued again
    cpus: int  # a task
    memory: float | None  # GB a task
    options: Mapping[str, Any]  # any others of sbatch's: {"qos": "low", "exclusive": True}
    at_once: int | None  # how many tasks may run at a time


class Slurm:
    """Slurm's queue.

    Args:
        settings: What is asked for.
        demands: What nodes must be like.

    Raises:
        UserError: submitit or Slurm's commands are not installed, or a setting has a wrong value.
    """

    def __init__(self, settings: Settings, demands: Demands) -> None:
        self._settings = settings
        self._demands = demands
        self._folder = sweep_directory(demands.mlruns, demands.sweep) / SLURM
        self._executor = self._make_executor()
        self._pending: dict[str, _Pending] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    @property
    def shares(self) -> int:
        """How many tasks may run at a time; if as many as there is room for, which nobody knows, stacks are large."""
        return self._settings.at_once or 1

    def examine(self, data: Sequence[Data]) -> list[Worker]:  # noqa: ARG002 - the interface's
        """Return nothing: a node is known once a task has waited for it, and each task examines its own first."""
        return []

    def unfinished(self) -> list[tuple[Stack, Future[Trained]]]:
        """Return what an earlier launch left in the queue; a task whose description is missing is cancelled."""
        from submitit import SlurmJob

        found = []
        for task in self._queue():
            job: SlurmJob[Trained] = SlurmJob(folder=self._folder, job_id=task)
            if not job.paths.submitted_pickle.exists():  # the launch was killed while it submitted
                _run("scancel", task)
                continue
            (stack, _) = job.submission().args
            found.append((stack, self._follow(job)))
        return found

    def submit(self, stacks: Sequence[Stack]) -> list[Future[Trained]]:
        """Submit stacks as tasks of array jobs."""
        import submitit

        followed = []
        task = Task()
        for first in range(0, len(stacks), LARGEST_ARRAY):
            part = stacks[first : first + LARGEST_ARRAY]
            try:
                with writing(self._folder), redirect_stderr(io.StringIO()):  # submitit repeats there what sbatch says
                    jobs = self._executor.map_array(task, part, [self._demands] * len(part))
            except submitit.core.utils.FailedJobError as error:
                raise UserError(f"Slurm refuses 'hydra.launcher.slurm': {_reason(str(error))}") from error
            followed += [self._follow(job) for job in jobs]
        self._refuse_what_never_starts()
        return followed

    def cancel(self) -> None:
        """Cancel all tasks, and wait until none is left."""
        if not self._folder.exists():  # nothing was ever submitted
            return
        _run("scancel", *self._of_sweep)
        deadline = time.monotonic() + CANCELLING
        while self._queue() and time.monotonic() < deadline:
            time.sleep(INTERVAL)

    def close(self) -> None:
        """Stop watching the queue. What submitit wrote goes once the sweep is finished, see ``runs.launch``."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _make_executor(self) -> "submitit.SlurmExecutor":
        try:
            from submitit import SlurmExecutor
        except ImportError as error:
            needed = "'hydra.launcher.executor=slurm' needs more packages"
            raise UserError(f"{needed}: `pip install 'convsweep[slurm]'` (got: {error}).") from error
        missing = [command for command in ("sbatch", "squeue", "scancel", "srun") if shutil.which(command) is None]
        if missing:
            needed = "'hydra.launcher.executor=slurm' needs a machine with Slurm's commands"
            raise UserError(f"{needed} (there is no {missing[0]}).")
        settings = self._settings
        executor = SlurmExecutor(self._folder, max_num_timeout=MOST_TIMEOUTS)
        executor.update_parameters(
            job_name=self._name,
            partition=settings.partition,
            account=settings.account,
            time=settings.time,
            cpus_per_task=settings.cpus,
            mem=None if settings.memory is None else f"{settings.memory * 1024:.0f}M",
            signal_delay_s=min(WARNING, settings.time * 30),
            array_parallelism=settings.at_once or LARGEST_ARRAY,
            setup=[f"export {name}={value}" for name, value in environment(self._demands.kernel).items()],
            additional_parameters={"requeue": True, "wckey": ""} | dict(settings.options),
        )
        return executor

    @property
    def _name(self) -> str:
        """The name of this sweep's jobs."""
        return f"convsweep-{self._demands.sweep}"

    @property
    def _of_sweep(self) -> tuple[str, str]:
        """Options by which Slurm's commands choose this sweep's tasks."""
        return f"--user={os.getuid()}", f"--name={self._name}"

    def _queue(self, *states: str) -> list[str]:
        """Return the tasks of this sweep that wait or run, or are in states given as an option of ``squeue``.

        Raises:
            UserError: Slurm doesn't answer.
        """
        return _run("squeue", "--noheader", "--array", "--format=%i", *self._of_sweep, *states).split()

    def _refuse_what_never_starts(self) -> None:
        """Refuse what most clusters queue although a limit of theirs forbids it.

        Raises:
            UserError: Tasks wait for such a reason.
        """
        deadline = time.monotonic() + DECIDING
        while UNDECIDED in (reasons := self._reasons()) and time.monotonic() < deadline:
            time.sleep(INTERVAL)
        never = sorted(reason for reason in reasons if reason in NEVER or "PerJob" in reason)
        if never:
            raise UserError(f"Slurm would never start tasks with this 'hydra.launcher.slurm': {', '.join(never)}.")

    def _reasons(self) -> set[str]:
        """Return why tasks of this sweep wait, in Slurm's words; nothing if it doesn't answer, for it is often busy."""
        try:
            return set(_run("squeue", "--noheader", "--states=PENDING", "--format=%r", *self._of_sweep).splitlines())
        except UserError:
            return set()  # what was submitted stays in the queue

    def _follow(self, job: "submitit.SlurmJob[Trained]") -> Future[Trained]:
        followed: Future[Trained] = Future()
        self._pending[job.job_id] = _Pending(job, followed)
        if not self._thread.is_alive():
            self._thread.start()
        return followed

    def _watch(self) -> None:
        """Watch the tasks; if that fails, all that wait for one hear of it: nobody would end their futures."""
        try:
            self._end_futures()
        except Exception as error:  # noqa: BLE001 - whatever it is
            for name, pending in list(self._pending.items()):
                del self._pending[name]
                pending.future.set_exception(error)

    def _end_futures(self) -> None:
        """End the futures of tasks that have a result, or are no longer in the queue."""
        missing: dict[str, int] = {}
        looked = time.monotonic()
        while not self._over.wait(INTERVAL):
            with suppress(OSError):  # of a disk that is away for a moment
                for name, pending in list(self._with_result()):
                    del self._pending[name]
                    pending.end()
            if time.monotonic() < looked + QUEUE_INTERVAL:
                continue
            try:
                queue, looked = set(self._queue()), time.monotonic()
                if self._pending.keys() - queue:
                    queue |= set(self._queue("--states=COMPLETED"))  # a shared disk may show their results late
            except UserError:
                continue  # the controller is being restarted: the queue is kept
            for name, pending in list(self._pending.items()):
                missing[name] = 0 if name in queue else missing.get(name, 0) + 1
                if missing[name] == LOOKS:
                    del self._pending[name]
                    pending.future.set_exception(BrokenExecutor(f"task {name} ended without a result ({pending.log})"))

    def _with_result(self) -> Iterator[tuple[str, "_Pending"]]:
        there = {path.name for path in self._folder.iterdir()} if self._pending else set()
        for name, pending in list(self._pending.items()):
            if pending.job.paths.result_pickle.name in there:
                yield name, pending


class _Pending(NamedTuple):
    """A task that is in Slurm's hands."""

    job: "submitit.SlurmJob[Trained]"
    future: Future[Trained]

    @property
    def log(self) -> Path:
        """What it wrote to standard error."""
        return Path(self.job.paths.stderr)

    def end(self) -> None:
        """Hand on what the task wrote down."""
        try:
            error = self.job.exception()
            result = self.job.result() if error is None else None
        except Exception as unreadable:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
            error = unreadable
        if error is None:
            assert result is not None
            self.future.set_result(result)
        else:
            self.future.set_exception(FaultError(str(error)))


def _run(*command: str) -> str:
    """Run one of Slurm's commands; return what it prints.

    Raises:
        UserError: It fails.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:  # out of memory or processes, or the disk that has the command is away for a moment
        raise UserError(f"Slurm doesn't answer: {command[0]} cannot be run: {error.strerror}.") from error
    if done.returncode != 0:
        raise UserError(f"Slurm doesn't answer: {_reason(done.stderr)}")
    return done.stdout


def _reason(text: str) -> str:
    r"""Return the line of a command's complaint that says most.

    >>> _reason("sbatch: error: invalid partition specified: x\nsbatch: error: Batch job submission failed: No.")
    'invalid partition specified: x'
    """
    complaints = [line.partition("error: ")[2] for line in text.splitlines() if "error: " in line]
    return complaints[0] if complaints else (text.strip().splitlines() or ["no reason given"])[-1]
