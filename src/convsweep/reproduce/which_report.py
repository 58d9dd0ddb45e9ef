"""What people read of the question which program printed a log: a table and some sentences."""

import math

from rich.console import RenderableType
from rich.table import Table

from convsweep.markdown import blocks, table
from convsweep.reproduce.log_description import describe
from convsweep.reproduce.places import SAID_OF_PRINTING, STEPS_OF_BATCHES, images_of_an_epoch
from convsweep.reproduce.statistics import Verdict
from convsweep.reproduce.which_program import Judged, Study

HEADINGS = ("program", "verdict", "p", "likelihood", "course", "farthest number", "log", "its seeds' mean", "SDs apart")
SHORT_HEADINGS = ("program", "verdict", "p", "likelihood", "course", "farthest number", "SDs")  # of a terminal's table
NUMERIC = ("p", "likelihood", "course", "SDs")
LARGE = 1e5  # nats; of a program that all but diverges


def protocol_line(study: Study, images: str) -> str:
    """Return how every program was trained."""
    protocol = study.protocol
    order = "an order of images of its own a seed" if protocol.config.train.shuffle else "the images' order for all"
    return (
        f"{len(study.judged)} programs, {protocol.num_seeds} seeds each ({order}); {images}, "
        f"{study.placed.epochs} epoch{'' if study.placed.epochs == 1 else 's'}."
    )


def terminal_table(study: Study) -> RenderableType:
    """Return the table of programs, the likeliest first, to print."""
    drawn = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
    for heading in SHORT_HEADINGS:
        drawn.add_column(heading, justify="right" if heading in NUMERIC else "left", no_wrap=True)
    best = max(judged.log_likelihood for judged in study.judged)
    for judged in study.judged:
        farthest = judged.loudest[0]
        drawn.add_row(*_first_cells(judged, best), farthest.short, _distance(judged))
    return drawn


def sentences(study: Study) -> list[str]:
    """Return what the table doesn't say, the conclusion last."""
    n = study.protocol.num_seeds
    lines = [
        f"p: the share of {n + 1} runs, the log and the program's seeds, that it explains as badly as the log.",
        "Likelihood: how probable the log's numbers are under the program, relative to the likeliest program.",
        "Course: correlation of the log's windows, less their epoch's mean, with the program's: images and order show.",
        "Farthest number, as epoch:step: where the log lies farthest from the program's seeds, in SDs of one more run.",
        "Consistent is not identical: a program whose seeds vary widely is consistent with much.",
    ]
    if len(study.placed.printings) > 1 and study.protocol.printing is None:
        likeliest = study.remaining[0] if study.remaining else study.judged[0]
        lines.append(
            f"The log's windows fit best as '{likeliest.printing}': {SAID_OF_PRINTING[likeliest.printing]}. "
            "Every program is judged under the printing rule that favours it; --printing chooses one for all."
        )
    if study.protocol.variants:
        lines.append("Other hyperparameters are tried with the network as asked for, not with the mistakes.")
    if study.not_shown:
        lines.append(f"Not judged, for the log holds nothing of what they change: {', '.join(study.not_shown)}.")
    size = STEPS_OF_BATCHES.get(images_of_an_epoch(study.log) or 0)
    if size is not None:
        lines.append(
            f"{images_of_an_epoch(study.log):,} steps are an epoch of 60,000 images in batches of {size}: the programs "
            "take one image a step, and can't reproduce a log of batches."
        )
    if study.apart is not None:
        apart = study.apart
        lines.append(
            f"The {apart.quantity} would tell {apart.programs[0]} (mean {apart.means[0]:.4g}) from {apart.programs[1]} "
            f"(mean {apart.means[1]:.4g}) best: the means are {apart.distance:.1f} standard deviations of a run apart."
        )
    return [*lines, conclusion(study)]


def conclusion(study: Study) -> str:
    """Return which programs remain."""
    remaining = [judged.program for judged in study.remaining]
    ruled_out = [judged.program for judged in study.judged if judged.verdict == "inconsistent"]
    rest = f"; ruled out: {', '.join(ruled_out)}" if ruled_out else ""
    if any(judged.verdict == "inconclusive" for judged in study.judged):
        return (
            f"Inconclusive: {study.protocol.num_seeds} seeds are too few to rule a program out at 5% (19 are needed); "
            f"the likeliest is {study.judged[0].program}."
        )
    if not remaining:
        return (
            f"The log is inconsistent with all of these programs; the likeliest is {study.judged[0].program}. "
            "None of them takes a step on more than one image (batches), or has other layers."
        )
    if len(remaining) == 1:
        return f"The log is consistent with {remaining[0]} alone{rest}."
    return f"Inconclusive: the log is consistent with {', '.join(remaining)} (the likeliest first){rest}."


def verdicts(study: Study) -> dict[str, Verdict]:
    """Return every program's verdict."""
    return {judged.program: judged.verdict for judged in study.judged}


def markdown_report(study: Study, images: str) -> str:
    """Return all of it as Markdown."""
    programs = table(
        ["program", "what it does"],
        [[candidate.name, candidate.sentence] for candidate in study.candidates],
    )
    return (
        blocks(
            "Which program printed this log?",
            *describe(study.log),
            protocol_line(study, images),
            programs_table(study),
            *sentences(study),
            programs,
        )
        + "\n"
    )


def programs_table(study: Study) -> str:
    """Return the table of programs, the likeliest first, as Markdown."""
    return table(list(HEADINGS), _rows(study))


def _rows(study: Study) -> list[list[str]]:
    best = max(judged.log_likelihood for judged in study.judged)
    rows = []
    for judged in study.judged:
        farthest = judged.loudest[0]
        mean = f"{farthest.mean:.4f}" if abs(farthest.mean) < LARGE else f"{farthest.mean:.1e}"
        mean = mean if math.isfinite(farthest.mean) else "none"
        cells = [farthest.quantity, f"{farthest.reported:.4f}", mean, _distance(judged)]
        rows.append([*_first_cells(judged, best), *cells])
    return rows


def _first_cells(judged: Judged, best: float) -> list[str]:
    course = "" if judged.course is None else f"{judged.course:.3f}"
    return [judged.program, judged.verdict, f"{judged.p:.3f}", relative(judged.log_likelihood - best), course]


def _distance(judged: Judged) -> str:
    """Return how far the farthest number is from the seeds' mean."""
    if judged.diverged:
        return f"{judged.diverged} of {judged.seeds} diverged"
    return f"{judged.loudest[0].distance:+.1f}"


def relative(log_ratio: float) -> str:
    """Return a likelihood relative to the best one's, given the logarithm of the ratio.

    >>> relative(0.0), relative(-1.0), relative(-20.0), relative(-math.inf)
    ('1', '0.37', '2e-09', '<1e-99')
    """
    if log_ratio < math.log(1e-99):
        return "<1e-99"
    ratio = math.exp(log_ratio)
    return f"{ratio:.2g}" if ratio >= 0.01 else f"{ratio:.0e}"
