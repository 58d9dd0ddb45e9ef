"""A job's run in MLflow, made from the run's record: what it must show, and what of it is still to be sent.

Nothing is sent twice, whatever was killed in between: points are known by metric and step, files by their names, the
model by its run. A run that is whole carries a tag with the signature of its record. Files and model may be left out
(``tracking.artifacts``), which the signature tells.
"""

import contextlib
import json
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModel, Param, Run, RunTag
from requests import RequestException

from convsweep.config import RunConfig
from convsweep.errors import UserError
from convsweep.nn.training import EpochEnd
from convsweep.records.checkpoints import checkpoint_path
from convsweep.records.events import Entry
from convsweep.records.files import DamagedError
from convsweep.records.journal import (
    CONFIG,
    EVENTS,
    RESULT,
    Failure,
    Record,
    Result,
    read_config,
    read_failure,
    read_record,
    read_result,
    run_directory,
)
from convsweep.records.predictions import PREDICTIONS
from convsweep.records.provenance import provenance_files
from convsweep.records.sweep import Sweep, SweepJob, sweep_directory
from convsweep.records.tail import Tail
from convsweep.tracking.artifacts import Artifacts, local_folder
from convsweep.tracking.models import Owner, search_models, send_model
from convsweep.tracking.names import (
    CONFIGURATION_TAG,
    FAILURE_TAG,
    JOB_TAG,
    NOTE_TAG,
    OUTCOME_TAG,
    REUSED_TAG,
    ROLE_TAG,
    RUN_KEY_TAG,
    SENT_TAG,
    SWEEP_TAG,
    code_tags,
    config_tags,
    configuration_name,
    is_ours,
    params,
    tagged,
)
from convsweep.tracking.points import Place, Point, final_places, points
from convsweep.tracking.store import Store, answering

Status = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]

WITHOUT_FILES = ", without files"  # ends the signature of a run that has none


class Family(NamedTuple):
    """What all jobs of a sweep have in common."""

    mlruns: Path
    sweep: Sweep
    store: Store
    parent_run_id: str | None  # None: a single run


