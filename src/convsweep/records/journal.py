"""A run's own record: the directory ``mlruns/runs/<run_key>/``.

========================== ====================================================================
config.yaml                the configuration, every value filled in
events.jsonl               what happened, one JSON object a line, written as it happens
checkpoints/epoch_000.npz  parameters (canonical shapes) and random state, one file an epoch; or of the last one only
attempts.jsonl             where it was trained and with what, a line for each process that was at it
predictions.npz            what the trained network says of every image of valid and test
figures/                   how it looks: learning curves, filters, errors
result.json                how it ended; the run is finished once this exists
failure.json               why it failed, if it did; gone once the run goes on
========================== ====================================================================

Whoever writes holds the lock ``mlruns/locks/<run_key>``. A run that is trained anew has its record in
``mlruns/anew/<run_key>/`` until it has a result: see ``anew``.

Whatever is read was checked: events by their chained checksums, checkpoints by the digests in the events, the
result by its own checksum and by those of the events it was made of. What can't be trusted is left out and named,
and the run goes on from the last epoch before it.
"""

import hashlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

import yaml

from convsweep.config import ConfigError, RunConfig, validate
from convsweep.errors import UserError
from convsweep.nn.training import Checkpoint, Diverged, EpochEnd, Evaluation, Event
from convsweep.records.attempts import Attempt, Code, attempt_here, note_attempt, read_attempts, that_trained
from convsweep.records.checkpoints import (
    checkpoint_is_whole,
    checkpoint_path,
    load_checkpoint,
    remove_other_checkpoints,
    save_checkpoint,
)
from convsweep.records.events import Entry, read_entries, to_line
from convsweep.records.files import (
    DamagedError,
    read_file,
    read_sealed,
    remove,
    remove_temporary_files,
    write_sealed,
    write_whole,
    writing,
)

CONFIG, EVENTS, RESULT, FAILURE = "config.yaml", "events.jsonl", "result.json", "failure.json"


class Result(NamedTuple):
    """How a run ended."""

    outcome: Literal["finished", "diverged"]
    epoch: int
    step: int
    valid_loss: float | None  # nats; None: diverged before the first evaluation
    valid_accuracy: float | None
    test_loss: float | None  # None: diverged
    test_accuracy: float | None
    seconds: float  # spent training and evaluating what the record holds, over all attempts: its share of its stacks'
    time: float  # when it ended, in seconds since 1970
    sweep: str  # the id of the sweep whose job trained it
    host: str  # the machine that finished it
    data_source: str  # where the images were read
    data_digest: str  # sha256 of the arrays used
    code_digest: str  # see ``identity``
    config_sha256: str  # of config.yaml
    num_events: int
    events_crc: int  # the checksum of the last event, which covers them all
    cpu: str | None = None  # of the machine that finished it; this and the next: None in records before version 0.2
    blas_kernel: str | None = (
        None  # of the attempts that trained it, such as ``Haswell``; ``Haswell+SkylakeX``: it moved
    )
    attempts: tuple[Attempt, ...] = ()  # those that trained what the record holds; older records don't say


class Failure(NamedTuple):
    """Why a run failed: the one record of it, wherever it failed."""

    type: str  # the exception's class
    text: str  # what is told in one line, or one line a problem
    traceback: str  # empty where the text says it all
    time: float  # seconds since 1970


