"""Which views there are, of the last sweep, of a given one and of the last study; and writing one when it is opened."""

from collections.abc import Sequence
from typing import get_args

from mlflow.entities import Run

from convsweep.compare.runs import SEEDS
from convsweep.errors import UserError
from convsweep.tracking.names import AXES_TAG, SWEEP_TAG, tagged
from convsweep.tracking.store import Store, answering, search
from convsweep.tracking.study import last_study
from convsweep.tracking.views import ViewName, save_reproduction_view, save_view, shown_all_runs, shown_sweep_runs

VIEW_NAMES: tuple[ViewName, ...] = get_args(ViewName)
REPRODUCTION = "reproduction"


def sweep_parents(store: Store) -> list[Run]:
    """Return the parent runs of all sweeps, newest first.

    Raises:
        StoreError: The store refuses.
    """
    with answering(store.uri):
        return search(store, tagged(role="sweep"))


def find_parent(store: Store, sweep_id: str) -> Run:
    """Return a sweep's parent run.

    Raises:
        UserError: There is none.
    """
    for parent in sweep_parents(store):
        if parent.data.tags[SWEEP_TAG] == sweep_id:
            return parent
    raise UserError(f"There is no sweep {sweep_id!r} in MLflow.")


def views_of(parent: Run) -> Sequence[ViewName]:
    """Return the views that have something to show of a sweep: there are no means over seeds if it has one seed."""
    axes = parent.data.tags[AXES_TAG].split(", ")
    return VIEW_NAMES if any(axis in SEEDS for axis in axes) else VIEW_NAMES[:2]


def last_views(store: Store) -> list[str]:
    """Return the names of the views of the last sweep, or of all runs if there was none, and of the last study.

    Raises:
        StoreError: The store refuses.
    """
    parents = sweep_parents(store)
    with answering(store.uri):
        any_run = parents or search(store, tagged(role="run"))
        study = last_study(store)
    views = views_of(parents[0]) if parents else VIEW_NAMES[:2] if any_run else ()
    return [*views, REPRODUCTION] if study is not None else [*views]


def open_view(store: Store, name: str, sweep_id: str | None) -> str:
    """Write a view such that it fits what is there by now.

    Args:
        store: The store.
        name: Of the view.
        sweep_id: Of which sweep; None: of the last one, or of all runs if there was none.

    Returns:
        Its address, relative to the server's.

    Raises:
        UserError: There is no such view.
        StoreError: The store refuses.
    """
    if name == REPRODUCTION and sweep_id is None:
        with answering(store.uri):
            study = last_study(store)
            if study is None:
                raise UserError("There is no study yet: `convsweep reproduce` makes one.")
            return save_reproduction_view(store, study)
    view = next((known for known in VIEW_NAMES if known == name), None)
    if view is None:
        raise UserError(f"A view must be one of {', '.join(VIEW_NAMES)} (got {name!r}).")
    parent = find_parent(store, sweep_id) if sweep_id is not None else next(iter(sweep_parents(store)), None)
    with answering(store.uri):
        return save_view(store, shown_all_runs(store) if parent is None else shown_sweep_runs(store, parent), view)
