"""A reproduction's numbers as files, for others to go on with: verdicts, correlations, and what every seed printed."""

import csv
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path

from convsweep.records.files import write_whole, writing
from convsweep.reproduce.parallel import RULES
from convsweep.reproduce.reported import TEST
from convsweep.reproduce.reproduction import Reproduction
from convsweep.reproduce.verdicts import Comparison, Correlation


def write_tables(reproduction: Reproduction, folder: Path) -> list[Path]:
    """Write ``verdicts.json``, ``correlations.json`` and ``results.csv`` into a folder; return the files' paths.

    Raises:
        UserError: The folder can't be written to.
    """
    contents = {
        "verdicts.json": _json(reproduction.comparisons),
        "correlations.json": _json(reproduction.correlations),
        "results.csv": _results(reproduction),
    }
    with writing(folder):
        for name, text in contents.items():
            write_whole(folder / name, text.encode())
    return [folder / name for name in contents]


def _json(rows: Sequence[Comparison] | Sequence[Correlation]) -> str:
    """Return rows as a JSON list; what is no finite number is null."""
    finite = [
        {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in row._asdict().items()
        }
        for row in rows
    ]
    return json.dumps(finite, indent=1, allow_nan=False) + "\n"


def _results(reproduction: Reproduction) -> str:
    """Return one CSV row a gradient, seed and place that is reported; empty where a loss is no number."""
    places, num_test = {row.place for row in reproduction.reported}, reproduction.num_test
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["experiment", "gradient", "seed", "epoch", "step", "window", "loss", "accuracy"])
    for found in sorted(reproduction.measurements, key=lambda found: (RULES.index(found.gradient), found.seed)):
        if found.place in places:
            place = found.place._replace(step=num_test, window=num_test) if found.place == TEST else found.place
            loss = "" if math.isnan(found.loss) else f"{found.loss:.6f}"
            accuracy = f"{found.accuracy:.6f}"
            writer.writerow(
                [place.experiment, found.gradient, found.seed, place.epoch, place.step, place.window, loss, accuracy]
            )
    return text.getvalue()
