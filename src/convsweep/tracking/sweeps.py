"""The parent run of a sweep: its state, and in short what was varied and what came of it."""

import shlex
from collections import Counter
from collections.abc import Collection, Mapping

from mlflow.entities import Run, RunTag

from convsweep.records.journal import Result
from convsweep.records.sweep import State, Sweep
from convsweep.tracking.names import NOTE_TAG, ROLE_TAG, SENT_TAG, SWEEP_TAG
from convsweep.tracking.runs import Status
from convsweep.tracking.store import Store, answering

STATUSES: Mapping[State, Status] = {
    "running": "KILLED",  # its launch was killed outright, or it would not be over
    "finished": "FINISHED",
    "failed": "FAILED",
    "killed": "KILLED",
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
        self._status: Status = run.info.status
        self._signature = run.data.tags.get(SENT_TAG)

    def send_running(self) -> None:
        """Show that the sweep is under way.

        Raises:
            StoreError: The store refuses.
        """
        if self._status != "RUNNING":
            with answering(self._store.uri):
                self._store.client.update_run(self.run_id, status="RUNNING")
            self._status = "RUNNING"

    def send_end(self, sweep: Sweep, results: Mapping[str, Result], statuses: Collection[Status | None]) -> None:
        """Show how the sweep ended.

        Args:
            sweep: The sweep as its launch left it.
            results: The results of those jobs that have one, by the jobs' names.
            statuses: The state of each job; None: not begun.

        Raises:
            StoreError: The store refuses.
        """
        status = STATUSES[sweep.state]
        ended = sweep.ended or max((result.time for result in results.values()), default=sweep.created)
        signature = f"{sweep.state} {ended}: {_counted(statuses)}"
        if (self._status, self._signature) == (status, signature):
            return
        client = self._store.client
        with answering(self._store.uri):
            client.log_batch(
                self.run_id, tags=[RunTag(NOTE_TAG, _note(sweep, results, statuses)), RunTag(SENT_TAG, signature)]
            )
            client.set_terminated(self.run_id, status, int(ended * 1000))
        self._status, self._signature = status, signature


def _tags(sweep: Sweep) -> dict[str, str]:
    tags = {
        "mlflow.user": sweep.user,
        "mlflow.source.name": "convsweep",
        "mlflow.source.type": "LOCAL",
        SWEEP_TAG: sweep.id,
        ROLE_TAG: "sweep",
        "convsweep.axes": ", ".join(sweep.axes),
        "convsweep.num_jobs": str(len(sweep.jobs)),
    }
    return tags | ({"mlflow.source.git.commit": sweep.git_commit} if sweep.git_commit else {})


def _note(sweep: Sweep, results: Mapping[str, Result], statuses: Collection[Status | None]) -> str:
    """Describe a sweep in Markdown; its first line is what shows while the page is folded."""
    axes = " x ".join(axis.rpartition(".")[2] for axis in sweep.axes)
    runs = "run" if len(sweep.jobs) == 1 else "runs"
    lines = [f"{len(sweep.jobs)} {runs}{f' over {axes}' if axes else ''}: {_counted(statuses)}."]
    measured = {name: result for name, result in results.items() if result.valid_accuracy is not None}
    if measured:
        name, best = max(measured.items(), key=lambda item: (item[1].valid_accuracy, -(item[1].valid_loss or 0)))
        lines.append(f"Best on valid: {name} (accuracy {best.valid_accuracy:.4f}).")
    # an indented line is shown as it is, whatever is in it
    command = " ".join(shlex.join(("convsweep", "train", *sweep.command)).split())
    return "\n\n".join([*lines, f"    {command}"])


def _counted(statuses: Collection[Status | None]) -> str:
    """Tell how many jobs ended how.

    >>> _counted(["FINISHED", "KILLED", "FINISHED", None])
    '2 finished, 1 killed, 1 not begun'
    """
    counts = Counter(statuses)
    order: tuple[Status | None, ...] = ("FINISHED", "FAILED", "KILLED", "RUNNING", None)
    return ", ".join(f"{counts[status]} {(status or 'not begun').lower()}" for status in order if counts[status])