class MirroredRun:
    """A job's run in MLflow.

    Args:
        family: The sweep's.
        job: The job.
        found: Its run, if there is one.
        model: That run's model, if there is one.

    Attributes:
        status: What MLflow shows; None if it has no run.
        result: The run's result, once it is known.
        damage: What is wrong with the record, if it can't be trusted.
        calls: How often something was sent: 0 if everything was there.
        run_id: MLflow's id of it; None if it has no run.
        note: Its description; None if it has none.
    """

    def __init__(self, family: Family, job: SweepJob, found: Run | None, model: LoggedModel | None) -> None:
        self.status: Status | None = found.info.status if found is not None else None
        self.result: Result | None = None
        self.damage = ""
        self.calls = 0
        self.run_id: str | None = found.info.run_id if found is not None else None
        self.note: str | None = found.data.tags.get(NOTE_TAG) if found is not None else None
        self._family, self._job, self._run, self._model = family, job, found, model
        self._tail = Tail(self._directory / EVENTS)
        self._is_new = False  # whether the run was made just now, so that there can be nothing in it
        self._sent: dict[Place, Point] | None = None  # None: not looked up yet
        self._pending: dict[Place, Point] = {}
        self._checkpoints: dict[int, Path] = {}
        self._first: int | None = None  # when the run began, milliseconds
        self._last = 0  # the latest time of its events: those of several hosts, whose clocks may differ
        self._crc = 0  # the checksum of its last event
        self._config: RunConfig | None = None
        self._artifacts: Artifacts | None = None
        self._signature = found.data.tags.get(SENT_TAG) if found is not None else None
        self._failure_shown = found is not None and FAILURE_TAG in found.data.tags
        self._has_files = family.sweep.artifacts == "all" or (
            not family.sweep.multirun and family.sweep.artifacts == "best"
        )
        self._keeps_last_only = False  # of its checkpoints
        self._seen_damage: object = None  # of the result's file, so that it isn't checked again and again

    @property
    def is_complete(self) -> bool:
        """Whether MLflow shows the finished run, so that nothing can come any more."""
        return self.result is not None and self.status == "FINISHED" and self._shows(self.result)

    @property
    def has_an_end_to_send(self) -> bool:
        """Whether there is a result that MLflow doesn't show, as far as a look at the folder tells."""
        return not self.is_complete and not self.damage and (self._directory / RESULT).exists()

    def send(self, *, over: bool) -> None:
        """Send what is new.

        Args:
            over: Whether the sweep's launch is over, so that what isn't finished won't go on by itself.

        Raises:
            StoreError: The store refuses.
            UserError: The record can't be read.
        """
        if self.is_complete:
            return
        with answering(self._family.store.uri), reading_records():
            record = self._finished_record(over=over)
            if record is not None:
                self._send_finished(record)
            if self.is_complete:
                return
            failure = read_failure(self._directory)
            self._poll()
            # it is removed before a run goes on; times don't tell, as clocks of hosts may differ
            if failure is not None and failure == read_failure(self._directory):
                self._send_failed(failure)
            elif over:
                self._send_killed()
            elif self._first is not None:
                self._send_news()

    def send_files_too(self) -> None:
        """Send a finished run's files and model as well, though most runs of its sweep have none.

        Raises:
            StoreError: The store refuses.
            UserError: The record can't be read.
        """
        self._has_files = True
        if self.run_id is None or self.result is None:
            return
        with answering(self._family.store.uri):
            self._run = self._family.store.client.get_run(self.run_id)
            models = search_models(self._family.store, tagged(job=job_id(self._family.sweep, self._job)))
        if self._is_whole(self.result):
            self._run = None
            return
        self._sent, self._artifacts, self._model = None, None, models.get(self.run_id)
        self._signature = None
        self.send(over=True)

    def describe(self, note: str) -> None:
        """Give the run its description, unless a person has written another one.

        Raises:
            StoreError: The store refuses.
        """
        if self.run_id is None or self.note == note or not is_ours(self.note):
            return
        with answering(self._family.store.uri):
            self._family.store.client.set_tag(self.run_id, NOTE_TAG, note)
        self.note = note

    # --- what the record says ---

    @property
    def _directory(self) -> Path:
        """The run's record: while the sweep trains it anew, not the one that other sweeps see."""
        return run_directory(self._family.mlruns, self._job.run_key, anew=self._family.sweep.trains_anew)

    def _finished_record(self, *, over: bool) -> Record | None:
        """Return the checked record if the run is finished; remember its result."""
        self.damage = ""
        if self._directory != run_directory(self._family.mlruns, self._job.run_key):
            return None  # it is going to take another place at once
        path = self._directory / RESULT
        try:
            state = path.stat()
        except OSError:
            return None
        version = (state.st_ino, state.st_mtime_ns)
        if version == self._seen_damage and not over:
            return None
        with contextlib.suppress(DamagedError):
            result = read_result(self._directory)
            if result is not None and self._is_whole(result):
                self.result = result
                return None
        record = read_record(self._directory)
        if record.result is None:
            self._seen_damage, self.damage = version, " ".join(record.damage)
            return None
        self.result = record.result
        return record

    def _is_whole(self, result: Result) -> bool:
        """Tell whether MLflow shows all of a result, files included where they can be seen."""
        if self._run is None or self.status != "FINISHED" or not self._shows(result):
            return False
        folder = local_folder(self._run.info.artifact_uri)
        return not self._has_files or folder is None or (folder / RESULT).exists()

    def _shows(self, result: Result) -> bool:
        """Tell whether the signature is that of a result, with its files if they are to be sent."""
        whole = (_of_result(result),) if self._has_files else (_of_result(result), _of_result(result) + WITHOUT_FILES)
        return self._signature in whole

    def _poll(self) -> None:
        """Take in what was written since the last time."""
        self._take(self._tail.poll())

    def _take(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._first = self._first if self._first is not None else entry.milliseconds
            self._last, self._crc = max(self._last, entry.milliseconds), entry.crc
            self._pending |= {point.place: point for point in points(entry, self._configuration.train.epochs)}
            if isinstance(entry.event, EpochEnd):
                if entry.is_only_checkpoint:
                    self._checkpoints.clear()
                    self._keeps_last_only = True
                self._checkpoints[entry.event.epoch] = checkpoint_path(self._directory, entry.event.epoch)

    @property
    def _configuration(self) -> RunConfig:
        if self._config is None:
            self._config = read_config(self._directory)
        return self._config

    # --- what MLflow is told ---

    def _send_news(self) -> None:
        """Send how far a run has come that is under way."""
        run = self._begin(self._first or 0)
        if self.status in ("KILLED", "FAILED") and self._is_changed():
            self._count()
            self._family.store.client.update_run(run.info.run_id, status="RUNNING")
            self._forget_failure(run)
            self.status, self._signature = "RUNNING", None
        if self.status != "RUNNING":
            return
        self._send_files(run)
        self._log(run, [point for point in self._unsent(run) if not point.held], {})

    def _send_finished(self, record: Record) -> None:
        """Send all of a finished run."""
        assert record.result is not None
        result, client = record.result, self._family.store.client
        self._pending, self._last = {}, 0
        self._take(record.entries)
        seconds = Point(("seconds", 0), result.seconds, int(result.time * 1000))
        self._pending[seconds.place] = seconds
        run = self._begin(self._first or 0)
        self._send_files(run, everything=True)
        model_id = self._send_model(run, record)
        self._count()
        client.log_inputs(run.info.run_id, [_dataset(self._configuration, result)])
        reused = str(result.sweep != self._family.sweep.id).lower()
        signature = _of_result(result) + ("" if self._has_files else WITHOUT_FILES)
        tags = {OUTCOME_TAG: result.outcome, REUSED_TAG: reused, SENT_TAG: signature}
        if result.attempts:
            tags |= code_tags(result.attempts[-1].code)
        news = self._unsent(run)
        if model_id is not None:
            news = self._linked(news, final_places(record.entries), model_id)
        self._forget_failure(run)
        self._log(run, news, tags)
        self._end(run, "FINISHED", result.time)
        self._signature = tags[SENT_TAG]
        # what is finished needs no memory
        self._pending, self._sent, self._checkpoints, self._run, self._model = {}, {}, {}, None, None

    def _send_failed(self, failure: Failure) -> None:
        signature = f"failed {failure.time} {self._crc:08x}"
        if (self.status, self._signature) != ("FAILED", signature):
            text = " ".join(failure.text.split())[:5000]
            self._send_end("FAILED", failure.time, {FAILURE_TAG: text, SENT_TAG: signature})
            self._failure_shown = True

    def _send_killed(self) -> None:
        if self._first is None:
            return  # it hasn't begun
        signature = f"killed {self._crc:08x}"
        if (self.status, self._signature) != ("KILLED", signature):
            self._send_end("KILLED", self._last / 1000, {SENT_TAG: signature})

    def _is_changed(self) -> bool:
        """Tell whether the record is another one than when MLflow was told that the run failed, or was killed."""
        return not (self._signature or "").endswith(f" {self._crc:08x}")

    def _send_end(self, status: Status, time: float, tags: dict[str, str]) -> None:
        """Give a run that has no result its state."""
        run = self._begin(self._first if self._first is not None else int(time * 1000))
        if self.status == "FINISHED":
            return  # trained anew in vain: MLflow shows its result
        self._send_files(run)
        self._log(run, self._unsent(run), tags)
        self._end(run, status, time)
        self._signature = tags[SENT_TAG]

    def _forget_failure(self, run: Run) -> None:
        if self._failure_shown:
            self._count()
            self._family.store.client.delete_tag(run.info.run_id, FAILURE_TAG)
            self._failure_shown = False

    def _begin(self, milliseconds: int) -> Run:
        """Return the run, making it if need be."""
        if self._run is None:
            sweep = self._family.sweep
            tags = {
                "mlflow.user": sweep.user,
                "mlflow.source.name": "convsweep",
                "mlflow.source.type": "LOCAL",
                ROLE_TAG: "run",
                SWEEP_TAG: sweep.id,
                JOB_TAG: job_id(sweep, self._job),
                RUN_KEY_TAG: self._job.run_key,
            }
            if self._family.parent_run_id is not None:
                tags["mlflow.parentRunId"] = self._family.parent_run_id
            tags |= code_tags(sweep.code)
            if (self._directory / CONFIG).exists():  # not if the run failed before
                tags |= config_tags(self._configuration)
                tags[CONFIGURATION_TAG] = configuration_name(self._configuration, sweep.axes)
            self._count()
            client, experiment = self._family.store.client, self._family.store.experiment_id
            self._run = client.create_run(experiment, milliseconds, tags, self._job.name)
            self.run_id, self.status, self._sent, self._is_new = self._run.info.run_id, "RUNNING", {}, True
        return self._run

    def _unsent(self, run: Run) -> list[Point]:
        """Return the points that MLflow lacks."""
        if self._sent is None:
            self._sent = {point.place: point for point in self._history(run)}
        return [point for place, point in self._pending.items() if place not in self._sent]

    def _history(self, run: Run) -> Iterator[Point]:
        for key in run.data.metrics:
            for metric in self._family.store.client.get_metric_history(run.info.run_id, key):
                yield Point((key, metric.step), metric.value, metric.timestamp)

    def _linked(self, news: list[Point], final: Collection[Place], model_id: str) -> list[Point]:
        """Return points with those of the trained network linked to its model, also those that were sent before."""
        assert self._sent is not None
        sent = [self._sent[place] for place in final if place in self._sent]  # exactly as it was sent: no second point
        return [point._replace(model_id=model_id if point.place in final else None) for point in [*news, *sent]]

    def _log(self, run: Run, news: list[Point], tags: dict[str, str]) -> None:
        """Send points and tags, and the params if they are missing."""
        missing = {} if run.data.params or not (self._directory / CONFIG).exists() else params(self._configuration)
        if not (news or tags or missing):
            return
        self._count()
        self._family.store.client.log_batch(
            run.info.run_id,
            metrics=[point.metric() for point in news],
            params=[Param(key, value) for key, value in missing.items()],
            tags=[RunTag(key, value) for key, value in tags.items()],
        )
        run.data.params.update(missing)
        assert self._sent is not None
        self._sent |= {point.place: point for point in news}

    def _send_files(self, run: Run, *, everything: bool = False) -> None:
        """Send the files that are there by now: those of a finished run, or of one that is under way."""
        if not self._has_files:
            return
        artifacts = self._artifacts_of(run)
        sweep_files = sweep_directory(self._family.mlruns, self._family.sweep.id)
        with contextlib.suppress(FileNotFoundError):  # just being replaced: whoever goes on writes it again
            # the only checkpoint of a run under way is going to be removed
            for epoch in [] if self._keeps_last_only and not everything else list(self._checkpoints):
                artifacts.send(self._checkpoints[epoch], "checkpoints")
                if not everything:
                    del self._checkpoints[epoch]
        if not everything and artifacts.has(CONFIG):
            return
        files: list[tuple[Path, str | None]] = [(self._directory / CONFIG, None)]
        files += [(path, "environment") for path in provenance_files(sweep_files)]
        files += [(self._directory / name, None) for name in (RESULT, PREDICTIONS)]
        files += [(figure, "figures") for figure in sorted((self._directory / "figures").glob("*.png"))]
        for path, folder in files:
            with contextlib.suppress(FileNotFoundError):
                artifacts.send(path, folder, again=path.name == RESULT)

    def _artifacts_of(self, run: Run) -> Artifacts:
        if self._artifacts is None:
            client, run_id = self._family.store.client, run.info.run_id

            def upload(path: str, folder: str | None) -> None:
                self._count()
                client.log_artifact(run_id, path, folder)

            known = self._is_new or local_folder(run.info.artifact_uri) is not None
            present = () if known else _artifact_names(self._family.store, run_id)
            self._artifacts = Artifacts(run.info.artifact_uri, upload, present)
            if not self._is_new:
                self._artifacts.tidy()
        return self._artifacts

    def _send_model(self, run: Run, record: Record) -> str | None:
        """Log the trained network, if there is one and files are to be sent; return the model's id."""
        if not self._has_files:
            return None
        ends = [entry.event for entry in record.entries if isinstance(entry.event, EpochEnd)]
        if not ends:
            return None  # the untrained network's loss wasn't finite
        owner = Owner(
            run.info.run_id,
            params(self._configuration),
            {SWEEP_TAG: self._family.sweep.id, JOB_TAG: job_id(self._family.sweep, self._job)},
            ends[-1].step,
            self._configuration.data.pixels,
        )
        self._count()
        return send_model(self._family.store, owner, checkpoint_path(self._directory, ends[-1].epoch), self._model)

    def _end(self, run: Run, status: Status, time: float) -> None:
        self._count()
        # the host that ended it may be behind the one that began it
        ended = max(int(time * 1000), self._last, run.info.start_time)
        self._family.store.client.set_terminated(run.info.run_id, status, ended)
        self.status = status

    def _count(self) -> None:
        self.calls += 1


@contextlib.contextmanager
def reading_records() -> Iterator[None]:
    """Tell a record that can't be read from a store that can't be used."""
    try:
        yield
    except RequestException:  # subtle: it is an OSError, too
        raise
    except OSError as error:
        raise UserError(f"'{error.filename}' cannot be read: {error.strerror}.") from error


def job_id(sweep: Sweep, job: SweepJob) -> str:
    """Return the tag that a job's run is found by."""
    return f"{sweep.id}/{job.number}"


def _of_result(result: Result) -> str:
    """Return what tells this record of a finished run from any other."""
    return f"finished {result.events_crc:08x} {result.time}"


def _dataset(config: RunConfig, result: Result) -> DatasetInput:
    """Say which images were used."""
    sizes = {f"num_{split}": getattr(config.data, f"num_{split}") for split in ("train", "valid", "test")}
    entity = Dataset(
        name=config.data.name,
        digest=result.data_digest[:16],
        source_type="code",
        source=json.dumps({"source": result.data_source}),
        profile=json.dumps(sizes),
    )
    return DatasetInput(entity, tags=[InputTag("mlflow.data.context", "training")])


def _artifact_names(store: Store, run_id: str) -> Iterator[str]:
    """List a run's files, as far as they are in folders of ours."""
    for folder in (None, "checkpoints", "figures", "environment"):
        yield from (file.path for file in store.client.list_artifacts(run_id, folder) if not file.is_dir)