class Record(NamedTuple):
    """What is known of a run, all of it checked."""

    directory: Path
    entries: tuple[Entry, ...]  # all of a finished run; otherwise up to the last that can be gone on from
    result: Result | None  # None: not finished, or not to be trusted
    damage: tuple[str, ...]  # what could not be trusted, a sentence each

    @property
    def last_epoch(self) -> int | None:
        """The last epoch whose checkpoint can be gone on from; 0 is the one before the first step."""
        return self.entries[self._last_epoch_end].event.epoch if self._last_epoch_end is not None else None

    @property
    def events(self) -> list[Event]:
        """What happened; epochs' ends without their checkpoints."""
        return [entry.event for entry in self.entries]

    def checkpoint(self, epoch: int | None = None) -> Checkpoint | None:
        """Load an epoch's checkpoint: the last one's, if left out; None if there is none.

        Raises:
            DamagedError: The file was changed since the record was read.
        """
        for entry in reversed(self.entries):
            if isinstance(entry.event, EpochEnd) and epoch in (None, entry.event.epoch):
                assert entry.checkpoint_sha256 is not None
                return load_checkpoint(checkpoint_path(self.directory, entry.event.epoch), entry.checkpoint_sha256)
        return None

    @property
    def keeps_last_only(self) -> bool:
        """Whether checkpoints of earlier epochs were removed on purpose."""
        return any(entry.is_only_checkpoint for entry in self.entries)

    @property
    def _last_epoch_end(self) -> int | None:
        places = [place for place, entry in enumerate(self.entries) if isinstance(entry.event, EpochEnd)]
        return places[-1] if places else None


def run_directory(mlruns: Path, run_key: str, *, anew: bool = False) -> Path:
    """Return where a run's record is.

    Args:
        mlruns: The folder of everything.
        run_key: The run's key.
        anew: For a sweep that trains its runs anew: the record beside the earlier one, until it takes its place.
    """
    beside = anew_directory(mlruns, run_key)
    return beside if anew and beside.exists() else mlruns / "runs" / run_key


def anew_directory(mlruns: Path, run_key: str) -> Path:
    """Return where a run's record is that is trained anew, until it has a result; see ``anew``."""
    return mlruns / "anew" / run_key


def read_record(directory: Path) -> Record:
    """Read and check a run's record; an empty one if there is none.

    Raises:
        UserError: A file can't be read.
    """
    record = _read_record(directory)
    # once more, as a run that was trained anew may just have taken the place of a part of what was read
    return _read_record(directory) if record.damage else record


def _read_record(directory: Path) -> Record:
    damage: list[str] = []
    content = b""
    try:
        content = read_file(directory / EVENTS) or b""
    except DamagedError as error:
        damage.append(str(error))
    entries = list(read_entries(content))
    try:
        result = read_result(directory)
        if result is not None:
            _check_result(directory, result, entries)
    except DamagedError as error:
        damage.append(str(error))
        result = None
    if result is None and _has_damaged_line(content, len(entries)):
        damage.append(f"'{directory / EVENTS}' is damaged in line {len(entries) + 1}.")
    usable = 0  # entries up to the last epoch whose checkpoint, and those of all epochs before, are whole or not needed
    needed = max((place for place, entry in enumerate(entries) if entry.is_only_checkpoint), default=0)
    for place, entry in enumerate(entries):
        if isinstance(entry.event, EpochEnd):
            assert entry.checkpoint_sha256 is not None
            path = checkpoint_path(directory, entry.event.epoch)
            if not checkpoint_is_whole(path, entry.checkpoint_sha256):
                if place < needed:
                    continue  # removed on purpose
                damage.append(f"'{path}' is {'damaged' if path.exists() else 'missing'}.")
                result = None
                break
            usable = place + 1
    return Record(directory, tuple(entries if result is not None else entries[:usable]), result, tuple(damage))


def read_result(directory: Path) -> Result | None:
    """Return a run's result, or None if it isn't finished; see ``read_record``, which checks all it was made of.

    Raises:
        DamagedError: The file is there, but isn't what was written.
    """
    fields = read_sealed(directory / RESULT)
    if fields is None:
        return None
    try:
        return Result(**fields | {"attempts": tuple(Attempt(**attempt) for attempt in fields.get("attempts", ()))})
    except TypeError as error:
        raise DamagedError(f"'{directory / RESULT}' must be the result of a run (its fields are others).") from error


