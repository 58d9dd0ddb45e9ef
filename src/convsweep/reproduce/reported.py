"""The numbers that the tutorial "CNN from scratch" (2025-05-11) prints: ``reported.csv``, as this package ships it."""

import csv
from importlib.resources import files
from typing import NamedTuple


class Place(NamedTuple):
    """Where in an experiment something is printed."""

    experiment: str  # untrained | dense_only | full
    epoch: str  # from "1"; "test": after training, over all test images; "": nothing is trained
    step: int  # images of the epoch, up to here
    window: int  # images that the sums are divided by; 0: all test images, however many

    @property
    def name(self) -> str:
        """The place in short: ``10:500``, or ``500`` where nothing is trained."""
        return f"{self.epoch}:{self.step}" if self.epoch else str(self.step)


TEST = Place("full", "test", 0, 0)  # whatever the number of test images


class Reported(NamedTuple):
    """What is printed there."""

    place: Place
    loss: float  # nats
    accuracy: float  # 0..1


def reported_numbers() -> list[Reported]:
    """Return all that the tutorial prints, in its order.

    >>> reported_numbers()[-1]
    Reported(place=Place(experiment='full', epoch='test', step=0, window=0), loss=0.2451, accuracy=0.9325)
    """
    text = files(__package__).joinpath("reported.csv").read_text()
    return [
        Reported(
            Place(row["experiment"], row["epoch"], int(row["step"]), int(row["window"])),
            float(row["loss"]),
            float(row["accuracy"]),
        )
        for row in csv.DictReader(text.splitlines())
    ]
