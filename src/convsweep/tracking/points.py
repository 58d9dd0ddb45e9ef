"""What a run's events are as points of MLflow's metrics."""

from collections.abc import Iterable
from typing import NamedTuple

from mlflow.entities import Metric

from convsweep.nn.training import Evaluation, Window
from convsweep.records.events import Entry

Place = tuple[str, int]  # metric and step: a run has one point a place


class Point(NamedTuple):
    """One value of a metric."""

    place: Place
    value: float
    milliseconds: int  # since 1970
    held: bool = False  # is kept back until the run is finished, to be sent together with its model
    model_id: str | None = None  # the model that it measures

    def metric(self) -> Metric:
        """Return it as MLflow has it."""
        key, step = self.place
        return Metric(key, self.value, self.milliseconds, step, model_id=self.model_id)


def points(entry: Entry, epochs: int) -> list[Point]:
    """Return the points that an entry makes.

    Args:
        entry: The entry.
        epochs: How many epochs the run has.
    """
    event = entry.event
    match event:
        case Window():
            name, step, held = "train", event.step, False
        case Evaluation():
            name, step = event.split, _step(event)
            held = event.split == "test" or event.epoch == epochs
        case _:
            return []
    # accuracy first: MLflow's compare page preselects the metric that was logged first
    values = {"accuracy": event.accuracy, "loss": event.loss}
    return [Point((f"{name}/{what}", step), value, entry.milliseconds, held) for what, value in values.items()]


def final_places(entries: Iterable[Entry]) -> set[Place]:
    """Return where the trained network's own measurements stand: the last evaluation of each split."""
    evaluations = (entry.event for entry in entries if isinstance(entry.event, Evaluation))
    last = {event.split: _step(event) for event in evaluations}
    return {(f"{split}/{what}", step) for split, step in last.items() for what in ("accuracy", "loss")}


def _step(event: Evaluation) -> int:
    """Return the step to log it at: a value logged once shows as a bar at step 0, and as a lone dot at any other."""
    return event.step if event.split == "valid" else 0