def write_result(directory: Path, result: Result) -> None:
    """Write a run's result."""
    attempts = [attempt._asdict() for attempt in result.attempts]
    write_sealed(directory / RESULT, result._asdict() | {"attempts": attempts})


def read_failure(directory: Path) -> Failure | None:
    """Return why a run failed, or None if it didn't."""
    try:
        fields = read_sealed(directory / FAILURE)
    except DamagedError:
        return None
    return None if fields is None or fields.keys() != set(Failure._fields) else Failure(**fields)


def write_failure(directory: Path, failure: Failure) -> None:
    """Write down why a run failed.

    Raises:
        UserError: The disk refuses.
    """
    with writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
        write_sealed(directory / FAILURE, failure._asdict())


def read_config(directory: Path) -> RunConfig:
    """Return a run's configuration.

    Raises:
        UserError: There is none, or it isn't one.
    """
    path = directory / CONFIG
    try:
        return validate(yaml.load(path.read_text(), Loader=yaml.CSafeLoader))
    except (OSError, ValueError, yaml.YAMLError, ConfigError) as error:
        raise UserError(f"'{path}' must be the configuration of a run.") from error


class Journal:
    """The record of one run, open for writing until the run is finished. The writer must hold the record's lock.

    Args:
        directory: The run's directory; made if need be.
        config: The run's configuration.

    Raises:
        UserError: The directory can't be written to.
    """

    def __init__(self, directory: Path, config: RunConfig) -> None:
        found = read_record(directory)
        self.directory = directory
        self._entries = list(found.entries)
        self._result = found.result
        self._damage = found.damage
        self._crc = found.entries[-1].crc if found.entries else 0
        self._keeps_last_only = config.checkpoints == "last"
        self._config_sha256 = ""
        self._file: BinaryIO | None = None
        if found.result is None:
            with writing(directory):
                self._begin(config)

    @property
    def record(self) -> Record:
        """What the directory holds by now."""
        return Record(self.directory, tuple(self._entries), self._result, self._damage)

    @property
    def figures(self) -> Path:
        """The folder of figures."""
        return self.directory / "figures"

    @property
    def seconds(self) -> float:
        """How long the run has trained until its last event; a run of an older record, at most: by the clock."""
        if not self._entries:
            return 0.0
        first, last = self._entries[0], self._entries[-1]
        return last.seconds if last.seconds is not None else max(last.time - first.time, 0.0)

    def note_attempt(self, sweep: str, code: Code) -> None:
        """Write down that this process goes on with the run.

        Args:
            sweep: The id of the sweep whose job it is.
            code: That of the launch.

        Raises:
            UserError: The disk refuses.
        """
        last = self.record.last_epoch
        note_attempt(self.directory, attempt_here(-1 if last is None else last, sweep, code))

    def write(self, event: Event, *, seconds: float) -> None:
        """Write down what happened; an epoch's end first writes its checkpoint.

        Args:
            event: What happened.
            seconds: How long the run has trained until then, what the journal held before included.

        Raises:
            UserError: The disk refuses.
        """
        assert self._file is not None
        digest, is_only = None, False
        if isinstance(event, EpochEnd):
            assert event.checkpoint is not None
            is_only = self._keeps_last_only
            path = checkpoint_path(self.directory, event.epoch)
            digest = save_checkpoint(path, event.checkpoint, durable=is_only)
        line, entry = to_line(
            event,
            time=round(time.time(), 3),
            seconds=round(seconds, 6),
            checkpoint_sha256=digest,
            previous_crc=self._crc,
            is_only_checkpoint=is_only,
        )
        with writing(self.directory / EVENTS):
            self._file.write(line)
            self._file.flush()
            if is_only:
                os.fsync(self._file.fileno())  # not even a power cut may take both, the earlier checkpoint and the new
        if is_only:
            remove_other_checkpoints(self.directory, event.epoch)
        self._crc = entry.crc
        self._entries.append(entry)

    def finish(self, **facts: Any) -> Result:  # noqa: ANN401 - the fields of a Result that events don't tell
        """Write the result: from here on the run is finished.

        Args:
            facts: ``sweep``, ``host``, ``cpu``, ``data_source``, ``data_digest`` and ``code_digest`` of ``Result``.

        Raises:
            UserError: The disk refuses.
        """
        assert self._file is not None
        ending = _ending(self.record.events)
        attempts = that_trained(read_attempts(self.directory), ending["epoch"])
        result = Result(
            **ending,
            **facts,
            seconds=round(self.seconds, 3),
            time=round(time.time(), 3),
            config_sha256=self._config_sha256,
            num_events=len(self._entries),
            events_crc=self._crc,
            blas_kernel="+".join(sorted({attempt.kernel for attempt in attempts})) or None,
            attempts=attempts,
        )
        with writing(self.directory / RESULT):
            os.fsync(self._file.fileno())  # a result must not outlive the events that it was made of
            write_result(self.directory, result)
        self._result = result
        return result

    def close(self) -> None:
        """Close the file of events."""
        if self._file is not None:
            self._file.close()

    def _begin(self, config: RunConfig) -> None:
        """Leave nothing in the directory but what can be gone on from, and open the file of events."""
        checkpoints = self.directory / "checkpoints"
        if not checkpoints.is_dir():
            remove(checkpoints)
            checkpoints.mkdir(parents=True)
        remove_temporary_files(self.directory, alone=True)
        for name in (RESULT, FAILURE):
            remove(self.directory / name)
        for path in (self.directory / CONFIG, self.directory / EVENTS, *checkpoints.iterdir()):
            if path.is_dir():
                remove(path)  # a file is going to be written there
        text = yaml.dump(config.model_dump(mode="json"), Dumper=yaml.CSafeDumper, sort_keys=False).encode()
        self._config_sha256 = hashlib.sha256(text).hexdigest()
        write_whole(self.directory / CONFIG, text, durable=False)
        path = self.directory / EVENTS
        content = read_file(path) or b""
        kept = b"".join(content.splitlines(keepends=True)[: len(self._entries)])
        if kept != content:
            write_whole(path, kept)
        self._file = path.open("ab")
        ends = [entry for entry in self._entries if isinstance(entry.event, EpochEnd)]
        if ends and ends[-1].is_only_checkpoint:  # its writer may have been killed before it removed the others
            remove_other_checkpoints(self.directory, ends[-1].event.epoch)


