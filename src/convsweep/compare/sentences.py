"""What a comparison says, in sentences: the same in the terminal, in MLflow and in the report."""

import math
from collections.abc import Callable, Sequence

from convsweep.compare.comparison import Comparison, Estimate, Standing, mean_of_all
from convsweep.compare.effects import Effects, Step
from convsweep.compare.next_step import NextStep
from convsweep.compare.statistics.intervals import Interval, wilson_interval
from convsweep.naming import MINUS, as_text, column, duration

MOST_NAMES = 4  # of configurations in a sentence


def answer(comparison: Comparison) -> str:
    """Say which configuration is best, how well it does, and what can't be told from it; or that it isn't decided."""
    best, leader = comparison.best, comparison.leader
    if leader is None or leader.valid is None:
        diverged = any(one.configuration.finished for one in comparison.standings)
        return "Every configuration diverged with some seed." if diverged else "No run has finished."
    if best is None:
        return _not_decided(comparison, leader)
    seeds = counted(len(leader.runs), "seed")
    test = f"test {percent(leader.test.mean)} ({interval_text(leader.test)}), " if leader.test is not None else ""
    sentence = (
        f"Best on valid: {leader.configuration.name}: {test}valid {percent(leader.valid.mean)} "
        f"({interval_text(leader.valid)}); 95% intervals, {seeds}."
    )
    return sentence if comparison.method == "none" else f"{sentence} {_candidates(comparison)}"


def confidence(comparison: Comparison) -> str:
    """Say in a sentence how sure the answer is, or why nothing was tested."""
    if comparison.leader is None or comparison.method == "none":
        return comparison.obstacle if comparison.leader is not None else ""
    marked = "'best' or 'can't tell'" if comparison.best is not None else "'can't tell'"
    what = "these" if len(comparison.compared) == len(comparison.standings) else "the compared"
    scope = {
        "seeds": f"over all seeds, on these {comparison.num_valid:,} images",
        "images": "as trained here with one seed each, on all images; other seeds may change it",
        "none": "",
    }[comparison.method]
    most = max(len(one.configuration.finished) for one in comparison.compared)
    shared = f" They were compared on the {comparison.num_seeds} seeds that all of them have." * (
        0 < comparison.num_seeds < most
    )
    shared += " Some have more seeds, of which one was compared." * comparison.has_unused_seeds
    return f"At 95% confidence the best of {what} configurations is among those marked {marked}: {scope}.{shared}"


def left_out(comparison: Comparison) -> str:
    """Name the configurations that were not compared, with their means; empty if there is none."""
    lacking = comparison.left_out
    others = [one for one in comparison.standings if one.relation == "not compared" and one not in lacking]
    diverged = [one for one in others if one.configuration.num_diverged]
    diverged.sort(key=lambda one: one.valid.mean if one.valid else -1.0, reverse=True)
    without = [one.configuration.name for one in others if not one.configuration.num_diverged]
    sentences = []
    if lacking:
        common = f"at least one of the {comparison.num_seeds} seeds that were compared"
        sentences.append(f"Left out, as they lack {common}: {_listed(lacking, _with_mean)}.")
    if diverged:
        sentences.append(f"Not compared, as runs diverged: {_listed(diverged, _survivors)}.")
    if without:
        sentences.append(f"{counted(len(without), 'configuration')} without a finished run.")
    return " ".join(sentences)


def method(comparison: Comparison) -> str:
    """Say what was compared and how, and what this can't see."""
    leader = comparison.leader
    if leader is None or leader.valid is None:
        return ""
    over = "the mean over seeds (Student's)" if len(leader.runs) > 1 else "the images (Wilson's)"
    at_once = ", for all configurations at once (Bonferroni's correction), so for the best, too"
    intervals = f"Intervals are those of {over}{at_once if len(comparison.standings) > 1 else ''}."
    tests = {
        "seeds": f"Configurations were compared seed by seed, on the {comparison.num_seeds} seeds that all have: "
        "multiple comparisons with the best after Hsu, one-sided paired t tests.",
        "images": "Configurations were compared image by image, one run of each: exact McNemar tests with "
        "Bonferroni's correction.",
        "none": "",
    }[comparison.method]
    low, high = wilson_interval(round(leader.valid.mean * comparison.num_valid), comparison.num_valid)
    known = (
        f"{comparison.num_valid:,} images tell one network's accuracy to within about {50 * (high - low):.1f} points."
    )
    return " ".join(part for part in (tests, intervals, known) if part)


def what_next(step: NextStep) -> str:
    """Say what the next commands are good for and what they cost; the commands follow."""
    if step.seconds is None:
        return f"To {step.purpose} ({counted(step.num_runs, 'run')}):"
    return f"To {step.purpose} ({counted(step.num_runs, 'run')}, about {duration(step.seconds)} on one core):"


