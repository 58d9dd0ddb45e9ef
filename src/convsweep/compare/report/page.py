"""What one comparison's part of the page shows; ``page.html.jinja`` lays it out."""

from typing import NamedTuple

import numpy as np
from markupsafe import Markup

from convsweep.compare.comparison import Comparison
from convsweep.compare.effects import Effects, find_effects
from convsweep.compare.report import findings
from convsweep.compare.report.curves import Curves, draw_curves, read_curves
from convsweep.compare.report.figures import draw_budget, draw_effects, draw_time
from convsweep.compare.report.hard_images import HardImages, find_hard_images
from convsweep.compare.report.inside import MOST_FILTERS, BestRun, read_best_run
from convsweep.compare.report.leaderboard import Leaderboard, make_leaderboard
from convsweep.compare.report.svg import inline_svg
from convsweep.compare.report.tiles import filters_svg
from convsweep.compare.report.tradeoffs import Budget, TimeAgainstAccuracy, find_budget, find_time

MOST_STEPS = 40  # of hyperparameters, in one picture


class Part(NamedTuple):
    """One comparison's part of the page: what was found, and the pictures of it. What isn't there is None or empty."""

    prefix: str  # of the ids in this part
    comparison: Comparison
    num_runs: int
    num_finished: int
    num_diverged: int
    leaderboard: Leaderboard
    effects: Effects
    budget: Budget | None
    time: TimeAgainstAccuracy | None
    curves: Curves
    best_run: BestRun | None
    hard_images: HardImages | None
    pictures: dict[str, Markup]  # by name: effects, budget, time, curves, before, after


def make_part(comparison: Comparison, number: int) -> Part:
    """Read what the page needs from the records, and draw it."""
    runs = [run for standing in comparison.standings for run in standing.configuration.runs]
    finished = [run for run in runs if run.outcome == "finished"]
    part = Part(
        prefix=f"part{number}",
        comparison=comparison,
        num_runs=len(runs),
        num_finished=len(finished),
        num_diverged=sum(run.outcome == "diverged" for run in runs),
        leaderboard=make_leaderboard(comparison),
        effects=find_effects(comparison),
        budget=find_budget(comparison),
        time=find_time(comparison),
        curves=read_curves(comparison),
        best_run=read_best_run(comparison),
        hard_images=find_hard_images(finished) if finished else None,
        pictures={},
    )
    return part._replace(pictures=_pictures(part))


def _pictures(part: Part) -> dict[str, Markup]:
    drawn = {}
    if part.effects.steps:
        drawn["effects"] = draw_effects(part.effects.steps[:MOST_STEPS]), findings.effects(part.effects)
    if part.budget is not None:
        drawn["budget"] = draw_budget(part.budget), findings.budget(part.budget)
    if part.time is not None:
        drawn["time"] = draw_time(part.time), findings.time(part.time)
    if part.curves.named or part.curves.others:
        drawn["curves"] = draw_curves(part.curves), findings.curves(part.curves)
    pictures = {name: inline_svg(figure, f"{part.prefix}-{name}", title) for name, (figure, title) in drawn.items()}
    if part.best_run is not None and part.best_run.before is not None and part.best_run.after is not None:
        before, after = part.best_run.before[:MOST_FILTERS], part.best_run.after[:MOST_FILTERS]
        limit = float(max(np.abs(before).max(), np.abs(after).max()))
        pictures["before"] = filters_svg(before, limit, "Filters before training")
        pictures["after"] = filters_svg(after, limit, "Filters after training")
    return pictures
