"""The jobs of a launcher's batch, trained side by side: the work of ``hydra/launcher=stacked``.

This process talks to Hydra; the workers train and write the records. What comes of a job is read from there.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hydra.core.utils import JobReturn, JobStatus
from hydra.types import HydraContext
from omegaconf import DictConfig, open_dict

from convsweep.compare.sweep_files import get_ready
from convsweep.errors import UserError
from convsweep.hydra_app.job import HydraJob
from convsweep.hydra_app.launching import Active, DetachedError
from convsweep.hydra_app.on_cluster import Training, trained_on_cluster
from convsweep.hydra_app.placement import Placement
from convsweep.hydra_app.task import TrainingTask, error_of
from convsweep.records.files import DamagedError
from convsweep.records.journal import Failure, read_record, read_result
from convsweep.records.sweep import Sweep
from convsweep.runs.executors import Done, Processes, num_cores
from convsweep.runs.executors.worker import Stack
from convsweep.runs.memory import fit_at_once
from convsweep.runs.partition import divide_into_stacks
from convsweep.runs.plan import JobPlan
from convsweep.runs.stack import Job, record_failure, run_stack
from convsweep.runs.watch import JobEnd, summary
from convsweep.terminal import counted, say

# jobs on a cluster that Hydra hears of before they are over: composing them takes a while, when this process has
# nothing else to do. Ten thousand that wait in a queue should not lie in its memory
BEGUN_AHEAD = 64


def launch(
    planned: Sequence[JobPlan],
    overrides: Sequence[Sequence[str]],
    *,
    active: Active,
    where: Placement,
    context: HydraContext,
    config: DictConfig,
    task: TrainingTask,
) -> list[JobReturn]:
    """Run jobs in stacks.

    Args:
        planned: What is to be done about each job. Those that are finished are left alone.
        overrides: Each job's.
        active: The launch whose jobs they are.
        where: Where stacks are trained.
        context: Hydra's context.
        config: The sweep's own configuration.
        task: What the callbacks are told that runs.

    Returns:
        How each job ended, in their order.
    """
    batch = _Batch(planned=planned, overrides=overrides, sweep=active.sweep, context=context, config=config, task=task)
    todo = [plan.job for plan in planned if plan.action != "finished"]
    if not todo:
        return batch.returns()
    if where.executor == "local":
        _train_here(batch, todo, where)
    else:
        with trained_on_cluster(todo, active, where) as training:
            if task.detach:
                raise DetachedError
            _follow(batch, training)
    return batch.returns()


def _train_here(batch: "_Batch", todo: Sequence[Job], where: Placement) -> None:
    """Train jobs in processes of this machine."""
    processes = where.n_jobs or num_cores()
    stacks = deque(
        tuple(todo[place] for place in stack) for stack in divide_into_stacks([job.config for job in todo], processes)
    )
    processes = fit_at_once([[job.config for job in stack] for stack in stacks], processes)
    what = "Completing" if all(plan.action in ("complete", "finished") for plan in batch.planned) else "Training"
    say(f"{what} {counted(len(todo), 'job')} in {counted(len(stacks), 'stack')}, {processes} at a time")
    with Processes[Stack](run_stack, processes, where.blas_kernel) as workers:
        while stacks or workers.busy:
            while stacks and workers.idle:
                stack = stacks.popleft()
                batch.begin(stack)
                workers.submit(stack)
            if batch.tracked:
                get_ready()  # nothing else to do while they train
            for done in workers.wait():
                batch.end(done)


def _follow(batch: "_Batch", training: Training) -> None:
    """Follow jobs that a cluster trains: its queue, unlike the local processes, has all of them from the start."""
    ahead = deque(training.stacks)

    def begin_some() -> None:
        while ahead and len(batch.open_jobs) < BEGUN_AHEAD:
            batch.begin(ahead.popleft())

    begin_some()
    if batch.tracked:
        get_ready()  # nothing else to do while they train
    for done in training.ends:
        batch.begin(done.task)
        batch.end(done)
        begin_some()


@dataclass(kw_only=True)
class _Batch:
    """The jobs of one batch, as Hydra is told of them."""

    planned: Sequence[JobPlan]
    overrides: Sequence[Sequence[str]]
    sweep: Sweep
    context: HydraContext
    config: DictConfig
    task: TrainingTask
    open_jobs: dict[int, HydraJob] = field(default_factory=dict)
    ended: dict[int, JobReturn] = field(default_factory=dict)

    @property
    def tracked(self) -> bool:
        """Whether MLflow is told."""
        return self.planned[0].job.config.tracking.enabled

    def begin(self, stack: Stack) -> None:
        """Compose the jobs' configurations and tell Hydra that they begin; of a stack, only the first time."""
        first = self.planned[0].job.number
        for job in stack:
            if job.number in self.open_jobs or job.number in self.ended:
                continue
            loader = self.context.config_loader
            composed = loader.load_sweep_config(self.config, list(self.overrides[job.number - first]))
            with open_dict(composed):
                composed.hydra.job.id = composed.hydra.job.num = job.number
            self.open_jobs[job.number] = HydraJob(composed, self.context, self.task)

    def end(self, done: Done[Stack]) -> None:
        """Tell Hydra how the jobs of a stack ended."""
        failures: Mapping[int, Failure] = done.result or {}
        if done.error is not None:
            assert isinstance(done.error, Exception)
            unfinished = [job for job in done.task if read_record(job.directory).result is None]
            failures = {job.number: record_failure(job, done.error) for job in unfinished}
        for job in done.task:
            self._end_job(job, failures.get(job.number))

    def returns(self) -> list[JobReturn]:
        """Return how each job ended, in their order; of those that were finished before, what they came to."""
        for plan, overrides in zip(self.planned, self.overrides, strict=True):
            if plan.job.number not in self.ended:
                assert plan.result is not None
                finished = JobReturn(overrides=list(overrides), status=JobStatus.COMPLETED)
                finished.return_value = plan.result.valid_accuracy
                self.ended[plan.job.number] = finished
        return [self.ended[plan.job.number] for plan in self.planned]

    def _end_job(self, job: Job, failure: Failure | None) -> None:
        hydra_job = self.open_jobs.pop(job.number)
        if failure is not None:
            message = f"failed: {failure.text}\n{failure.traceback}".rstrip()
            self.ended[job.number] = hydra_job.end(message, error_of(failure), failed=True)
            return
        try:
            result = read_result(job.directory)
            if result is None:
                raise UserError(f"'{job.directory}' lost its result while the sweep ran.")  # noqa: TRY301 - as below
        except (DamagedError, UserError) as error:  # of this job: the others go on
            self.ended[job.number] = hydra_job.end(f"failed: {error}", UserError(str(error)), failed=True)
            return
        message = summary(JobEnd(self.sweep.jobs[job.number], result, None), self.sweep)
        self.ended[job.number] = hydra_job.end(message, result.valid_accuracy, failed=False)
