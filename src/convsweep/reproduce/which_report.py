"""What people read of the question which programs can have printed a log: a table and some sentences."""

import math

from rich.console import RenderableType
from rich.table import Table

from convsweep.markdown import blocks, table
from convsweep.reproduce.log_description import describe
from convsweep.reproduce.places import SAID_OF_PRINTING, STEPS_OF_BATCHES, images_of_an_epoch
from convsweep.reproduce.statistics import ALPHA, Verdict
from convsweep.reproduce.which_program import Judged, Study

COMMON_HEADINGS = ("program", "verdict", "p own", "p rivals", "likely", "course", "farthest number")
HEADINGS = (*COMMON_HEADINGS, "log", "its seeds' mean", "SDs apart")
SHORT_HEADINGS = (*COMMON_HEADINGS, "SDs")  # of a terminal's table
NUMERIC = ("p own", "p rivals", "likely", "course", "SDs")
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
    """Return what the table and the conclusion don't say."""
    lines = [
        *explained_p(study.protocol.num_seeds),
        "Likely: how probable the log's numbers are under the program, relative to the likeliest program.",
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
    return lines


def explained_p(num_seeds: int) -> tuple[str, str, str]:
    """Return what the p of both tests are, and how they decide."""
    return (
        "p own: how often one more run of the program lies as far from the program's seeds as the log does.",
        "p rivals: how often the other programs fit one more run of the program that much better than it does.",
        (
            f"Inconsistent: either p is at most {ALPHA / 2:g}. {1 / (num_seeds + 1):.3f} is the smallest that ranks of "
            f"{num_seeds} seeds can give; what is smaller is read from a t distribution through the seeds."
        ),
    )


def conclusion(study: Study, numbers: str = "the log") -> str:
    """Return which programs can't be ruled out.

    Args:
        study: What was found.
        numbers: What rules programs out.
    """
    remaining = [judged.program for judged in study.remaining]
    ruled_out = [judged.program for judged in study.judged if judged.verdict == "inconsistent"]
    likeliest = study.judged[0].program
    if any(judged.verdict == "inconclusive" for judged in study.judged):
        return (
            f"Inconclusive: {study.protocol.num_seeds} seeds are too few to rule a program out by {numbers} "
            f"(19 are needed); the likeliest is {likeliest}."
        )
    if not remaining:
        return (
            f"None of these programs: {numbers} can't be one more run of any of the {len(ruled_out)}. The likeliest is "
            f"{likeliest}. None of them learns in batches of images, or has other layers."
        )
    names = f"only {remaining[0]}" if len(remaining) == 1 else f"{', '.join(remaining)} (the likeliest first)"
    rest = f" Ruled out: {', '.join(ruled_out)}." if ruled_out else ""
    return f"Of {len(study.judged)} programs {names} can't be ruled out by {numbers}.{rest}"


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
            "Which of these programs can have printed this log?",
            conclusion(study),
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
    p = (shown_p(judged.p_own), shown_p(judged.p_rivals))
    return [judged.program, judged.verdict, *p, relative(judged.log_likelihood - best), course]


def shown_p(p: float) -> str:
    """Return a p to print.

    >>> shown_p(1 / 21), shown_p(1e-9)
    ('0.048', '<0.001')
    """
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _distance(judged: Judged) -> str:
    """Return how far the farthest number is from the seeds' mean, or how many seeds diverged."""
    if judged.diverged:
        return f"{judged.diverged} diverged"
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
