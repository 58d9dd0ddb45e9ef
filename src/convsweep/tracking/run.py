"""One run in MLflow, fed with the events that training yields or that a journal kept.

The journal is the record, MLflow a view of it: once MLflow stops answering, that is said once and
training goes on.
"""

import contextlib
import json
import logging
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import mlflow
import numpy as np
from mlflow.entities import Dataset as DatasetEntity
from mlflow.entities import DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.models import Model, ModelSignature
from mlflow.tracking.context.registry import resolve_tags
from mlflow.types import ColSpec, Schema, TensorSpec

from convsweep.data import Dataset
from convsweep.nn.network import IMAGE_SHAPE, NUM_CLASSES
from convsweep.nn.training import Diverged, EpochEnd, Evaluation, Event, Window
from convsweep.records.provenance import Provenance
from convsweep.runs.jobs import Sweep
from convsweep.tracking.store import OWNER_TAG, STORE_ERRORS, Store, answering, one_line, owner, undisturbed
from convsweep.tracking.sweep import ROLE_TAG, SWEEP_TAG

RUN_KEY_TAG = "convsweep.run_key"
OUTCOME_TAG = "convsweep.outcome"  # finished | diverged
REUSED_TAG = "convsweep.reused"  # true: the results are those of an earlier run of the same key
MODEL_CODE = Path(__file__).with_name("pyfunc_model.py")
MODEL_SIGNATURE = ModelSignature(
    inputs=Schema([TensorSpec(np.dtype(np.uint8), (-1, *IMAGE_SHAPE))]),
    outputs=Schema([ColSpec("long", "digit"), *(ColSpec("double", f"p{digit}") for digit in range(NUM_CLASSES))]),
)

SENDING_PAUSE = 1.0  # seconds between two batches of metrics: what a batch costs hardly depends on its size

log = logging.getLogger(__name__)


