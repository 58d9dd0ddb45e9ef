"""What MLflow's pages say of an experiment, a sweep and a run: Markdown, whose first line is the answer.

Names and commands come from outside: they are shown as they are, never as markup.
"""

import shlex
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from convsweep.compare.comparison import Comparison, Standing
from convsweep.compare.effects import find_effects
from convsweep.compare.next_step import next_step
from convsweep.compare.runs import Run
from convsweep.compare.sentences import (
    answer,
    confidence,
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
from convsweep.markdown import command, link, plain, table
from convsweep.naming import overrides
from convsweep.records.mixtures import mixture
from convsweep.records.sweep import Sweep
from convsweep.tracking.names import SIGNATURE, tagged

MOST_CONFIGURATIONS = 10
MOST_SWEEPS = 20
WIDTH = 90  # characters a line of a command


class ShownSweep(NamedTuple):
    """A sweep as the experiment's page lists it."""

    id: str
    title: str
    run_id: str  # of its parent
    when: str
    counts: str  # how many of its jobs ended how
    answer: str


def experiment_note(experiment_id: str, sweeps: Sequence[ShownSweep]) -> str:
    """Describe an experiment.

    Args:
        experiment_id: MLflow's id of it.
        sweeps: Its sweeps, newest first; one at least.
    """
    rows = [
        (
            link(plain(sweep.title), run_address(experiment_id, sweep.run_id)),
            sweep.when,
            plain(sweep.counts),
            plain(sweep.answer),
        )
        for sweep in sweeps[:MOST_SWEEPS]
    ]
    rest = f"{len(sweeps) - MOST_SWEEPS} older sweeps are not listed." if len(sweeps) > MOST_SWEEPS else ""
    return _joined(plain(sweeps[0].answer), table(["sweep", "when", "jobs", "answer"], rows), rest)


def sweep_note(
    experiment_id: str,
    sweep: Sweep,
    counts: str,
    comparisons: Sequence[Comparison],
    run_ids: Mapping[str, str],
    *,
    mlruns: Path,
) -> str:
    """Describe a sweep.

    Args:
        experiment_id: MLflow's id of the experiment.
        sweep: The sweep.
        counts: How many of its jobs ended how.
        comparisons: Of its runs: one for each set of images that they were judged on.
        run_ids: MLflow's ids of the runs, by their run keys.
        mlruns: Where the records are.
    """
    axes = " x ".join(plain(axis.rpartition(".")[2]) for axis in sweep.axes)
    of = f"{len(sweep.jobs)} runs{f' over {axes}' if axes else ''}: {plain(counts)}."
    addresses = [
        link("All runs, best first", runs_address(experiment_id, sweep)),
        link("MLflow's charts", runs_address(experiment_id, sweep) + "&compareRunsMode=CHART"),
    ]
    parts = [of]
    step = next_step(comparisons, sweep, mlruns)
    if step is not None:
        parts += [plain(what_next(step)), command("\n".join(step.commands))]
    for comparison in comparisons:
        images = f"Judged on {plain(comparison.group)}: {plain(answer(comparison))}" if len(comparisons) > 1 else ""
        parts += [images, plain(confidence(comparison)), plain(left_out(comparison))]
        parts += [plain(method(comparison)), _leaderboard(experiment_id, comparison, run_ids)]
        parts.append(_effects(comparison))
    parts += [
        plain(mixture(run.result for comparison in comparisons for run in comparison.runs)),
        " · ".join(addresses),
        "Run it again, which trains what is missing:",
        command(_shell(*sweep.command)),
    ]
    return _joined(plain(answer_line(comparisons)), *parts)


class Place(NamedTuple):
    """Where a run's configuration stands in a comparison."""

    number: int  # from 1, the best
    standing: Standing
    comparison: Comparison


def places(comparison: Comparison) -> dict[str, Place]:
    """Return where each run's configuration stands, by the runs' keys."""
    return {
        run.run_key: Place(number, standing, comparison)
        for number, standing in enumerate(comparison.standings, 1)
        for run in standing.configuration.runs
    }


def run_note(run: Run, state: str, sweep: Sweep, place: Place) -> str:
    """Describe a run of a sweep.

    Args:
        run: The run.
        state: How MLflow shows it: ``FINISHED`` and so on.
        sweep: Its sweep.
        place: Of its configuration, among the runs that were judged on the same images.
    """
    accuracies = f"valid {percent(run.valid_accuracy)}, test {percent(run.test_accuracy)}"
    course = accuracies if run.outcome == "finished" else run.outcome if run.result else state.lower()
    of_others = _place(sweep, place) if sweep.multirun else ""
    return _joined(
        f"{plain(run.name)}: {course}.",
        of_others,
        plain(mixture([run.result])),
        "This run alone:",
        command(_shell(*overrides(run.values))),
    )


def answer_line(comparisons: Sequence[Comparison]) -> str:
    """Return the answer of a sweep, as text: of several comparisons, that of the most runs."""
    return answer(comparisons[0]) if comparisons else "No run has finished."


def run_address(experiment_id: str, run_id: str) -> str:
    """Return the address of a run's page, relative to the server's."""
    return f"#/experiments/{experiment_id}/runs/{run_id}"


def runs_address(experiment_id: str, sweep: Sweep) -> str:
    """Return the address of the table of a sweep's runs, relative to the server's: on any server, whatever it keeps."""
    condition = quote(tagged(sweep=sweep.id, role="run"), safe="")
    order = quote("metrics.`valid/accuracy`", safe="")
    # MLflow heeds the filter only if it is told an order, too
    query = f"workflowType=machine_learning&searchFilter={condition}&orderByKey={order}&orderByAsc=false"
    return f"#/experiments/{experiment_id}/runs?{query}"


def counted(outcomes: Collection[str]) -> str:
    """Tell how many jobs ended how.

    >>> counted(["finished", "killed", "finished", "not begun"])
    '2 finished, 1 killed, 1 not begun'
    """
    order = ("finished", "diverged", "failed", "killed", "running", "not begun")
    numbers = {outcome: sum(found == outcome for found in outcomes) for outcome in order}
    return ", ".join(f"{number} {outcome}" for outcome, number in numbers.items() if number)


def _shell(*words: str) -> str:
    """Return a command with these words, continued on the next line where one would be too long to read."""
    lines = [""]
    for word in ("convsweep", "train", *words):
        quoted = " ".join(shlex.quote(word).split())
        if lines[-1] and len(lines[-1]) + len(quoted) >= WIDTH:
            lines[-1] += " \\"
            lines.append("   ")
        lines[-1] += f" {quoted}" if lines[-1] else quoted
    return "\n".join(lines)


def _effects(comparison: Comparison) -> str:
    found = find_effects(comparison)
    if not found.steps:
        return ""
    rows = [
        (step_name(step), points(step.effect.mean), points_interval(step.effect.interval), str(step.pairs))
        for step in found.steps
    ]
    headings = ("from one level to the next", "valid, points", "95% interval, all steps at once", "pairs of runs")
    spaced = [[plain(name), *(f"&ensp;{plain(cell)}" for cell in cells)] for name, *cells in (headings, *rows)]
    return f"{table(spaced[0], spaced[1:])}\n\n{plain(losses(found))}".rstrip()


def _leaderboard(experiment_id: str, comparison: Comparison, run_ids: Mapping[str, str]) -> str:
    shown = comparison.standings[:MOST_CONFIGURATIONS]
    entries = [
        (
            place,
            _configuration(experiment_id, standing, run_ids),
            percent(standing.valid and standing.valid.mean),
            interval_text(standing.valid),
            percent(standing.test and standing.test.mean),
            seeds_of(standing),
            plain(standing.relation),
        )
        for place, standing in enumerate(shown, 1)
    ]
    # MLflow's tables leave no room between columns
    headings = ("#", "configuration", "valid", "95% interval", "test", "seeds", "against the best")
    spaced = [[str(place), *(f"&ensp;{cell}" for cell in cells)] for place, *cells in (headings, *entries)]
    more = len(comparison.standings) - len(shown)
    return table(spaced[0], spaced[1:]) + (f"\n\n... and {more} more configurations." if more else "")


def _configuration(experiment_id: str, standing: Standing, run_ids: Mapping[str, str]) -> str:
    """Return a configuration's name, as a link to its best run where there is one."""
    name = plain(standing.configuration.name)
    for run in sorted(standing.configuration.finished, key=lambda run: -(run.valid_accuracy or 0)):
        if run.run_key in run_ids:
            return link(name, run_address(experiment_id, run_ids[run.run_key]))
    return name


def _place(sweep: Sweep, place: Place) -> str:
    number, standing, comparison = place
    of = len(comparison.standings)
    if standing.valid is None:
        return f"No run of its configuration has finished in {plain(sweep.title)}."
    seeds = seeds_of(standing)
    if standing.relation == "not compared":
        return (
            f"Its configuration, {plain(standing.configuration.name)}, is not compared in {plain(sweep.title)}: its "
            f"finished runs reach {percent(standing.valid.mean)} on valid (seeds: {seeds})."
        )
    sentence = (
        f"Its configuration, {plain(standing.configuration.name)}, is number {number} of {of} in "
        f"{plain(sweep.title)}: {percent(standing.valid.mean)} on valid (95% interval {interval_text(standing.valid)}, "
        f"seeds: {seeds})"
    )
    if comparison.best is None:
        return sentence + "; which one is best is not decided."
    best = f"the best, {plain(comparison.best.configuration.name)}"
    relation = {"can't tell": f"; it can't be told from {best}.", "not the best": f"; it can be told from {best}."}
    return sentence + relation.get(standing.relation, ".")  # nothing more of the best itself


def _joined(*parts: str) -> str:
    return "\n\n".join(part for part in (*parts, SIGNATURE) if part)
