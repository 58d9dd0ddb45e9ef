"""A job as Hydra sees it, in two halves, so that many can be under way at once.

What ``hydra.core.utils.run_job`` does around a task function, done when the job begins and when it ends: output
directory, ``.hydra``, log, callbacks, return value. Between the two nothing is kept open.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobRuntime, JobStatus, configure_log
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from convsweep.records.files import writing


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
            # what the files and the callbacks get, copied once: a copy takes longer than the composition
            self._own = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
            self._hydra = OmegaConf.masked_copy(config, "hydra")
            directory.mkdir(parents=True, exist_ok=True)
            if config.hydra.output_subdir is not None:
                self._save(directory / config.hydra.output_subdir)
            self._callbacks.on_job_start(config=config, task_function=task_function)

    def end(self, message: str, return_value: object, *, failed: bool) -> JobReturn:
        """End the job.

        Args:
            message: What its log says.
            return_value: What the task function would return, or the exception that it would raise.
            failed: Which of the two it is.

        Returns:
            What the callbacks are told. Its configurations go to the callbacks only: they are most of a job's memory.
        """
        job_return = JobReturn(
            overrides=list(self._config.hydra.overrides.task),
            cfg=self._own,
            hydra_cfg=self._hydra,
            working_dir=str(Path.cwd()),
            task_name=JobRuntime.instance().get("name"),
        )
        job_return.return_value = return_value
        job_return.status = JobStatus.FAILED if failed else JobStatus.COMPLETED
        with _current(self._config):
            self._write_log(message, logging.ERROR if failed else logging.INFO)
            self._callbacks.on_job_end(config=self._config, job_return=job_return)
        job_return.cfg = job_return.hydra_cfg = None
        return job_return

    def _write_log(self, message: str, level: int) -> None:
        """Configure logging as the job wants it, write the message, and put things back.

        Only into files: the terminal has been told from the record.

        Raises:
            UserError: The disk refuses.
        """
        root = logging.getLogger()
        outside, outside_level = root.handlers, root.level
        root.handlers = []
        try:
            configure_log(self._config.hydra.job_logging, self._config.hydra.verbose)
            record = logging.LogRecord("convsweep", level, __file__, 0, message, None, None)
            for handler in root.handlers:
                if isinstance(handler, logging.FileHandler):
                    handler.handleError = _raise  # type: ignore[method-assign] # its own prints a traceback
                    with writing(Path(handler.baseFilename)):
                        handler.handle(record)
                        handler.close()
                else:
                    handler.close()
        finally:
            root.handlers = outside
            root.setLevel(outside_level)

    def _save(self, directory: Path) -> None:
        with writing(directory):
            directory.mkdir(parents=True, exist_ok=True)
            for name, config in (
                ("config.yaml", self._own),
                ("hydra.yaml", self._hydra),
                ("overrides.yaml", self._config.hydra.overrides.task),
            ):
                (directory / name).write_text(OmegaConf.to_yaml(config), encoding="utf-8")


def _raise(record: logging.LogRecord) -> None:  # noqa: ARG001 - a handler's method
    raise  # noqa: PLE0704 - it is called while what went wrong is being handled


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
