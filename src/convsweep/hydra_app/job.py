"""A job as Hydra sees it, in two halves, so that many can be under way at once.

What ``hydra.core.utils.run_job`` does around a task function, done when the job begins and when it
ends: output directory, ``.hydra``, logging, callbacks, return value.
"""

import copy
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobRuntime, JobStatus, configure_log
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict, read_write


class HydraJob:
    """A job that has begun.

    Args:
        config: Its whole configuration, ``hydra.job.num`` and ``id`` set.
        context: Hydra's context, for the callbacks.
        task_function: What the callbacks are told that will run.
    """

    def __init__(self, config: DictConfig, context: HydraContext, task_function: TaskFunction) -> None:
        self._config, self._callbacks = config, context.callbacks
        with _current(config):
            directory = Path(config.hydra.sweep.dir, str(config.hydra.sweep.subdir)).absolute()
            with read_write(config.hydra.runtime), open_dict(config.hydra.runtime):
                config.hydra.runtime.output_dir = str(directory)
            directory.mkdir(parents=True, exist_ok=True)
            own = copy.deepcopy(config)
            with read_write(own), open_dict(own):
                del own["hydra"]
            self._job_return = JobReturn(
                overrides=list(config.hydra.overrides.task),
                cfg=own,
                hydra_cfg=copy.deepcopy(OmegaConf.masked_copy(config, "hydra")),
                working_dir=str(Path.cwd()),
                task_name=JobRuntime.instance().get("name"),
            )
            self._handlers = self._open_log()
            if config.hydra.output_subdir is not None:
                self._save(directory / config.hydra.output_subdir)
            self._callbacks.on_job_start(config=config, task_function=task_function)

    def log(self, record: logging.LogRecord) -> None:
        """Write a message where the job's configuration says, on the console and into the job's log."""
        for handler in self._handlers:
            if record.levelno >= handler.level:
                handler.handle(record)

    def end(self, return_value: object, *, failed: bool) -> JobReturn:
        """End the job: with what the task function would return, or with the exception that it would raise."""
        self._job_return.return_value = return_value
        self._job_return.status = JobStatus.FAILED if failed else JobStatus.COMPLETED
        for handler in self._handlers:
            handler.close()
        with _current(self._config):
            self._callbacks.on_job_end(config=self._config, job_return=self._job_return)
        return self._job_return

    def _open_log(self) -> list[logging.Handler]:
        """Configure logging as the job wants it, take its handlers, and put things back."""
        root = logging.getLogger()
        outside = root.handlers
        root.handlers = []
        try:
            configure_log(self._config.hydra.job_logging, self._config.hydra.verbose)
            return root.handlers
        finally:
            root.handlers = outside

    def _save(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        for name, config in (
            ("config.yaml", self._job_return.cfg),
            ("hydra.yaml", self._job_return.hydra_cfg),
            ("overrides.yaml", self._config.hydra.overrides.task),
        ):
            (directory / name).write_text(OmegaConf.to_yaml(config), encoding="utf-8")


@contextmanager
def _current(config: DictConfig) -> Iterator[None]:
    """Make a job's configuration the one that ``HydraConfig.get`` returns."""
    holder = HydraConfig.instance()
    outside = holder.cfg
    holder.set_config(config)
    try:
        yield
    finally:
        holder.cfg = outside
