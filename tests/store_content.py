"""What MLflow's SQLite store holds, read without MLflow, with its random ids replaced by what they stand for.

Two stores with equal content show the same, whenever they were written and however often something was tried again.
"""

import hashlib
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname


def read_content(path):
    """Return everything of runs and models, by the runs' names."""
    with closing(sqlite3.connect(path)) as database:
        runs = database.execute(
            "SELECT run_uuid, runs.name, status, start_time, end_time, experiments.name, artifact_uri FROM runs "
            "JOIN experiments USING (experiment_id) WHERE runs.lifecycle_stage = 'active' ORDER BY runs.name"
        ).fetchall()
        names = {run_id: name for run_id, name, *_ in runs}
        assert len(names) == len(runs)
        return [_run(database, names, *run) for run in runs]


def read_ids(path):
    """Return the ids of all runs, deleted ones included."""
    with closing(sqlite3.connect(path)) as database:
        return {run_id for (run_id,) in database.execute("SELECT run_uuid FROM runs")}


def read_statuses(path):
    """Return the states of runs by their names."""
    return {run["name"]: run["status"] for run in read_content(path)}


def _run(database, names, run_id, name, status, start, end, experiment, artifact_uri):
    def select(columns, table, where, order):
        query = f"SELECT {columns} FROM {table} WHERE {where} = ? ORDER BY {order}"
        return database.execute(query, (run_id,)).fetchall()

    tags = {key: _without_ids(value, names) for key, value in select("key, value", "tags", "run_uuid", "key")}
    if "mlflow.parentRunId" in tags:
        assert tags["mlflow.parentRunId"] in names.values()
    return {
        "name": name,
        "status": status,
        "times": (start, end),
        "experiment": experiment,
        "params": dict(select("key, value", "params", "run_uuid", "key")),
        "tags": tags,
        "metrics": select("key, step, value, timestamp", "metrics", "run_uuid", "key, step, timestamp"),
        "first metric": select("key", "metrics", "run_uuid", "rowid")[:1],
        "latest": select("key, step, value", "latest_metrics", "run_uuid", "key"),
        "datasets": select(
            "name, digest, dataset_source, dataset_profile",
            "inputs JOIN datasets ON source_id = dataset_uuid",
            "destination_id",
            "name",
        ),
        "models": [_model(database, *model) for model in _models(database, run_id)],
        "outputs": len(select("input_uuid", "inputs", "source_id", "1")),
        "artifacts": _files(artifact_uri, {run_id: "RUN"}),
    }


def _without_ids(text, names):
    return re.sub("[0-9a-f]{32}", lambda found: names.get(found[0], found[0]), text)


def _models(database, run_id):
    return database.execute(
        "SELECT model_id, name, status, artifact_location, source_run_id FROM logged_models "
        "WHERE source_run_id = ? AND lifecycle_stage = 'active'",
        (run_id,),
    ).fetchall()


def _model(database, model_id, name, status, location, run_id):
    def select(columns, table):
        return database.execute(f"SELECT {columns} FROM {table} WHERE model_id = ? ORDER BY 1", (model_id,)).fetchall()

    return {
        "name": name,
        "status": status,
        "params": select("param_key, param_value", "logged_model_params"),
        "tags": select("tag_key, tag_value", "logged_model_tags"),
        "metrics": select("metric_name, metric_step, metric_value", "logged_model_metrics"),
        "files": _files(location, {model_id: "MODEL", run_id: "RUN"}),
    }


def folder_of(uri):
    """Return the folder that an artifact location is."""
    return Path(url2pathname(urlparse(uri).path))


def _files(location, ids):
    """Return the digests of files by their paths, with ids and times replaced."""
    found, folder = {}, folder_of(location)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            if path.name == "MLmodel":
                text = re.sub("utc_time_created: .*", "", content.decode())
                for old, new in ids.items():
                    text = text.replace(old, new)
                content = text.encode()
            found[str(path.relative_to(folder))] = hashlib.sha256(content).hexdigest()[:12]
    return found
