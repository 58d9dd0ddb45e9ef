"""A sweep in MLflow: one parent run, which its jobs find through a file in the sweep's directory."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mlflow.tracking.context.registry import resolve_tags

from convsweep.records.journal import write_whole, writing
from convsweep.runs.jobs import Sweep
from convsweep.tracking.store import OWNER_TAG, RUNNING, Store, answering, owner, search

SWEEP_TAG = "convsweep.sweep"  # on the parent and every job: the sweep's id
ROLE_TAG = "convsweep.role"  # sweep | run
FILE = "sweep.json"


@contextmanager
def open_sweep(store: Store, directory: Path, axes: Sequence[str], num_jobs: int) -> Iterator[Sweep]:
    """Keep a parent run while the sweep's jobs run; its final state is how they ended."""
    tags = {
        **resolve_tags(),
        SWEEP_TAG: directory.name,
        ROLE_TAG: "sweep",
        OWNER_TAG: owner(),
        "convsweep.axes": ", ".join(axes),
        "convsweep.num_jobs": str(num_jobs),
    }
    name = " x ".join(axis.rpartition(".")[2] for axis in axes) or "sweep"
    parent_run_id: str | None = None
    state = "KILLED"  # by Ctrl-C or SIGTERM, unless something else can be said
    try:
        with answering(store.uri):
            parent = store.client.create_run(store.experiment_id, tags=tags, run_name=f"sweep {name}")
            parent_run_id = parent.info.run_id
        sweep = Sweep(directory.name, parent_run_id, tuple(axes))
        with writing(directory):
            directory.mkdir(parents=True, exist_ok=True)
            write_whole(directory / FILE, json.dumps(sweep._asdict(), indent=2).encode())
        yield sweep
        state = "FINISHED"
    except Exception:
        state = "FAILED"
        raise
    finally:
        if parent_run_id is not None:
            with answering(store.uri):
                for job in search(store, RUNNING, jobs_of(directory.name)):
                    store.client.set_terminated(job.info.run_id, "KILLED")  # its process is gone and couldn't say so
                store.client.set_terminated(parent_run_id, state)


def jobs_of(sweep_id: str) -> str:
    """Return the search condition for a sweep's jobs."""
    return f"tags.`{SWEEP_TAG}` = '{sweep_id}' and tags.`{ROLE_TAG}` = 'run'"


def last_sweep_id(store: Store) -> str | None:
    """Return the id of the sweep begun last, if there is any."""
    parents = search(store, f"tags.`{ROLE_TAG}` = 'sweep'")
    return parents[0].data.tags[SWEEP_TAG] if parents else None


def read_sweep(directory: Path) -> Sweep | None:
    """Return the sweep whose directory this is, if it was opened."""
    path = directory / FILE
    if not path.exists():
        return None
    fields = json.loads(path.read_text())
    return Sweep(fields["id"], fields["parent_run_id"], tuple(fields["axes"]))
