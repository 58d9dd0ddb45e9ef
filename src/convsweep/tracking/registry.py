"""The best model in MLflow's registry: ``models:/convsweep@champion``."""

from collections.abc import Sequence
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from convsweep.compare.comparison import Comparison
from convsweep.compare.runs import Run
from convsweep.compare.sentences import answer, percent
from convsweep.errors import UserError
from convsweep.records.sweep import find_sweep
from convsweep.tracking.addresses import is_server
from convsweep.tracking.names import tagged
from convsweep.tracking.store import Store, answering, open_existing, search

MODEL, ALIAS = "convsweep", "champion"


def register_best(mlruns: Path, comparisons: Sequence[Comparison]) -> str:
    """Give the best run's model the champion's alias; asked again, this changes nothing.

    Args:
        mlruns: The folder of everything.
        comparisons: The best of one is chosen, on ``valid``.

    Returns:
        What was done, in a line.

    Raises:
        UserError: There is no best run, or MLflow doesn't know it.
        StoreError: The store refuses.
    """
    if len(comparisons) > 1:
        raise UserError("'--register' must find one best run (got runs judged on different images: choose a sweep).")
    run = comparisons[0].best_run if comparisons else None
    if run is None or run.result is None:
        found = answer(comparisons[0]) if comparisons else "No run has finished."
        raise UserError(f"'--register' must find a best run. {found}")
    sweep = find_sweep(mlruns, run.result.sweep)
    if sweep.artifacts == "none":
        raise UserError(
            "'--register' needs the best run's model in MLflow (got a sweep with 'tracking.artifacts=none')."
        )
    store = open_existing(mlruns, sweep.experiment)
    with answering(store.uri):
        run_id, model_id = _model_of(store, run)
        version = _version(store, run_id, model_id)
        champion = f"models:/{MODEL}@{ALIAS}"
        if ALIAS in version.aliases:
            return f"{champion} is {run.name} already, as version {version.version}."
        store.client.set_registered_model_alias(MODEL, ALIAS, version.version)
    return f"{champion} is {run.name} now, {percent(run.valid_accuracy)} on valid, as version {version.version}."


def _model_of(store: Store, run: Run) -> tuple[str, str]:
    """Return MLflow's ids of a run and its model."""
    for found in search(store, tagged(run_key=run.run_key, role="run")):
        for output in found.outputs.model_outputs if found.outputs else ():
            return found.info.run_id, output.model_id
    raise UserError(f"MLflow has no model of {run.name} yet: `convsweep sync` sends it.")


def _version(store: Store, run_id: str, model_id: str) -> ModelVersion:
    """Return the registered version of a model, registering it if need be."""
    try:
        store.client.create_registered_model(MODEL)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    versions = store.client.search_model_versions(f"name = '{MODEL}' and run_id = '{run_id}'")
    if versions:
        return store.client.get_model_version(MODEL, versions[0].version)  # what a search returns lacks the aliases
    # subtle: outside a server MLflow looks a `models:/` address up in the environment's store, which may be another
    location = store.client.get_logged_model(model_id).artifact_location
    source = f"models:/{model_id}" if is_server(store.uri) else location
    return store.client.create_model_version(MODEL, source, run_id, model_id=model_id)