class TrackedRun:
    """A run in MLflow, from RUNNING to its final state.

    Args:
        store: Where it is to be.

    Attributes:
        id: Its id, once it has begun.
        trouble: Why MLflow was given up on, if it was.
    """

    def __init__(self, store: Store) -> None:
        self.id: str | None = None
        self.trouble: str | None = None
        self._store = store
        self._metrics: list[Metric] = []
        self._sent = time.monotonic()

    def begin(
        self,
        *,
        name: str,
        params: Mapping[str, str],
        tags: Mapping[str, str],
        provenance: Provenance,
        sweep: Sweep | None,
    ) -> None:
        """Make the run, in state RUNNING: from here on it must be ended.

        Args:
            name: Its name in the UI.
            params: Its hyperparameters.
            tags: Everything else in short.
            provenance: Where its code comes from.
            sweep: The sweep it is a job of, if it is one.

        Raises:
            UserError: The store refuses.
        """
        all_tags = {**resolve_tags(), **tags, ROLE_TAG: "run", OWNER_TAG: owner()}
        if provenance.git_commit is not None:
            all_tags |= {
                "mlflow.source.git.commit": provenance.git_commit,
                "convsweep.git_dirty": str(bool(provenance.git_diff)),
            }
        if sweep is not None:
            all_tags |= {SWEEP_TAG: sweep.id, "mlflow.parentRunId": sweep.parent_run_id}
        client = self._store.client
        with answering(self._store.uri):
            # subtle: a signal that comes meanwhile is raised at the end of this block, when the id is known
            self.id = client.create_run(self._store.experiment_id, tags=all_tags, run_name=name).info.run_id
            client.log_batch(self.id, params=[Param(key, value) for key, value in params.items()])

    def record(self, event: Event, checkpoint: Path | None = None) -> None:
        """Take an event in; an epoch's end sends what has gathered for a while, and the epoch's checkpoint."""
        match event:
            case Window():
                self._add("train/loss", event.loss, event.step)
                self._add("train/accuracy", event.accuracy, event.step)
            case Evaluation():
                # accuracy first: MLflow's compare page preselects the metric that was logged first.
                # A value logged once shows as a bar at step 0, and as a lone dot at any other
                step = event.step if event.split == "valid" else 0
                self._add(f"{event.split}/accuracy", event.accuracy, step)
                self._add(f"{event.split}/loss", event.loss, step)
            case EpochEnd():
                if time.monotonic() > self._sent + SENDING_PAUSE:
                    self._flush()
                if checkpoint is not None:
                    self._send(self._store.client.log_artifact, self.id, str(checkpoint), "checkpoints")
            case Diverged():
                self._flush()

    def log_scalars(self, scalars: Mapping[str, float]) -> None:
        """Log values that a run has one of."""
        for key, value in scalars.items():
            self._add(key, value, 0)
        self._flush()

    def log_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags."""
        self._send(self._store.client.log_batch, self.id, tags=[RunTag(key, value) for key, value in tags.items()])

    def log_files(self, paths: Sequence[Path], folder: str | None = None) -> None:
        """Copy files to the run's artifacts."""
        for path in paths:
            self._send(self._store.client.log_artifact, self.id, str(path), folder)

    def log_dataset(self, dataset: Dataset) -> None:
        """Say which images were used."""
        entity = DatasetEntity(
            name=dataset.name,
            digest=dataset.digest[:16],
            source_type="code",
            source=json.dumps({"source": dataset.source}),
            profile=json.dumps(
                {f"num_{split}": len(batch.labels) for split, batch in dataset.splits._asdict().items()}
            ),
        )
        used = DatasetInput(entity, tags=[InputTag("mlflow.data.context", "training")])
        self._send(self._store.client.log_inputs, self.id, [used])

    def log_provenance(self, found: Provenance) -> None:
        """Log the uncommitted diff and the environment."""
        if found.git_diff:
            self._send(self._store.client.log_text, self.id, found.git_diff + "\n", "environment/uncommitted.diff")
        self._send(self._store.client.log_dict, self.id, found.environment, "environment/environment.json")

    def log_model(self, checkpoint: Path) -> None:
        """Log the trained network as a model that predicts digits from images."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*An input example was not provided")
            self._send(
                Model.log,
                artifact_path=None,
                name="model",
                flavor=mlflow.pyfunc,
                run_id=self.id,
                python_model=str(MODEL_CODE),
                artifacts={"checkpoint": str(checkpoint)},
                # inferring them would take 1.5 s; with an example MLflow would load the model again, to try it
                pip_requirements=[f"{package}=={version(package)}" for package in ("mlflow", "numpy", "pandas")],
                signature=MODEL_SIGNATURE,
            )

    def end(self, status: Literal["FINISHED", "FAILED", "KILLED"]) -> None:
        """Give the run its final state, if it has begun."""
        if self.id is None:
            return
        self._flush()
        self._send(self._store.client.set_terminated, self.id, status)
        if self.trouble is not None:
            # tried all the same: the store may have refused an artifact, not its database
            with contextlib.suppress(*STORE_ERRORS), undisturbed(self._store.uri):
                self._store.client.set_terminated(self.id, "FAILED")

    def _add(self, key: str, value: float, step: int) -> None:
        self._metrics.append(Metric(key, value, int(time.time() * 1000), step))

    def _flush(self) -> None:
        metrics, self._metrics = self._metrics, []
        self._sent = time.monotonic()
        for start in range(0, len(metrics), 1000):  # MLflow's limit for a batch
            self._send(self._store.client.log_batch, self.id, metrics=metrics[start : start + 1000])

    def _send(self, call: Callable[..., Any], *args: object, **kwargs: object) -> None:
        if self.trouble is not None:
            return
        try:
            with undisturbed(self._store.uri):
                call(*args, **kwargs)
        except STORE_ERRORS as error:
            self.trouble = one_line(error)
            log.warning("MLflow's store '%s' failed, training goes on without it: %s", self._store.uri, self.trouble)
