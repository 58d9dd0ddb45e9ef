"""What a sweep's costs would be at sizes that nobody here measures: straight lines through what was measured.

Each term is a + b * jobs, fitted such that relative errors are least, so that small sweeps count as much as large ones.
How it really grows is told beside it: the exponent of jobs between the smallest and the largest sweep, fixed costs
taken away. A term that grows faster than its line would show an exponent above 1.

A core is one of the machine that was measured on. Left out: network, a shared file system's own speed, queues.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from benchmarks.results import Series


class Term(NamedTuple):
    """A cost of a sweep."""

    title: str
    unit: str
    per_job: float | None = None  # such units in one of the series' for each job; None: it is of the whole sweep


TERMS = {  # by the series that was measured
    "plan_cpu_s": Term("plan, one process", "CPU-s"),
    "head_cpu_ms_per_job": Term("head: Hydra, jobs' folders", "CPU-s", 1e-3),
    "worker_cpu_ms_per_job": Term("workers, beyond training", "CPU-s", 1e-3),
    "mirror_cpu_ms_per_run": Term("mirror: telling MLflow", "CPU-s", 1e-3),
    "sync_again_cpu_s": Term("sync that finds all sent", "CPU-s"),
    "train_again_cpu_s": Term("train that finds all finished", "CPU-s"),
    "report_cpu_s": Term("compare with a report", "CPU-s"),
    "head_mb": Term("head's memory", "MB"),
    "mirror_mb": Term("mirror's memory", "MB"),
    "report_mb": Term("report's memory", "MB"),
    "files_per_job": Term("files and folders of records", "names", 1),
    "names_per_job_with_mlflow": Term("the same with MLflow's", "names", 1),
    "kb_per_job": Term("records on disk", "MB", 1e-3),
    "kb_per_job_with_mlflow": Term("the same with MLflow", "MB", 1e-3),
    "database_kb_per_job": Term("MLflow's SQLite database", "MB", 1e-3),
}
RUNS, CORES = 1_000_000, 1000
TRAINING_CPU_S = 0.42  # of a default run in a stack of 16: 42,000 steps of 10 us (see README.md)
TOO_FAST = 1.15  # exponents above this are named


class Line(NamedTuple):
    """A term's cost as a straight line."""

    fixed: float
    per_job: float
    exponent: float | None  # None: measured at one size only, or constant

    def at(self, jobs: float) -> float:
        """Return the cost of a sweep of so many jobs."""
        return self.fixed + self.per_job * jobs


def totals(measured: Series, name: str) -> list[tuple[float, float]]:
    """Return the sizes and the costs of whole sweeps, of a term's series; a size without a value is left out."""
    per_job = TERMS[name].per_job
    return [
        (jobs, value if per_job is None else value * per_job * jobs)
        for jobs, value in zip(measured["jobs"], measured.get(name, []), strict=False)
        if jobs is not None and value is not None
    ]


def fit(points: Sequence[tuple[float, float]]) -> Line:
    """Return the line of least relative error; neither of its parts is negative.

    >>> line = fit([(100, 3.0), (1000, 12.0), (10_000, 102.0)])
    >>> round(line.fixed, 6), round(line.per_job, 6), round(line.exponent, 6)
    (2.0, 0.01, 1.0)
    """
    # weights 1/cost^2: minimise sum ((a + b n) / cost - 1)^2
    a11 = sum(1 / cost**2 for _, cost in points)
    a12 = sum(jobs / cost**2 for jobs, cost in points)
    a22 = sum(jobs**2 / cost**2 for jobs, cost in points)
    b1 = sum(1 / cost for _, cost in points)
    b2 = sum(jobs / cost for jobs, cost in points)
    determinant = a11 * a22 - a12**2
    fixed = per_job = -1.0
    if len(points) > 1 and determinant > 0:
        fixed, per_job = (b1 * a22 - b2 * a12) / determinant, (a11 * b2 - a12 * b1) / determinant
    if fixed < 0:
        fixed, per_job = 0.0, b2 / a22
    if per_job < 0:
        fixed, per_job = b1 / a11, 0.0
    return Line(fixed, per_job, _exponent(points, fixed))


def _exponent(points: Sequence[tuple[float, float]], fixed: float) -> float | None:
    (few, small), (many, large) = min(points), max(points)
    if many == few or small <= fixed * 1.1 or large <= fixed * 1.1:
        return None
    return math.log((large - fixed) / (small - fixed)) / math.log(many / few)


def lines(measured: Series) -> Iterator[str]:
    """Yield the model: a line a term, then what it means for a million runs on a thousand cores."""
    fitted = {}
    for name, term in TERMS.items():
        points = totals(measured, name)
        # one size can't tell what is fixed, unless it is so little that the term was counted by the job
        if len(points) > 1 or (points and term.per_job is not None):
            fitted[name] = fit(points)
    yield f"{'a term = fixed + per job * jobs':38}{'fixed':>10}{'per job':>12}{'grows as':>12}{f'{RUNS:,} jobs':>18}"
    for name, line in fitted.items():
        title, unit, _ = TERMS[name]
        grows = "-" if line.exponent is None else f"n^{line.exponent:.2f}"
        mark = "  faster than linear" if line.exponent is not None and line.exponent > TOO_FAST else ""
        yield f"{title:38}{line.fixed:>10.3g}{line.per_job:>12.3g}{grows:>12}{line.at(RUNS):>12,.0f} {unit:5}{mark}"
    needed = {"head_cpu_ms_per_job", "worker_cpu_ms_per_job", "mirror_cpu_ms_per_run"}
    if needed <= fitted.keys():
        yield ""
        yield from _projection(fitted)


def _projection(fitted: dict[str, Line]) -> Iterator[str]:
    """Yield how long each stage would take, if nothing else held it up."""
    workers = fitted["worker_cpu_ms_per_job"].at(RUNS) + TRAINING_CPU_S * RUNS
    stages = {
        f"{CORES:,} cores train and write records": workers / CORES,
        "one head hands out jobs": fitted["head_cpu_ms_per_job"].at(RUNS),
        "one mirror tells MLflow": fitted["mirror_cpu_ms_per_run"].at(RUNS),
        "8 mirrors, if the store keeps up": fitted["mirror_cpu_ms_per_run"].at(RUNS) / 8,
    }
    yield f"{RUNS:,} default runs on {CORES:,} cores, each stage by itself: hours"
    for stage, seconds in stages.items():
        yield f"  {stage:40}{seconds / 3600:>8.1f}"
