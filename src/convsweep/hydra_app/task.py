"""The task function of ``convsweep train``: what Hydra calls once a run, and what sweeper and launcher share."""

import logging
from collections.abc import Sequence
from pathlib import Path

from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from convsweep.config import ConfigError, RunConfig
from convsweep.errors import FaultError, UserError
from convsweep.hydra_app.axes import overrides_of_hydra
from convsweep.hydra_app.compose import parse
from convsweep.hydra_app.launching import Active, launched, wanted_sweep
from convsweep.records.identity import run_key
from convsweep.records.journal import Failure, Result, read_result
from convsweep.records.sweep import read_sweeps
from convsweep.runs.memory import check_memory_here
from convsweep.runs.plan import room_here
from convsweep.runs.stack import Job, run_stack
from convsweep.tracking.process import MirrorProcess

log = logging.getLogger(__name__)

DETACH = "--detach"  # the one flag of ours, not Hydra's
NO_SWEEP_IN_A_JOB = (
    "A job of a sweep cannot choose a file that is a sweep itself, or brings a launcher: run one after the other, "
    "`convsweep train experiment=NAME`"
)


class SingleRunError(BaseException):
    """Carries a single run's error past Hydra, which would print a line of its own about an Exception."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        super().__init__(str(error))


class TrainingTask:
    """Trains one run a call.

    Args:
        command: The arguments of ``convsweep train``.
        mirror: A process that will tell MLflow, started ahead.
        detach: Leave a sweep to the cluster once it is submitted.

    Attributes:
        command: The same.
        detach: The same.
        active: The launch under way in this process, if there is one.
        sweep_id: That of the launch under way, or of the last one.
    """

    def __init__(self, command: Sequence[str], mirror: MirrorProcess | None = None, *, detach: bool = False) -> None:
        self.__name__ = "train"  # as a function has one: callbacks are told
        self.command = tuple(command)
        self.detach = detach
        self.active: Active | None = None
        self.sweep_id: str | None = None
        self._mirror = mirror

    def __call__(self, composed: DictConfig) -> float | None:
        """Train the run and return its accuracy on ``valid``, for sweepers that optimise."""
        settings = HydraConfig.get()
        config = parse(composed, Path(settings.runtime.cwd))
        if settings.mode == RunMode.MULTIRUN:
            job = self._job_of_sweep(config, Path(settings.sweep.dir), settings.job.num)
            if job is not None:
                return self._train(job).valid_accuracy
            _check_not_a_sweep(settings)
        try:  # once more: Hydra has not asked for the run's folder if 'hydra.run.dir' names another
            check_single_run(config, settings, detach=self.detach)
        except ConfigError as error:
            raise SingleRunError(error) from error
        given, folder = keys_of(settings.overrides.task), Path(settings.runtime.output_dir)
        wanted = wanted_sweep([config], given, folder, multirun=False, command=self.command)
        try:
            with launched(wanted, [config], room_here(1), self.take_mirror()) as active:
                self.sweep_id = active.sweep.id
                (planned,) = active.plan.jobs
                result = planned.result or self._train(planned.job)
        except (UserError, FaultError) as error:
            raise SingleRunError(error) from error
        return result.valid_accuracy

    def take_mirror(self) -> MirrorProcess | None:
        """Return the process that was started ahead, if nobody has taken it."""
        mirror, self._mirror = self._mirror, None
        return mirror

    def __getstate__(self) -> dict[str, object]:
        """Leave the launch behind when going to another process: it belongs to this one."""
        return self.__dict__ | {"active": None, "_mirror": None}

    def _job_of_sweep(self, config: RunConfig, folder: Path, number: int) -> Job | None:
        """Return the job of the sweep under way, here or in the process that started this one."""
        if self.active is not None:
            return self.active.plan.jobs[number].job
        key = run_key(config)
        for sweep in read_sweeps(config.mlruns):
            jobs = sweep.jobs[number : number + 1]
            is_ours = self.sweep_id in (None, sweep.id)  # None: of a sweeper that is not ours
            if is_ours and sweep.folder == str(folder) and sweep.multirun and jobs and jobs[0].run_key == key:
                return Job(number, config, key, sweep.id, sweep.trains_anew, sweep.code)
        return None

    def _train(self, job: Job) -> Result:
        failures = run_stack([job])
        if failures:
            raise error_of(failures[job.number])
        result = read_result(job.directory)
        assert result is not None
        log.info("finished: valid accuracy %s, test accuracy %s", result.valid_accuracy, result.test_accuracy)
        return result


def check_single_run(config: RunConfig, hydra: HydraConf, *, detach: bool) -> None:
    """Refuse a single run that asks for what only sweeps have, or needs more memory than this machine has.

    Args:
        config: The run's.
        hydra: Its configuration of Hydra itself.
        detach: Whether it is to be left to a cluster.

    Raises:
        ConfigError: It does.
    """
    launcher = hydra.launcher
    asked = [DETACH] if detach else []
    if launcher.get("executor", "local") != "local":
        asked.append(f"hydra.launcher.executor={launcher.executor}")
    if launcher.get("blas_kernel") is not None:
        asked.append(f"hydra.launcher.blas_kernel={launcher.blas_kernel}")
    if hydra.mode != RunMode.MULTIRUN:
        unused: tuple[str, ...] = (
            "hydra.launcher.",
            "hydra/launcher",
            "hydra.sweeper.",
            "hydra/sweeper",
            "hydra.sweep.",
        )
    else:  # under somebody else's sweeper, which has uses for these, though not for our launcher's settings
        unused = ("hydra.launcher.",) if "executor" in launcher else ()
    asked += [word for word in overrides_of_hydra(hydra) if word.lstrip("+").startswith(unused)]
    if asked:
        needed = "needs -m and 'hydra/sweeper=grid', the default: it does nothing otherwise"
        raise ConfigError([f"'{asked[0]}' {needed} (got a run by itself)."])
    check_memory_here(config)


def _check_not_a_sweep(settings: HydraConf) -> None:
    """Find out, under a sweeper of somebody else's, whether a job has chosen a file that is a sweep itself.

    Raises:
        SingleRunError: It has: Hydra would drop that sweep without a word.
    """
    axes = OmegaConf.select(settings.sweeper, "params") or {}
    ignored = sorted(set(axes) - set(keys_of(settings.overrides.task)))
    if ignored:
        raise SingleRunError(ConfigError([f"{NO_SWEEP_IN_A_JOB} (got a file with axes {', '.join(ignored)})."]))


def keys_of(overrides: Sequence[str]) -> list[str]:
    """Return the configuration keys that overrides give values for, each once."""
    given = OverridesParser.create().parse_overrides(list(overrides))
    return list(dict.fromkeys(override.key_or_group for override in given))


def error_of(failure: Failure) -> Exception:
    """Return what is to be raised for a job that failed."""
    return FaultError(f"{failure.text}\n{failure.traceback}") if failure.traceback else UserError(failure.text)
