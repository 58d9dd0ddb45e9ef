"""A sweep on one page: an HTML file that needs nothing but a browser, and says nothing but what the records say."""

import base64
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from convsweep.compare.comparison import Comparison, best_run
from convsweep.compare.next_step import next_step
from convsweep.compare.report import findings
from convsweep.compare.report.curves import DASHES
from convsweep.compare.report.inside import MOST_FILTERS
from convsweep.compare.report.origin import find_origin
from convsweep.compare.report.page import MOST_STEPS, make_part
from convsweep.compare.report.tiles import data_uri
from convsweep.compare.report.troubles import find_troubles
from convsweep.compare.runs import Run
from convsweep.compare.sentences import (
    answer,
    confidence,
    counted,
    interval_text,
    left_out,
    losses,
    method,
    percent,
    points,
    points_interval,
    seeds_of,
    step_name,
    what_next,
)
from convsweep.naming import as_text, column
from convsweep.records.sweep import Sweep

FOLDER = Path(__file__).parent


def render(
    comparisons: Sequence[Comparison],
    runs: Sequence[Run],
    sweep: Sweep | None,
    mlruns: Path,
    *,
    with_diff: bool = False,
) -> str:
    """Return the report of a sweep, or of all runs, as HTML.

    Args:
        comparisons: What ``compare_runs`` found; a part of the page each.
        runs: What they were made of.
        sweep: Whose jobs these are; None: every run that there is.
        mlruns: Where the records are.
        with_diff: Whether the page holds the uncommitted changes of the code; it names their files in any case.

    Returns:
        The same text for the same records. It loads nothing: its content security policy forbids it.
    """
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,  # names are text from outside
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "as_text": as_text,
        "breakable": _breakable,
        "column": column,
        "count": counted,
        "data_uri": data_uri,
        "interval": interval_text,
        "percent": percent,
        "points": points,
        "points_interval": points_interval,
        "step_name": step_name,
    }
    best = best_run(comparisons)
    script = (FOLDER / "page.js").read_text(encoding="utf-8")
    return environment.get_template("page.html.jinja").render(
        answer=answer,
        best=best,
        confidence=confidence,
        dashes=[pattern for _, pattern in DASHES],
        findings=findings,
        left_out=left_out,
        losses=losses,
        method=method,
        most_filters=MOST_FILTERS,
        most_steps=MOST_STEPS,
        next_step=next_step(comparisons, sweep, mlruns),
        num_not_begun=len({job.run_key for job in sweep.jobs}) - len(runs) if sweep is not None else 0,
        origin=find_origin(runs, best, sweep, mlruns, with_diff=with_diff),
        parts=[make_part(comparison, number) for number, comparison in enumerate(comparisons, start=1)],
        runs=runs,
        seeds_of=seeds_of,
        script=Markup(script),  # noqa: S704 - ours
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        style=Markup((FOLDER / "page.css").read_text(encoding="utf-8")),  # noqa: S704 - ours
        sweep=sweep,
        troubles=find_troubles(runs),
        what_next=what_next,
    )


def _breakable(name: str) -> Markup:
    """Let a long name break after its underscores and dots."""
    return Markup("<wbr>").join(re.split(r"(?<=[_.])", name))
