"""The parent run of a sweep: its state, what came of it in short, and the files on its page."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mlflow.entities import Metric, Run, RunTag

from convsweep.records.sweep import State, Sweep
from convsweep.tracking.artifacts import Artifacts, local_folder
from convsweep.tracking.names import AXES_TAG, NOTE_TAG, ROLE_TAG, SENT_TAG, SWEEP_TAG, is_ours
from convsweep.tracking.runs import Status
from convsweep.tracking.store import Store, answering

STATUSES: Mapping[State, Status] = {
    "running": "KILLED",  # its launch was killed outright, or it would not be over
    "finished": "FINISHED",
    "failed": "FAILED",
    "killed": "KILLED",
    "detached": "RUNNING",  # a cluster goes on with it
}


class Parent:
    """A sweep's parent run in MLflow; made if there is none.

    Args:
        store: Where it is.
        sweep: The sweep.
        found: Its parent run, if there is one.

    Attributes:
        run_id: MLflow's id of it.
    """

    def __init__(self, store: Store, sweep: Sweep, found: Run | None) -> None:
        with answering(store.uri):
            run = found or store.client.create_run(
                store.experiment_id, int(sweep.created * 1000), _tags(sweep), sweep.title
            )
        self._store = store
        self.run_id: str = run.info.run_id
        self._artifact_uri: str = run.info.artifact_uri
        self._status: Status = run.info.status
        self._began: int = run.info.start_time
        self._signature = run.data.tags.get(SENT_TAG)
        self._note = run.data.tags.get(NOTE_TAG)

    def send_running(self) -> None:
        """Show that the sweep is under way.

        Raises:
            StoreError: The store refuses.
        """
        if self._status != "RUNNING":
            with answering(self._store.uri):
                self._store.client.update_run(self.run_id, status="RUNNING")
            self._status = "RUNNING"

    def shows(self, state: State, signature: str, files: Iterable[Path]) -> bool:
        """Tell whether it shows a sweep's end, which is sent last, and still has the files, as far as can be seen."""
        folder = local_folder(self._artifact_uri)
        has_files = folder is None or all((folder / path.name).exists() for path in files)
        return has_files and (self._status, self._signature) == (STATUSES[state], signature)

    def send_summary(
        self, note: str, tags: Mapping[str, str], metrics: Sequence[Metric], files: Iterable[Path]
    ) -> None:
        """Show what came of the sweep.

        Args:
            note: The description; one that a person has written is kept.
            tags: In short.
            metrics: Exactly the same ones again change nothing.
            files: What lies beside the description.

        Raises:
            StoreError: The store refuses.
        """
        client = self._store.client
        with answering(self._store.uri):
            self._send_files(files)
            described = {**tags, NOTE_TAG: note} if is_ours(self._note) else tags
            client.log_batch(
                self.run_id, metrics=metrics, tags=[RunTag(key, value) for key, value in described.items()]
            )

    def send_end(self, state: State, ended: float, signature: str) -> None:
        """Show that the sweep is over, and that nothing of it is missing.

        Args:
            state: How it ended.
            ended: When, seconds since 1970.
            signature: See ``shows``.

        Raises:
            StoreError: The store refuses.
        """
        with answering(self._store.uri):
            self._store.client.set_tag(self.run_id, SENT_TAG, signature)
            # another host than the one that launched it may have found it ended, by a clock that is behind
            self._store.client.set_terminated(self.run_id, STATUSES[state], max(int(ended * 1000), self._began))
        self._status, self._signature = STATUSES[state], signature

    def _send_files(self, files: Iterable[Path]) -> None:
        def upload(path: str, folder: str | None) -> None:
            self._store.client.log_artifact(self.run_id, path, folder)

        artifacts = Artifacts(self._artifact_uri, upload, ())
        if local_folder(self._artifact_uri) is not None:
            artifacts.tidy()
        for path in files:
            artifacts.send(path, again=True)


def _tags(sweep: Sweep) -> dict[str, str]:
    tags = {
        "mlflow.user": sweep.user,
        "mlflow.source.name": "convsweep",
        "mlflow.source.type": "LOCAL",
        SWEEP_TAG: sweep.id,
        ROLE_TAG: "sweep",
        AXES_TAG: ", ".join(sweep.axes),
        "convsweep.num_jobs": str(len(sweep.jobs)),
    }
    return tags | ({"mlflow.source.git.commit": sweep.git_commit} if sweep.git_commit else {})
