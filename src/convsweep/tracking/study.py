"""A study in MLflow: one parent run with the verdicts, and under it a run a seed and gradient rule.

Their role is neither ``run`` nor ``sweep``: what compares runs or sweeps doesn't see them.
"""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.tracking.context.registry import resolve_tags

from convsweep.tracking.addresses import is_server
from convsweep.tracking.names import NOTE_TAG, ROLE_TAG, STUDY_TAG, tagged
from convsweep.tracking.store import Store, answering, search

OWNER_TAG = "convsweep.owner"  # the process that keeps a run up to date
RUNNING = "attributes.status = 'RUNNING'"


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
            OWNER_TAG: _owner(),
            "mlflow.parentRunId": self._run_id,
        }
        client, now = self._store.client, int(time.time() * 1000)
        with _undisturbed(self._store.uri):
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
        with _undisturbed(self._store.uri):
            self._store.client.log_batch(self._run_id, tags=[RunTag(key, value) for key, value in all_tags.items()])
            for path in files:
                self._store.client.log_artifact(self._run_id, str(path))


@contextmanager
def open_study(store: Store, study_id: str, name: str, params: Mapping[str, str]) -> Iterator[TrackedStudy]:
    """Keep a parent run while the study runs; its final state is how the study ended.

    Raises:
        UserError: The store refuses.
    """
    tags = {**resolve_tags(), STUDY_TAG: study_id, ROLE_TAG: "study", OWNER_TAG: _owner()}
    run_id: str | None = None
    state = "KILLED"  # by Ctrl-C or SIGTERM, unless something else can be said
    try:
        with _undisturbed(store.uri):
            _end_abandoned(store)
            run_id = store.client.create_run(store.experiment_id, tags=tags, run_name=name).info.run_id
            store.client.log_batch(run_id, params=[Param(key, value) for key, value in params.items()])
        yield TrackedStudy(store, study_id, run_id)
        state = "FINISHED"
    except Exception:
        state = "FAILED"
        raise
    finally:
        if run_id is not None:
            with _undisturbed(store.uri):
                for replication in search(store, f"{RUNNING} and {tagged(study=study_id)}"):
                    store.client.set_terminated(replication.info.run_id, "KILLED")
                store.client.set_terminated(run_id, state)


def last_study(store: Store) -> Run | None:
    """Return the parent run of the last study, if there is one."""
    return next(iter(search(store, tagged(role="study"))), None)


@contextmanager
def _undisturbed(uri: str) -> Iterator[None]:
    """Turn the store's refusal into one line, and hold Ctrl-C and SIGTERM back until the body is through.

    Amid a transaction they could leave a database locked. A server is asked without: it may not answer, and then
    Ctrl-C is the way out.
    """
    if is_server(uri) or threading.current_thread() is not threading.main_thread():
        with answering(uri):
            yield
        return
    arrived: list[int] = []
    handlers = {
        # not blocked by a mask, which another thread would not share: Python runs handlers in this one, whoever was hit
        number: signal.signal(number, lambda number, _: arrived.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        with answering(uri):
            yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if arrived:
            signal.raise_signal(arrived[0])


def _owner() -> str:
    """Return who this process is: host, process number, and when it started (numbers are used again)."""
    return f"{socket.gethostname()}:{os.getpid()}:{psutil.Process().create_time():.2f}"


def _end_abandoned(store: Store) -> None:
    """Mark as KILLED what a process of this host began that is no more: killed outright, or the power went."""
    for run in search(store, RUNNING):
        host, _, process = run.data.tags.get(OWNER_TAG, "").partition(":")
        if host == socket.gethostname() and not _alive(process):
            store.client.set_terminated(run.info.run_id, "KILLED")


def _alive(process: str) -> bool:
    number, _, started = process.partition(":")
    try:
        return f"{psutil.Process(int(number)).create_time():.2f}" == started
    except psutil.NoSuchProcess:
        return False
