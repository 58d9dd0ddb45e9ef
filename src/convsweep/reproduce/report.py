"""What people read of a reproduction: a table and a few sentences, in the terminal and as Markdown."""

from collections.abc import Iterable

from rich.console import RenderableType
from rich.table import Table

from convsweep.markdown import blocks, table
from convsweep.nn.network import Gradient
from convsweep.reproduce.protocol import RULES
from convsweep.reproduce.reported import TEST, Reported
from convsweep.reproduce.reproduction import Reproduction
from convsweep.reproduce.statistics import ALPHA, Verdict
from convsweep.reproduce.verdicts import LATE_MARGIN, Comparison, Correlation
from convsweep.reproduce.which_report import conclusion as programs_conclusion
from convsweep.reproduce.which_report import explained_p, programs_table, shown_p

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


def foreign_images(data: str) -> str:
    """Return the line that says that the numbers are not comparable."""
    return f"These are not the tutorial's images ({data}): the numbers can't be compared with its own."


def question(reproduction: Reproduction) -> str:
    """Return what is asked, and how many runs on which images answer it."""
    of = f"{reproduction.num_seeds} seeds a gradient rule, {reproduction.data}"
    return f"Which of these programs can the tutorial's numbers come from? {of}."


def terminal_table(reproduction: Reproduction) -> RenderableType:
    """Return the table of the main quantities, a row for each and each gradient rule, to print."""
    drawn = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
    for heading in ("gradient", "quantity", "tutorial", "ours", "one more, 95%", "p", "verdict"):
        drawn.add_column(heading, justify="right" if heading in ("tutorial", "ours", "p") else "left", no_wrap=True)
    for row in _rows(reproduction):
        drawn.add_row(*row)
    return drawn


def sentences(reproduction: Reproduction) -> list[str]:
    """Return what the tables and the answer don't say."""
    n, correlations = reproduction.num_seeds, "; ".join(map(_correlation, reproduction.correlations))
    lines = [
        "windows, dense only, untrained: all means that an experiment prints, together, as the largest |t| among them.",
        f"Inconsistent: p is at most {ALPHA:g}, or the tutorial or our mean is above a limit.",
        (
            "Inconclusive: p is larger, but seeds diverged, are too few, or leave one more run a wider range than "
            f"+-{LATE_MARGIN.loss:g} nats or +-{LATE_MARGIN.accuracy:g} of accuracy."
        ),
        f"{1 / (n + 1):.3f} is the smallest p that {n} seeds can give to windows, or where seeds diverged.",
        "Dense only is the same under last_class as under exact, untrained under any rule.",
        f"Correlation of the windows of epoch 10 with the tutorial's: {correlations}.",
    ]
    for gradient in RULES:
        steps = [divergence.step for divergence in reproduction.divergences if divergence.gradient == gradient]
        if steps:
            lines.append(
                f"{gradient} diverged in {len(steps)} of {reproduction.num_seeds} seeds: the tutorial's softmax, "
                f"exp(z) as it stands, gives no number from step {min(steps):,} (the first seed) to {max(steps):,} "
                "(the last) on."
            )
    return [*lines, *explained_p(reproduction.num_seeds)]


def answer(reproduction: Reproduction) -> tuple[str, str]:
    """Return what the test loss says of the gradient rules, and what all numbers say of all programs."""
    of_programs = programs_conclusion(reproduction.programs, "the full run's numbers, all taken together")
    return conclusion(reproduction), of_programs


def conclusion(reproduction: Reproduction) -> str:
    """Return which gradient rules the reported test loss is consistent with."""
    by_verdict: dict[Verdict, list[str]] = {}
    for gradient, verdict in verdicts(reproduction.comparisons).items():
        by_verdict.setdefault(verdict, []).append(gradient)
    texts = [f"{verdict} with {' and '.join(by_verdict[verdict])}" for verdict in CONCLUSIVE if verdict in by_verdict]
    if undecided := by_verdict.get("inconclusive"):
        texts.append(f"neither (inconclusive) with {' and '.join(undecided)}")
    none = "None of these rules: the" if list(by_verdict) == ["inconsistent"] else "The"
    return f"{none} tutorial's test loss, {_test(reproduction).loss:g}, is {'; '.join(texts)}."


def verdicts(comparisons: Iterable[Comparison]) -> dict[Gradient, Verdict]:
    """Return each rule's verdict on the primary quantity."""
    return {row.gradient: row.verdict for row in comparisons if (row.experiment, row.quantity) == PRIMARY}


def markdown_report(reproduction: Reproduction) -> str:
    """Return the question, the tables and the sentences as Markdown."""
    mean = f"mean of {reproduction.num_seeds} seeds"
    rows = table(["gradient", "quantity", "tutorial", mean, "one more, 95%", "p", "verdict"], _rows(reproduction))
    warning = "" if reproduction.tutorials_images else foreign_images(reproduction.data)
    return (
        blocks(
            warning,
            question(reproduction),
            *answer(reproduction),
            rows,
            *sentences(reproduction),
            programs_table(reproduction.programs),
            warning,
        )
        + "\n"
    )


def _rows(reproduction: Reproduction) -> list[list[str]]:
    found = {(row.experiment, row.quantity, row.gradient): row for row in reproduction.comparisons}
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
    p = "" if row.p is None else shown_p(row.p)
    if row.diverged:
        return [tutorial, "diverged", f"{row.diverged} of {row.n} seeds", p]
    mean = "" if row.mean is None else f"{row.mean:.{digits}f}"
    if row.high is None:
        return [tutorial, mean, "" if row.margin is None else f"limit {row.margin:.4f}", p]
    interval = f"{row.low:.{digits}f}..{row.high:.{digits}f}" if row.low else f"up to {row.high:.{digits}f}"
    return [tutorial, mean, interval, p]


def _correlation(correlation: Correlation) -> str:
    if correlation.of_mean is None or correlation.lowest is None or correlation.highest is None:
        return f"{correlation.gradient} none"
    seeds = f"seeds {correlation.lowest:.2f} to {correlation.highest:.2f}"
    return f"{correlation.gradient} {correlation.of_mean:.2f} ({seeds})"


def _test(reproduction: Reproduction) -> Reported:
    (row,) = (row for row in reproduction.reported if row.place == TEST)
    return row
