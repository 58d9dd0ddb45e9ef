"""A study in MLflow: one parent run with the verdicts, and under it a run a seed and gradient rule.

Their role is neither ``run`` nor ``sweep``: what compares runs or sweeps doesn't see them.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking.context.registry import resolve_tags

from convsweep.tracking.store import OWNER_TAG, RUNNING, Store, answering, owner, search
from convsweep.tracking.sweep import ROLE_TAG

STUDY_TAG = "convsweep.study"  # on the parent and every replication: the study's id
NOTE_TAG = "mlflow.note.content"  # what the page of a run shows as its description


class TrackedStudy:
    """A study's parent run, while it is under way.

    Args:
        store: Where it is.
        study_id: The study's id.
        run_id: The parent run's id.
    """

    def __init__(self, store: Store, study_id: str, run_id: str) -> None:
        self.id = study_id
        self._store = store
        self._run_id = run_id

    def log_replication(
        self, name: str, params: Mapping[str, str], tags: Mapping[str, str], points: Sequence[tuple[str, float, int]]
    ) -> None:
        """Log one seed's run, whole.

        Args:
            name: Its name in the UI.
            params: What tells it from the study's other runs.
            tags: Everything else in short.
            points: Metric, value and step each.

        Raises:
            UserError: The store refuses.
        """
        all_tags = {
            **resolve_tags(),
            **tags,
            STUDY_TAG: self.id,
            ROLE_TAG: "replication",
            OWNER_TAG: owner(),
            "mlflow.parentRunId": self._run_id,
        }
        client, now = self._store.client, int(time.time() * 1000)
        with answering(self._store.uri):
            run_id = client.create_run(self._store.experiment_id, tags=all_tags, run_name=name).info.run_id
            client.log_batch(
                run_id,
                metrics=[Metric(key, value, now, step) for key, value, step in points],
                params=[Param(key, value) for key, value in params.items()],
            )
            client.set_terminated(run_id)

    def log_report(self, note: str, tags: Mapping[str, str], files: Sequence[Path]) -> None:
        """Give the parent its description, its tags, and files as artifacts.

        Raises:
            UserError: The store refuses.
        """
        all_tags = {NOTE_TAG: note, **tags}
        with answering(self._store.uri):
            self._store.client.log_batch(self._run_id, tags=[RunTag(key, value) for key, value in all_tags.items()])
            for path in files:
                self._store.client.log_artifact(self._run_id, str(path))


@contextmanager
def open_study(store: Store, study_id: str, name: str, params: Mapping[str, str]) -> Iterator[TrackedStudy]:
    """Keep a parent run while the study runs; its final state is how the study ended.

    Raises:
        UserError: The store refuses.
    """
    tags = {**resolve_tags(), STUDY_TAG: study_id, ROLE_TAG: "study", OWNER_TAG: owner()}
    run_id: str | None = None
    state = "KILLED"  # by Ctrl-C or SIGTERM, unless something else can be said
    try:
        with answering(store.uri):
            run_id = store.client.create_run(store.experiment_id, tags=tags, run_name=name).info.run_id
            store.client.log_batch(run_id, params=[Param(key, value) for key, value in params.items()])
        yield TrackedStudy(store, study_id, run_id)
        state = "FINISHED"
    except Exception:
        state = "FAILED"
        raise
    finally:
        if run_id is not None:
            with answering(store.uri):
                for replication in search(store, RUNNING, f"tags.`{STUDY_TAG}` = '{study_id}'"):
                    store.client.set_terminated(replication.info.run_id, "KILLED")
                store.client.set_terminated(run_id, state)


def study_page(store: Store) -> dict[str, str]:
    """Return the address of the page that compares the last study's runs, relative to the server's, if there is one."""
    with answering(store.uri):
        studies = search(store, f"tags.`{ROLE_TAG}` = 'study'")
    if not studies:
        return {}
    condition = f"tags.`{STUDY_TAG}` = '{studies[0].data.tags[STUDY_TAG]}' and tags.`{ROLE_TAG}` = 'replication'"
    # MLflow heeds the filter only if it is told an order, too
    query = f"searchFilter={quote(condition)}&orderByKey={quote('metrics.`test/loss`', safe='')}&orderByAsc=true"
    page = f"#/experiments/{store.experiment_id}/runs?workflowType=machine_learning&{query}&compareRunsMode=CHART"
    return {"study": page}
