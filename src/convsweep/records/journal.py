"""A run's own record: the directory ``mlruns/runs/<run_key>/``.

========================== ====================================================================
config.yaml                the configuration, every value filled in
events.jsonl               what happened, one JSON object a line, written as it happens
checkpoints/epoch_000.npz  parameters (canonical shapes) and random state, one file an epoch
figures/                   how it looks: learning curves, filters, errors
result.json                how it ended; the run is finished once this exists
========================== ====================================================================

Checkpoints and results are written under another name and renamed, so a file that exists is whole.
A run that was cut off goes on from its last checkpoint; what came after that is forgotten.
"""

import io
import json
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, TextIO

import numpy as np
import yaml

from convsweep.config import RunConfig
from convsweep.errors import UserError
from convsweep.nn.network import Parameters
from convsweep.nn.training import Checkpoint, Diverged, EpochEnd, Evaluation, Event, Window

EVENT_TYPES = {"window": Window, "evaluation": Evaluation, "epoch_end": EpochEnd, "diverged": Diverged}
EVENT_NAMES = {event_type: name for name, event_type in EVENT_TYPES.items()}


class Result(NamedTuple):
    """How a run ended."""

    outcome: Literal["finished", "diverged"]
    epoch: int
    step: int
    valid_loss: float | None  # nats; None: diverged before the first evaluation
    valid_accuracy: float | None
    test_loss: float | None  # None: diverged
    test_accuracy: float | None
    seconds: float  # spent training and evaluating, by the process that finished the run
    data_digest: str
    code_digest: str


class Journal:
    """The record of one run: open for writing until the run is finished, only read from then on.

    Args:
        directory: The run's directory; made if need be.
        config: The run's configuration.

    Raises:
        UserError: The directory can't be written to, or holds a record that can't be read.
    """

    def __init__(self, directory: Path, config: RunConfig) -> None:
        self.directory = directory
        self.result = read_result(directory)
        self.last_checkpoint: Checkpoint | None = None  # to go on from, if there is one
        self.events: list[Event] = []  # the ends of epochs without their checkpoints, which would fill the memory
        self._read_events()
        self._file: TextIO | None = None
        if self.result is None:
            with writing(directory):
                self.checkpoints.mkdir(parents=True, exist_ok=True)
                text = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)
                write_whole(directory / "config.yaml", text.encode())
                write_whole(self._events_path, "".join(_to_line(event) for event in self.events).encode())
                self._file = self._events_path.open("a")

    def __enter__(self) -> Self:
        """Return the open journal."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file of events."""
        if self._file is not None:
            self._file.close()

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoints."""
        return self.directory / "checkpoints"

    @property
    def figures(self) -> Path:
        """The folder of figures."""
        return self.directory / "figures"

    def record(self, event: Event) -> None:
        """Write down an event of a run that isn't finished; an epoch's end first writes its checkpoint."""
        assert self._file is not None
        if isinstance(event, EpochEnd) and event.checkpoint is not None:
            save_checkpoint(self.checkpoints, event.checkpoint)
        with writing(self._events_path):
            self._file.write(_to_line(event))
            self._file.flush()
        if isinstance(event, EpochEnd):
            self.last_checkpoint, event = event.checkpoint, event._replace(checkpoint=None)
        self.events.append(event)

    def finish(self, result: Result) -> None:
        """Write the result: from here on the run is finished."""
        self.result = result
        path = self.directory / "result.json"
        with writing(path):
            write_whole(path, json.dumps(result._asdict(), indent=2).encode())

    @property
    def _events_path(self) -> Path:
        return self.directory / "events.jsonl"

    def _read_events(self) -> None:
        """Take up the events until the last that can be gone on from; all of them if the run is finished."""
        if not self._events_path.exists():
            return
        resumable = 0
        for line in self._events_path.read_text().splitlines():
            try:
                fields = json.loads(line)
            except json.JSONDecodeError:
                break  # cut off while it was written
            try:
                event_type = EVENT_TYPES[fields.pop("event")]
                if event_type is EpochEnd:
                    fields["checkpoint"] = None
                    resumable = len(self.events) + 1
                self.events.append(event_type(member=0, **fields))
            except (AttributeError, KeyError, TypeError) as error:
                raise UserError(f"'{self._events_path}' must hold events of a run (got {line!r}).") from error
        if self.result is None:
            del self.events[resumable:]
        if resumable:
            epoch = self.events[resumable - 1].epoch
            self.last_checkpoint = load_checkpoint(checkpoint_path(self.checkpoints, epoch))


def run_directory(mlruns: Path, run_key: str) -> Path:
    """Return where a run's record is."""
    return mlruns / "runs" / run_key


def read_config(directory: Path) -> RunConfig:
    """Return a run's configuration.

    Raises:
        UserError: The directory holds none.
    """
    path = directory / "config.yaml"
    try:
        return RunConfig.model_validate(yaml.safe_load(path.read_text()))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UserError(f"'{path}' must be the configuration of a run.") from error


def read_result(directory: Path) -> Result | None:
    """Return a run's result, or None if it isn't finished.

    Raises:
        UserError: The file is there, but isn't a result.
    """
    path = directory / "result.json"
    try:
        return Result(**json.loads(path.read_text())) if path.exists() else None
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"'{path}' must be the result of a run ({error}).") from error


def checkpoint_path(checkpoints: Path, epoch: int) -> Path:
    """Return an epoch's file."""
    return checkpoints / f"epoch_{epoch:03d}.npz"


def save_checkpoint(checkpoints: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint as npz, without pickle."""
    path = checkpoint_path(checkpoints, checkpoint.epoch)
    buffer = io.BytesIO()
    np.savez(
        buffer,
        allow_pickle=False,
        epoch=np.int64(checkpoint.epoch),
        order_state=np.str_(checkpoint.order_state),
        **checkpoint.parameters._asdict(),
    )
    with writing(path):
        write_whole(path, buffer.getvalue())


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        UserError: There is no whole checkpoint at that path.
    """
    try:
        # opened here, because np.load leaves the file open if it is no zip archive
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            parameters = Parameters(file["filters"], file["weights"], file["biases"])
            return Checkpoint(int(file["epoch"]), parameters, str(file["order_state"]))
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"'{path}' must be a checkpoint of a run ({error}).") from error


def write_whole(path: Path, content: bytes) -> None:
    """Write a file such that it never exists in part, not even after a power cut."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the file system's refusal to write into one line."""
    try:
        yield
    except OSError as error:
        raise UserError(f"'{path}' cannot be written: {error.strerror}.") from error


def _to_line(event: Event) -> str:
    fields: dict[str, Any] = event._asdict()
    del fields["member"]
    fields.pop("checkpoint", None)  # a file of its own
    return json.dumps({"event": EVENT_NAMES[type(event)], **fields}) + "\n"