def _check_result(directory: Path, result: Result, entries: Sequence[Entry]) -> None:
    crc = entries[-1].crc if entries else 0
    if (len(entries), crc) != (result.num_events, result.events_crc):
        path = directory / EVENTS
        raise DamagedError(f"'{path}' must hold {result.num_events} events ({len(entries)} of them are whole).")
    config = read_file(directory / CONFIG)
    if config is None:
        raise DamagedError(f"'{directory / CONFIG}' is missing.")
    if hashlib.sha256(config).hexdigest() != result.config_sha256:
        raise DamagedError(f"'{directory / CONFIG}' is damaged.")


def _has_damaged_line(content: bytes, whole: int) -> bool:
    """Tell whether the line after the whole ones was once complete: it wasn't just cut off while it was written."""
    return content.count(b"\n") > whole


def _ending(events: Sequence[Event]) -> dict[str, Any]:
    """Return the fields of a ``Result`` that the events tell."""
    evaluations = {event.split: event for event in events if isinstance(event, Evaluation)}  # the last of each
    valid, test = evaluations.get("valid"), evaluations.get("test")
    end = events[-1]
    return {
        "outcome": "diverged" if isinstance(end, Diverged) else "finished",
        "epoch": end.epoch,
        "step": end.step,
        "valid_loss": valid and valid.loss,
        "valid_accuracy": valid and valid.accuracy,
        "test_loss": test and test.loss,
        "test_accuracy": test and test.accuracy,
    }
