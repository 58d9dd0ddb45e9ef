"""Trained networks as MLflow's logged models, made file by file.

``Model.log`` reads back every metric that its run has and takes four times as long. What a model consists of is the
same for all runs but for its checkpoint and two ids: MLflow makes it once, as a template.
"""

import functools
import re
import tempfile
import warnings
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import mlflow.pyfunc
import numpy as np
from mlflow import MlflowClient
from mlflow.entities import LoggedModel, LoggedModelOutput, LoggedModelStatus
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, Schema, TensorSpec

from convsweep.nn.network import NUM_CLASSES
from convsweep.nn.patches import PixelRange
from convsweep.records.files import write_whole
from convsweep.tracking.artifacts import link, local_folder, remove_leftovers
from convsweep.tracking.refusals import one_line
from convsweep.tracking.store import Store, StoreError

NAME = "model"
CODE = Path(__file__).with_name("pyfunc_model.py")
CHECKPOINT = "artifacts/checkpoint.npz"
# subtle: had the input a type, `mlflow models predict` and serving would cast floats from 0 to 1 to it, which makes
# them black, before the model sees them. What the model gets as it is, it checks itself
SIGNATURE = ModelSignature(
    inputs=Schema([TensorSpec(np.dtype(object), (-1,))]),
    outputs=Schema([ColSpec("long", "digit"), *(ColSpec("double", f"p{digit}") for digit in range(NUM_CLASSES))]),
)
RUN_ID, MODEL_ID = "0" * 32, "m-" + "1" * 32  # stand in the template for those of a real run and model


class Owner(NamedTuple):
    """The run that a model belongs to."""

    run_id: str
    params: Mapping[str, str]
    tags: Mapping[str, str]
    step: int  # after which the checkpoint was written
    pixels: PixelRange  # that it was trained on


def search_models(store: Store, condition: str) -> dict[str, LoggedModel]:
    """Return the models that meet a condition on their tags, by the runs they belong to; a run's second is deleted."""
    models: dict[str, LoggedModel] = {}
    token: str | None = None
    while True:
        page = store.client.search_logged_models(
            [store.experiment_id],
            f"name = '{NAME}' AND {condition}",
            order_by=[{"field_name": "creation_timestamp", "ascending": True}],
            page_token=token,
        )
        for model in page:
            if models.setdefault(str(model.source_run_id), model) is not model:
                store.client.delete_logged_model(model.model_id)
        token = page.token
        if not token:
            return models


def send_model(store: Store, owner: Owner, checkpoint: Path, begun: LoggedModel | None) -> str:
    """Log a model unless it is there, and return its id.

    Args:
        store: Where to.
        owner: The run it belongs to.
        checkpoint: The file of its parameters.
        begun: The run's model as far as it was made before, perhaps by a process that was killed.

    Raises:
        StoreError: The place for its files refuses them.
    """
    client = store.client
    if begun is not None and begun.status == LoggedModelStatus.READY and _has_its_files(begun):
        return str(begun.model_id)
    model = begun or client.create_logged_model(
        store.experiment_id, NAME, owner.run_id, dict(owner.tags), dict(owner.params)
    )
    _send_files(client, model, owner, checkpoint)
    # subtle: telling a run of its model twice would show two
    if begun is None or model.model_id not in _models_of(client, owner.run_id):
        client.log_outputs(owner.run_id, [LoggedModelOutput(model.model_id, owner.step)])
    client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
    return str(model.model_id)


def _has_its_files(model: LoggedModel) -> bool:
    folder = local_folder(model.artifact_location)
    return folder is None or (folder / CHECKPOINT).exists()


def _models_of(client: MlflowClient, run_id: str) -> list[str]:
    outputs = client.get_run(run_id).outputs
    return [output.model_id for output in outputs.model_outputs] if outputs else []


def _send_files(client: MlflowClient, model: LoggedModel, owner: Owner, checkpoint: Path) -> None:
    ids = {RUN_ID: owner.run_id, MODEL_ID: model.model_id}
    files = {name: _replaced(text, ids) for name, text in model_template(owner.pixels).items()}
    folder = local_folder(model.artifact_location)
    if folder is None:
        with tempfile.TemporaryDirectory() as temporary:
            _write_files(Path(temporary), files, checkpoint)
            try:
                client.log_model_artifacts(model.model_id, temporary)
            except Exception as error:  # each kind of artifact store has errors of its own
                raise StoreError(f"A model cannot be sent to MLflow: {one_line(str(error))}") from error
    else:
        remove_leftovers(folder)
        try:
            _write_files(folder, files, checkpoint)
        except OSError as error:
            raise StoreError(f"'{folder}' cannot be written: {error.strerror}.") from error


def _write_files(folder: Path, files: Mapping[str, str], checkpoint: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        write_whole(folder / name, text.encode(), durable=False)
    link(checkpoint, folder / CHECKPOINT)


@functools.cache
def model_template(pixels: PixelRange) -> dict[str, str]:
    """Return the files of a model that sees such pixels, as MLflow makes them, but for the checkpoint: path -> text."""
    with tempfile.TemporaryDirectory() as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*An input example was not provided")
        stand_in, folder = Path(temporary, Path(CHECKPOINT).name), Path(temporary, "model")
        stand_in.touch()
        mlflow.pyfunc.save_model(
            folder,
            python_model=str(CODE),
            artifacts={"checkpoint": str(stand_in)},
            # inferring them would take 1.5 s
            pip_requirements=[f"{package}=={version(package)}" for package in ("mlflow", "numpy", "pandas")],
            signature=SIGNATURE,
            model_config={"pixels": pixels},
            mlflow_model=Model(run_id=RUN_ID, model_id=MODEL_ID, model_uuid=MODEL_ID),
        )
        paths = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        files = {str(path.relative_to(folder)): path.read_text() for path in paths}
        del files[CHECKPOINT]
        files["MLmodel"] = re.sub("model_size_bytes: .*\n", "", files["MLmodel"])  # it would be the template's
        return {name: _replaced(text, {str(stand_in): CHECKPOINT}) for name, text in files.items()}


def _replaced(text: str, replacements: Mapping[str, str]) -> str:
    for old, new in replacements.items():
        text = text.replace(old, new)
    return text
