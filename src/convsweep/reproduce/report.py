"""What people read of a study: a table, a few sentences, and files that others can go on with."""

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import RenderableType
from rich.table import Table

from convsweep.data import Dataset
from convsweep.nn.network import Gradient
from convsweep.records.journal import write_whole, writing
from convsweep.reproduce.parallel import RULES
from convsweep.reproduce.reported import TEST, Reported
from convsweep.reproduce.statistics import Verdict
from convsweep.reproduce.study import Divergence, Measurement
from convsweep.reproduce.verdicts import Comparison, Correlation

PRIMARY = ("full", "test_loss")
CONCLUSIVE: tuple[Verdict, ...] = ("consistent", "inconsistent")
SHOWN = (  # in the table: experiment, quantity, what it is called there
    ("full", "test_loss", "test loss"),
    ("full", "test_accuracy", "test accuracy"),
    ("full", "windows", "windows"),
    ("dense_only", "windows", "dense only"),
    ("untrained", "windows", "untrained"),
    ("untrained", "loss_from_ln10", "|loss - ln 10|"),
)


class Study(NamedTuple):
    """A study that ran whole."""

    data: str  # which images, in words
    tutorials_images: bool
    num_seeds: int
    reported: Sequence[Reported]
    measurements: Sequence[Measurement]
    divergences: Sequence[Divergence]
    comparisons: Sequence[Comparison]
    correlations: Sequence[Correlation]


def describe(dataset: Dataset) -> str:
    """Return which images a study uses, in a few words."""
    splits = dataset.splits
    return f"data={dataset.name}: {len(splits.train.labels):,} training, {len(splits.test.labels):,} test images"


def foreign_images(study_data: str) -> str:
    """Return the line that says that the numbers are not comparable."""
    return f"These are not the tutorial's images ({study_data}): its numbers are no yardstick for what comes out here."


def question(study: Study) -> str:
    """Return what the study asks, and of how many runs."""
    return f"Which program do the tutorial's numbers come from? {study.num_seeds} seeds a gradient rule, {study.data}."


def table(study: Study) -> RenderableType:
    """Return the table of the main quantities, one row each."""
    drawn = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
    for heading in ("gradient", "quantity", "tutorial", "ours", "one more, 95%", "p", "verdict"):
        drawn.add_column(heading, justify="right" if heading in ("tutorial", "ours", "p") else "left", no_wrap=True)
    for row in _rows(study):
        drawn.add_row(*row)
    return drawn


def sentences(study: Study) -> list[str]:
    """Return what the table doesn't say, the conclusion last."""
    said = [
        "windows, dense only, untrained: all means that an experiment prints, together, as the largest |t| among them.",
        "Dense only is the same under last_class as under exact, untrained under any rule.",
        f"Correlation of the windows of epoch 10 with the tutorial's: {'; '.join(map(_say, study.correlations))}.",
    ]
    for gradient in RULES:
        steps = [divergence.step for divergence in study.divergences if divergence.gradient == gradient]
        if steps:
            said.append(
                f"{gradient} diverged in {len(steps)} of {study.num_seeds} seeds: the tutorial's softmax, exp(z) as it "
                f"stands, gives no number from step {min(steps):,} (the first seed) to {max(steps):,} (the last) on."
            )
    return [*said, conclusion(study)]


def conclusion(study: Study) -> str:
    """Return what the study says of the reported test loss."""
    by_verdict: dict[Verdict, list[str]] = {}
    for gradient, verdict in verdicts(study.comparisons).items():
        by_verdict.setdefault(verdict, []).append(gradient)
    texts = [f"{verdict} with {' and '.join(by_verdict[verdict])}" for verdict in CONCLUSIVE if verdict in by_verdict]
    if undecided := by_verdict.get("inconclusive"):
        texts.append(f"neither (inconclusive) with {' and '.join(undecided)}")
    return f"The tutorial's test loss, {_test(study).loss:g}, is {'; '.join(texts)}."


def verdicts(comparisons: Iterable[Comparison]) -> dict[Gradient, Verdict]:
    """Return each rule's verdict on the primary quantity."""
    return {row.gradient: row.verdict for row in comparisons if (row.experiment, row.quantity) == PRIMARY}


def markdown(study: Study) -> str:
    """Return all of it as Markdown."""
    header = ["gradient", "quantity", "tutorial", f"mean of {study.num_seeds} seeds", "one more, 95%", "p", "verdict"]
    lines = [header, ["---"] * len(header), *_rows(study)]
    escaped = "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)
    warning = [] if study.tutorials_images else [foreign_images(study.data)]
    return "\n\n".join([*warning, question(study), escaped, *sentences(study), *warning]) + "\n"


def write_files(study: Study, output: Path, num_test: int) -> list[Path]:
    """Write the study's tables into a folder; return the files' paths.

    Raises:
        UserError: The folder can't be written to.
    """
    contents = {
        "verdicts.json": _json(study.comparisons),
        "correlations.json": _json(study.correlations),
        "results.csv": _results(study, num_test),
        "report.md": markdown(study),
    }
    with writing(output):
        for name, text in contents.items():
            write_whole(output / name, text.encode())
    return [output / name for name in contents]


def _rows(study: Study) -> list[list[str]]:
    found = {(row.experiment, row.quantity, row.gradient): row for row in study.comparisons}
    rows = []
    for experiment, quantity, name in SHOWN:
        for gradient in RULES:
            row = found[experiment, quantity, gradient]
            if gradient != "exact" and row._replace(gradient="exact") == found[experiment, quantity, "exact"]:
                continue  # the same program
            rows.append([gradient if experiment != "untrained" else "any", name, *_figures(row), row.verdict])
    return rows


def _figures(row: Comparison) -> list[str]:
    digits = 2 if row.quantity == "windows" else 4
    tutorial = "" if row.reported is None else f"{row.reported:.{digits}f}"
    p = "<0.001" if row.p < 0.001 else f"{row.p:.3f}"
    if row.diverged:
        return [tutorial, "diverged", f"{row.diverged} of {row.n} seeds", p]
    mean = "" if row.mean is None else f"{row.mean:.{digits}f}"
    if row.high is None:
        return [tutorial, mean, "", p]
    interval = f"{row.low:.{digits}f}..{row.high:.{digits}f}" if row.low else f"up to {row.high:.{digits}f}"
    return [tutorial, mean, interval, p]


def _say(correlation: Correlation) -> str:
    if correlation.of_mean is None or correlation.lowest is None or correlation.highest is None:
        return f"{correlation.gradient} none"
    seeds = f"seeds {correlation.lowest:.2f} to {correlation.highest:.2f}"
    return f"{correlation.gradient} {correlation.of_mean:.2f} ({seeds})"


def _test(study: Study) -> Reported:
    (row,) = (row for row in study.reported if row.place == TEST)
    return row


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


def _results(study: Study, num_test: int) -> str:
    """Return one CSV row a gradient, seed and place that is reported; empty where a loss is no number."""
    places = {row.place for row in study.reported}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["experiment", "gradient", "seed", "epoch", "step", "window", "loss", "accuracy"])
    for found in sorted(study.measurements, key=lambda found: (RULES.index(found.gradient), found.seed)):
        if found.place in places:
            place = found.place._replace(step=num_test, window=num_test) if found.place == TEST else found.place
            loss = "" if math.isnan(found.loss) else f"{found.loss:.6f}"
            accuracy = f"{found.accuracy:.6f}"
            writer.writerow(
                [place.experiment, found.gradient, found.seed, place.epoch, place.step, place.window, loss, accuracy]
            )
    return text.getvalue()