def percent(accuracy: float | None) -> str:
    """Return an accuracy in percent.

    >>> percent(0.9175)
    '91.75%'
    """
    return "-" if accuracy is None else f"{100 * accuracy:.2f}%"


def interval_text(estimate: Estimate | None) -> str:
    """Return an interval in percent, as short as it can be read.

    >>> from convsweep.compare.statistics.intervals import Interval
    >>> interval_text(Estimate(0.9, Interval(0.8912, 0.9088)))
    '89.1-90.9'
    """
    if estimate is None:
        return ""
    low, high = (100 * min(max(end, 0.0), 1.0) for end in estimate.interval)
    return f"{low:.1f}-{high:.1f}"


def step_name(step: Step) -> str:
    """Return ``learning_rate 0.001 → 0.005``."""
    return f"{column(step.key)} {as_text(step.baseline)} → {as_text(step.level)}"


def losses(effects: Effects) -> str:
    """Say at which levels most runs diverged, and what that means for steps; empty if none did."""
    levels = sorted(effects.diverged, key=lambda level: -level.runs.diverged / level.runs.total)
    named = [
        f"{column(key)} {as_text(level)} ({runs.diverged} of {runs.total})" for key, level, runs in levels[:MOST_NAMES]
    ]
    more = f" and {counted(len(levels) - MOST_NAMES, 'other level')}" if len(levels) > MOST_NAMES else ""
    where = f"Runs diverged at {', '.join(named)}{more}. "
    return f"{where}Steps from and to these levels count the pairs that are left." if levels else ""


def points(difference: float) -> str:
    """Return a difference of accuracies in percentage points, with its sign.

    >>> points(0.0169), points(-0.001).replace(MINUS, "-"), points(0.0)
    ('+1.69', '-0.10', '0.00')
    """
    text = f"{100 * difference:+.2f}"
    return "0.00" if text[1:] == "0.00" else text.replace("-", MINUS)


def points_interval(interval: Interval) -> str:
    """Return an interval of differences in percentage points; a word if nothing bounds it."""
    if not all(map(math.isfinite, interval)):
        return "not known"
    return f"{points(interval.low)} to {points(interval.high)}"


def counted(number: int, noun: str) -> str:
    """Return ``1 run`` or ``2 runs``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def seeds_of(standing: Standing) -> str:
    """Say of how many seeds a configuration's means are.

    Returns:
        ``3``; ``2 of 3``, if others are left out or have no result; ``2 of 3 (1 diverged)``.
    """
    used, configuration = len(standing.runs), standing.configuration
    number = len(configuration.runs)
    diverged = f" ({configuration.num_diverged} diverged)" if configuration.num_diverged else ""
    return str(number) if used == number else f"{used} of {number}{diverged}"


def _not_decided(comparison: Comparison, leader: Standing) -> str:
    assert leader.valid is not None
    higher = comparison.higher_left_out
    has, lacks = ("has a higher mean", "lacks") if len(higher) == 1 else ("have higher means", "lack")
    left_out = (
        f"{lacks} some of the {comparison.num_seeds} seeds that were compared"
        if comparison.seeds
        else "one run of each was compared"
    )
    return (
        f"Not decided: {_listed(higher, _with_mean)} {has} on valid than {leader.configuration.name}, which leads "
        f"those compared with {percent(leader.valid.mean)}, but {left_out}."
    )


def _listed(standings: Sequence[Standing], text: Callable[[Standing], str]) -> str:
    more = len(standings) - MOST_NAMES
    return ", ".join(map(text, standings[:MOST_NAMES])) + (f" and {more} more" if more > 0 else "")


def _with_mean(standing: Standing) -> str:
    finished = len(standing.configuration.finished)
    return f"{standing.configuration.name} ({percent(mean_of_all(standing))}, {counted(finished, 'seed')})"


def _survivors(standing: Standing) -> str:
    configuration = standing.configuration
    number, finished = len(configuration.runs), len(configuration.finished)
    if standing.valid is None:
        return f"{configuration.name} (all {number})" if number > 1 else f"{configuration.name}"
    return (
        f"{configuration.name} ({configuration.num_diverged} of {number}; the {finished} that finished reach "
        f"{percent(standing.valid.mean)})"
    )


def _candidates(comparison: Comparison) -> str:
    candidates, others = comparison.candidates, len(comparison.compared) - 1
    compared = "" if len(comparison.compared) == len(comparison.standings) else " compared"
    one, all_of = f"The other one{compared}", f"{others} others{compared}"
    if not candidates:
        return f"{one} can be told from it." if others == 1 else f"All {all_of} can be told from it."
    of = one if others == 1 else f"{len(candidates)} of {all_of}"
    return f"{of} can't be told from it: {_listed(candidates, lambda one: one.configuration.name)}."
