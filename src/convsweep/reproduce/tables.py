"""A reproduction's numbers as files, for others to go on with: verdicts, correlations, and what every seed printed."""

import csv
import io
import math
from pathlib import Path

from convsweep.records.files import write_texts
from convsweep.reproduce.protocol import RULES
from convsweep.reproduce.reported import TEST
from convsweep.reproduce.reproduction import Reproduction
from convsweep.reproduce.which_program import seeds
from convsweep.reproduce.which_tables import as_json, verdict_rows


def write_tables(reproduction: Reproduction, folder: Path) -> list[Path]:
    """Write verdicts, those of every program, correlations and results into a folder; return the files' paths.

    Raises:
        UserError: The folder can't be written to.
    """
    contents = {
        "verdicts.json": as_json(row._asdict() for row in reproduction.comparisons),
        "correlations.json": as_json(row._asdict() for row in reproduction.correlations),
        "programs.json": as_json(verdict_rows(reproduction.programs)),
        "results.csv": _results(reproduction),
    }
    return write_texts(contents, folder)


def _results(reproduction: Reproduction) -> str:
    """Return one CSV row a gradient, seed and place that is reported; empty where a loss is no number."""
    ours, num_test = reproduction.ours, reproduction.num_test
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["experiment", "gradient", "seed", "epoch", "step", "window", "loss", "accuracy"])
    for gradient in RULES:
        places = [row.place for row in reproduction.reported if (gradient, row.place) in ours.losses]
        for number, seed in enumerate(seeds(reproduction.programs.protocol)):
            for place in places:
                loss, accuracy = ours.losses[gradient, place][number], ours.accuracies[gradient, place][number]
                shown = place._replace(step=num_test, window=num_test) if place == TEST else place
                writer.writerow(
                    [
                        shown.experiment,
                        gradient,
                        seed,
                        *shown[1:],
                        "" if math.isnan(loss) else f"{loss:.6f}",
                        f"{accuracy:.6f}",
                    ]
                )
    return text.getvalue()
