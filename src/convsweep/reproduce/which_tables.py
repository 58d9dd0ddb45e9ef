"""What was found of a log as files, for others to go on with: every verdict, and what every seed printed."""

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from convsweep.records.files import write_texts
from convsweep.reproduce.courses import Floats
from convsweep.reproduce.log_numbers import Printed
from convsweep.reproduce.statistics import judge, prediction_interval, prediction_p
from convsweep.reproduce.which_program import Judged, Study, seeds

MARGIN = {"loss": 0.1, "accuracy": 0.03}  # the largest half-width of an interval that tells programs apart


def write_tables(study: Study, folder: Path) -> list[Path]:
    """Write ``verdicts.json`` and ``results.csv`` into a folder; return the files' paths.

    Raises:
        UserError: The folder can't be written to.
    """
    return write_texts({"verdicts.json": as_json(verdict_rows(study)), "results.csv": _results(study)}, folder)


def as_json(rows: Iterable[Mapping[str, object]]) -> str:
    """Return rows as a JSON list; what is no finite number is null."""
    return json.dumps([_finite(row) for row in rows], indent=1, allow_nan=False) + "\n"


def verdict_rows(study: Study) -> Iterator[dict[str, object]]:
    """Yield each program's verdict on all numbers, and a row a number."""
    for judged in study.judged:
        yield _joint(judged)
        yield from _single(study, judged)


def _joint(judged: Judged) -> dict[str, object]:
    return {
        "program": judged.program,
        "quantity": "all",
        "verdict": judged.verdict,
        "p_own": judged.p_own,
        "p_rivals": judged.p_rivals,
        "log_likelihood": judged.log_likelihood,
        "course_correlation": judged.course,
        "printing": judged.printing,
        "n": judged.seeds,
        "diverged": judged.diverged,
        "loudest": [_finite(loud._asdict()) for loud in judged.loudest],
    }


def _single(study: Study, judged: Judged) -> Iterator[dict[str, object]]:
    """Yield a row a number of the log: where one more seed would lie; these are correlated, and not the verdict."""
    for column, (quantity, printed) in enumerate(zip(study.placed.quantities, study.placed.printed, strict=True)):
        sample = study.samples[judged.program][:, column]
        row: dict[str, object] = {
            "program": judged.program,
            "quantity": quantity.name,
            "reported": printed.value,
            "reported_low": printed.low,
            "reported_high": printed.high,
            "n": len(sample),
        }
        finite = np.isfinite(sample)
        if not (finite.all() and math.isfinite(printed.value)):
            agree = bool(finite.any()) if math.isfinite(printed.value) else not finite.all()
            yield {**row, "verdict": "inconclusive" if agree else "inconsistent", "diverged": int((~finite).sum())}
            continue
        interval, p = prediction_interval(sample), prediction_p(_nearest(printed, sample), sample)
        conclusive = interval.high - interval.low <= 2 * MARGIN[quantity.metric]
        yield {
            **row,
            "verdict": judge(p, conclusive=conclusive),
            "p": p,
            "mean": float(sample.mean()),
            "sd": float(sample.std(ddof=1)),
            "low": interval.low,
            "high": interval.high,
            "diverged": 0,
        }


def _nearest(printed: Printed, sample: Floats) -> float:
    """Return the number that is printed like this and is nearest to the seeds' mean."""
    return float(np.clip(sample.mean(), printed.low, printed.high))


def _finite(row: Mapping[str, object]) -> dict[str, object]:
    """Return a row with null where there is no finite number."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in row.items()
    }


def _results(study: Study) -> str:
    """Return one CSV row a program, seed and number of the log; empty where a loss is no number."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["program", "seed", "split", "epoch", "step", "window", "metric", "value"])
    for program, sample in study.samples.items():
        for seed, values in zip(seeds(study.protocol), sample, strict=True):
            for quantity, value in zip(study.placed.quantities, values.tolist(), strict=True):
                shown = f"{value:.6f}" if math.isfinite(value) else ""
                writer.writerow([program, seed, *quantity.place, quantity.metric, shown])
    return text.getvalue()
