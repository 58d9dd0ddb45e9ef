"""Where a sweep's stacks are to be trained: what ``hydra.launcher`` asks for, checked."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, cast, get_args

from omegaconf import DictConfig

from convsweep.config import ConfigError
from convsweep.runs.executors import num_cores
from convsweep.runs.executors.checks import Demands
from convsweep.runs.executors.engine import Engine
from convsweep.runs.executors.slurm import Settings
from convsweep.runs.plan import Room, room_here

Executor = Literal["local", "dask", "slurm"]


class Placement(NamedTuple):
    """Where stacks are trained."""

    executor: Executor = "local"
    n_jobs: int | None = None  # how many at a time; None: as many as there are cores, or as the cluster has room for
    address: str | None = None  # of Dask's scheduler
    blas_kernel: str | None = None  # what all workers use; None: each what suits its processor
    slurm: Settings | None = None  # of Slurm's tasks, if that is the executor

    @property
    def room(self) -> Room:
        """The room for stacks, as far as it is known without asking the cluster."""
        match self.executor:
            case "local":
                return room_here(self.n_jobs or num_cores())
            case "slurm":
                return Room(here=False, shares=self.n_jobs or 1, at_once=self.n_jobs)
            case "dask":
                return Room(here=False, shares=self.n_jobs, at_once=None)


def placement_of(launcher: DictConfig) -> Placement:
    """Return where the jobs of a sweep train, given its ``hydra.launcher``: with any but the stacked one, here.

    Raises:
        ConfigError: Values make no sense.
    """
    if "executor" not in launcher:
        return Placement()
    return placement(**{str(name): value for name, value in launcher.items() if name != "_target_"})


def placement(
    *, n_jobs: int, executor: str, address: str | None, blas_kernel: str | None, slurm: Mapping[str, Any]
) -> Placement:
    """Check what ``hydra.launcher`` asks for.

    Raises:
        ConfigError: Values make no sense.
    """
    problems = []
    if n_jobs != -1 and n_jobs < 1:
        problems.append(f"'hydra.launcher.n_jobs' must be >= 1, or -1 for all cores (got {n_jobs}).")
    if executor not in get_args(Executor):
        problems.append(f"'hydra.launcher.executor' must be local, dask or slurm (got {executor}).")
    if executor == "dask" and address is None:
        rule = "'hydra.launcher.executor=dask' needs 'hydra.launcher.address', tcp://HOST:PORT or a scheduler file"
        problems.append(f"{rule} (got none).")
    if executor != "dask" and address is not None:
        problems.append(f"'hydra.launcher.address' needs 'hydra.launcher.executor=dask' (got {executor}).")
    if blas_kernel is not None and not blas_kernel.isalnum():
        rule = "'hydra.launcher.blas_kernel' must be the name of kernels of OpenBLAS, such as Haswell"
        problems.append(f"{rule} (got {blas_kernel!r}).")
    problems += _problems_of_slurm(slurm, executor)
    if problems:
        raise ConfigError(problems)
    at_once = None if n_jobs == -1 else n_jobs
    settings = None
    if executor == "slurm":
        settings = Settings(**{**slurm, "options": dict(slurm["options"])}, at_once=at_once)
    return Placement(cast(Executor, executor), at_once, address, blas_kernel, settings)


def _problems_of_slurm(slurm: Mapping[str, Any], executor: str) -> list[str]:
    from hydra_plugins.convsweep_stacked import SlurmConf  # after Hydra has looked for plugins

    if executor != "slurm":
        given = [name for name, default in vars(SlurmConf()).items() if slurm[name] != default]
        rule = "needs 'hydra.launcher.executor=slurm'"
        return [f"'hydra.launcher.slurm.{name}' {rule} (got {executor})." for name in given]
    values = {name: slurm[name] for name in ("time", "cpus", "memory")}
    return [
        f"'hydra.launcher.slurm.{name}' must be > 0 (got {value})."
        for name, value in values.items()
        if value is not None and value <= 0
    ]


def open_engine(where: Placement, demands: Demands) -> Engine:
    """Connect to a cluster's engine.

    Raises:
        UserError: It isn't installed, or doesn't answer.
    """
    if where.executor == "dask":
        from convsweep.runs.executors.dask import Dask

        assert where.address is not None
        return Dask(where.address, where.n_jobs, demands)
    from convsweep.runs.executors.slurm import Slurm

    assert where.slurm is not None
    return Slurm(where.slurm, demands)
