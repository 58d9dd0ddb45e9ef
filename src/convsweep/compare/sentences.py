"""What a comparison says, in sentences: the same in the terminal, in MLflow and in the report."""

import math

from convsweep.compare.comparison import Comparison, Estimate, Standing
from convsweep.compare.configurations import Configuration
from convsweep.compare.effects import Step
from convsweep.compare.statistics.intervals import Interval, wilson_interval
from convsweep.compare.statistics.paired import paired_t_p, sign_flip_p, smallest_sign_flip_p
from convsweep.naming import MINUS, as_text, column

MOST_NAMES = 4  # of configurations that can't be told from the best


def answer(comparison: Comparison) -> str:
    """Say in a sentence or two which configuration is best, how well it does, and what can't be told from it."""
    best = comparison.best
    if best is None:
        return "No run has finished."
    seeds = counted(comparison.num_seeds or len(best.configuration.finished), "seed")
    sentence = f"Best on valid: {best.configuration.name}, {_with_interval(best.valid, seeds)}"
    sentence += f"; test {percent(best.test.mean)}." if best.test is not None else "."
    return sentence if comparison.method == "none" else f"{sentence} {_candidates(comparison)}"


def method(comparison: Comparison) -> str:
    """Say what was compared and how, and what this can't see."""
    best = comparison.best
    if best is None:
        return ""
    if comparison.method == "none":
        return comparison.obstacle
    num_images = comparison.num_valid
    known = f"{num_images} images tell one network's accuracy to within about {_points(best, num_images)} points"
    best_is = "the truly best is this one or one that can't be told from it"
    if comparison.method == "images":
        return (
            f"With 95% probability {best_is}, of these trained networks on all images: they were compared image by "
            f"image (exact McNemar tests with Bonferroni's correction). Intervals are those of the images (Wilson): "
            f"{known}. Each has one seed, so what another seed would change is not known."
        )
    apart = sum(one.relation == "not compared" and one.configuration.is_sound for one in comparison.standings)
    left_out = f" {counted(apart, 'configuration')} with other seeds: not compared." if apart else ""
    tests = f"multiple comparisons with the best after Hsu, one-sided paired t tests of {comparison.num_seeds} seeds"
    return (
        f"With 95% probability {best_is}, over all seeds on these images: they were compared seed by seed ({tests}). "
        f"Intervals are those of the mean over seeds (Student). {_runner_up(comparison)} {known}.{left_out}"
    )


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


def seeds_of(configuration: Configuration) -> str:
    """Say of how many seeds a configuration has results.

    Returns:
        ``3``; ``2 of 3``; ``2 of 3 (1 diverged)``.
    """
    finished, number = len(configuration.finished), len(configuration.runs)
    diverged = f" ({configuration.num_diverged} diverged)" if configuration.num_diverged else ""
    return str(number) if finished == number else f"{finished} of {number}{diverged}"


def _with_interval(estimate: Estimate | None, seeds: str) -> str:
    assert estimate is not None
    return f"{percent(estimate.mean)} (95% interval {interval_text(estimate)}, {seeds})"


def _candidates(comparison: Comparison) -> str:
    names = [standing.configuration.name for standing in comparison.candidates]
    others = sum(standing.relation in ("can't tell", "worse") for standing in comparison.standings)
    if not names:
        return "The other one is worse." if others == 1 else f"All {others} others are worse."
    shown = ", ".join(names[:MOST_NAMES]) + (f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else "")
    of = "The other one" if others == 1 else f"{len(names)} of {others} others"
    return f"{of} can't be told from it: {shown}."


def _runner_up(comparison: Comparison) -> str:
    """Compare the best with the next, by a t test and by one that assumes no distribution."""
    best, second = (standing.configuration for standing in comparison.standings[:2])
    ahead = best.valid_accuracies(comparison.seeds) - second.valid_accuracies(comparison.seeds)
    t, flips = paired_t_p(ahead, step=1 / comparison.num_valid), sign_flip_p(ahead)
    smallest = smallest_sign_flip_p(len(ahead))
    return (
        f"It is {100 * ahead.mean():.2f} points ahead of {second.name} (two-sided: paired t test p = {t:.2g}, "
        f"permutation test p = {flips:.2g}, which {len(ahead)} seeds can't bring below {smallest:.2g})."
    )


def _points(best: Standing, num_images: int) -> str:
    """Return half of what the images leave open of one network's accuracy, in percentage points."""
    assert best.valid is not None
    low, high = wilson_interval(round(best.valid.mean * num_images), num_images)
    return f"{50 * (high - low):.1f}"
