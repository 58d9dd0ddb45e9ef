"""Which programs can have printed this log? All programs' seeds trained, and the log judged by what they print.

``reproduce`` does it all; ``trainings``, ``train_all`` and ``assess`` are its parts, for those who show progress.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from convsweep.config import RunConfig
from convsweep.errors import UserError
from convsweep.reproduce.courses import Course, Wanted
from convsweep.reproduce.likeness import Judge, Likeness, Numbers
from convsweep.reproduce.log_lines import Metric
from convsweep.reproduce.logs import Log
from convsweep.reproduce.places import PlacedLog, Printing, Quantity, further_quantities, place, printed_by, wanted
from convsweep.reproduce.programs import Candidate, candidates, with_seed
from convsweep.reproduce.statistics import ALPHA, Floats, Verdict, judge
from convsweep.reproduce.trainings import Training, all_courses, in_stacks

LEAST_SEEDS = 3  # for a mean and a spread when one is left out
LOUDEST = 3  # places that are named
LEAST_WINDOWS = 3  # that make a course


class Protocol(NamedTuple):
    """How the log's program is said to train, and by how many seeds it is judged."""

    config: RunConfig  # of the program ``exact``; its seeds are not used
    num_seeds: int = 20
    first_seed: int = 0
    printing: Printing | None = None  # None: under whichever rule a program explains the log best
    plain_softmax: bool | None = (
        None  # exp(z) / sum exp(z) as it stands; None: if the log has a number that isn't finite
    )
    variants: Mapping[str, RunConfig] = {}  # with other hyperparameters, by their names
    programs: tuple[str, ...] | None = None  # their names; None: all of ``programs``


class Loud(NamedTuple):
    """A number of the log that lies far from a program's seeds."""

    quantity: str  # 'course of ...': a window less the mean of its epoch's windows
    short: str  # the quantity, for tables
    reported: float
    mean: float
    distance: float  # in standard deviations of one more run


class Judged(NamedTuple):
    """A program, and whether it can have printed the log."""

    program: str
    sentence: str
    verdict: Verdict
    p_own: float  # of how far the log lies from the program's own seeds
    p_rivals: float  # of how much better the other programs explain it
    log_likelihood: float  # natural logarithm, up to a constant that all programs share
    course: float | None  # correlation of the log's course with the seeds' mean course; None where there is none
    printing: Printing  # the rule under which the program explains the log best
    seeds: int
    diverged: int
    loudest: tuple[Loud, ...]


class Apart(NamedTuple):
    """A number that the log lacks, and that would tell two programs apart."""

    quantity: str
    programs: tuple[str, str]
    means: tuple[float, float]
    distance: float  # of the means, in standard deviations of one run


class Study(NamedTuple):
    """All that was found."""

    log: Log
    placed: PlacedLog
    protocol: Protocol
    candidates: Sequence[Candidate]  # that were judged
    not_shown: Sequence[str]  # programs that change nothing of what the log holds
    judged: Sequence[Judged]  # the likeliest first
    apart: Apart | None  # of the two likeliest programs that remain
    samples: Mapping[str, Floats]  # by program: [n, Q], what its seeds print under its printing rule
    diverged_at: Mapping[str, Sequence[int | None]]  # by program and seed

    @property
    def remaining(self) -> list[Judged]:
        """The programs that are not ruled out."""
        return [judged for judged in self.judged if judged.verdict != "inconsistent"]


Courses = Mapping[RunConfig, Course]  # by configurations with a seed


def reproduce(log: Log, protocol: Protocol) -> Study:
    """Train all programs and judge the log by them.

    Raises:
        UserError: The log doesn't fit the images, or the images can't be had.
    """
    placed = place(log, protocol.config.data.num_train, protocol.config.train.epochs)
    return assess(log, placed, protocol, all_courses(trainings(protocol, kept_of(log, placed, protocol))))


def kept_of(log: Log, placed: PlacedLog, protocol: Protocol) -> Wanted:
    """Return what to keep of each training."""
    plain_softmax = log.diverged if protocol.plain_softmax is None else protocol.plain_softmax
    return wanted(placed, plain_softmax=plain_softmax)


def trainings(protocol: Protocol, kept: Wanted) -> list[Training]:
    """Return the stacks to train: every program's seeds, and what several programs share once.

    Raises:
        UserError: There are too few seeds.
    """
    if protocol.num_seeds < LEAST_SEEDS:
        raise UserError(f"'--seeds' must be >= {LEAST_SEEDS} (got {protocol.num_seeds}).")
    configs = list(
        dict.fromkeys(
            with_seed(candidate.config, seed) for candidate in programs_of(protocol) for seed in seeds(protocol)
        )
    )
    return in_stacks(configs, kept)


def programs_of(protocol: Protocol) -> list[Candidate]:
    """Return the programs that a log is judged by."""
    found = candidates(protocol.config, protocol.variants)
    return [one for one in found if protocol.programs is None or one.name in protocol.programs]


def seeds(protocol: Protocol) -> range:
    """Return the seeds of every program."""
    return range(protocol.first_seed, protocol.first_seed + protocol.num_seeds)


def assess(log: Log, placed: PlacedLog, protocol: Protocol, courses: Courses) -> Study:
    """Judge a log by the courses of all programs' seeds."""
    programs, not_shown = _shown_by(placed, programs_of(protocol))
    of_program = {
        program.name: [courses[with_seed(program.config, seed)] for seed in seeds(protocol)] for program in programs
    }

    def samples(quantities: Sequence[Quantity], printing: Printing) -> dict[str, Floats]:
        return {
            program.name: printed_by(
                of_program[program.name],
                quantities,
                printing,
                num_train=placed.num_train,
                tests_on_training_images=program.tests_on_training_images,
                loss_factor=program.loss_factor,
            )
            for program in programs
        }

    printings = (protocol.printing,) if protocol.printing else placed.printings
    by_printing = {printing: samples(placed.quantities, printing) for printing in printings}
    what = numbers(placed)
    judge_of_logs = Judge(
        what,
        {(printing, name): sample for printing, of_all in by_printing.items() for name, sample in of_all.items()},
    )
    reported = np.array([printed.value for printed in placed.printed])  # [Q]
    found = judge_of_logs.likenesses(reported)
    judged, own_samples = [], {}
    for program in programs:
        printing = favoured(found, printings, program.name)
        own_samples[program.name] = by_printing[printing][program.name]
        diverged = sum(course.diverged_at is not None for course in of_program[program.name])
        likeness = found[printing, program.name]
        judged.append(
            Judged(
                program.name,
                program.sentence,
                judge(likeness.p, conclusive=1 / (protocol.num_seeds + 1) <= ALPHA),
                likeness.p_own,
                likeness.p_rivals,
                likeness.log_density,
                _course(what, reported, own_samples[program.name]),
                printing,
                protocol.num_seeds,
                diverged,
                _loudest(likeness, what, placed, own_samples[program.name]),
            )
        )
    judged.sort(key=lambda one: -one.log_likelihood)
    remaining = [one for one in judged if one.verdict != "inconsistent"]
    further = further_quantities(placed)
    apart = None
    if len(remaining) > 1 and further:
        pair = (remaining[0].program, remaining[1].program)
        apart = _tell_apart(further, samples(further, remaining[0].printing), pair)
    diverged_at = {name: [course.diverged_at for course in found] for name, found in of_program.items()}
    return Study(log, placed, protocol, programs, not_shown, judged, apart, own_samples, diverged_at)


def numbers(placed: PlacedLog) -> Numbers:
    """Return what a log's numbers are to the statistics."""
    courses: dict[tuple[Metric, int], list[int]] = {}
    for column, quantity in enumerate(placed.quantities):
        if quantity.place.split == "train" and quantity.place.step:
            courses.setdefault((quantity.metric, quantity.place.epoch), []).append(column)
    return Numbers(
        np.array([printed.half for printed in placed.printed]),
        np.array([quantity.metric == "loss" for quantity in placed.quantities]),
        list(courses.values()),
    )


def favoured(found: Mapping[tuple[Printing, str], Likeness], printings: Sequence[Printing], program: str) -> Printing:
    """Return the printing rule that favours a program: if it printed the log, the true rule's p is no larger."""

    def explained(printing: Printing) -> tuple[float, float]:
        likeness = found[printing, program]
        return likeness.p, likeness.log_density

    return max(printings, key=explained)


def _shown_by(placed: PlacedLog, programs: Sequence[Candidate]) -> tuple[list[Candidate], list[str]]:
    """Part the programs whose prints can differ in what the log holds from the names of the others."""
    tests = any(quantity.place.split == "test" for quantity in placed.quantities)
    losses = any(quantity.metric == "loss" for quantity in placed.quantities)
    shown = [
        program
        for program in programs
        if (tests or not program.tests_on_training_images) and (losses or program.loss_factor == 1)
    ]
    return shown, [program.name for program in programs if program not in shown]


def _course(what: Numbers, reported: Floats, sample: Floats) -> float | None:
    """Return the correlation of the log's windows, each less its epoch's mean, with those of the seeds' mean.

    Args:
        what: The log's numbers.
        reported: ``[Q]``.
        sample: ``[n, Q]``.
    """
    with np.errstate(invalid="ignore"):
        log, seeds = what.deviations(reported), what.deviations(sample.mean(axis=0))
    columns = [column for of_epoch in what.courses for column in of_epoch]
    of_losses = [column for column in columns if what.are_losses[column]]
    chosen = of_losses or columns
    if len(chosen) < LEAST_WINDOWS or not np.isfinite([log[chosen], seeds[chosen]]).all():
        return None
    if np.ptp(log[chosen]) == 0 or np.ptp(seeds[chosen]) == 0:
        return None
    return float(np.corrcoef(log[chosen], seeds[chosen])[0, 1])


def _loudest(likeness: Likeness, what: Numbers, placed: PlacedLog, sample: Floats) -> tuple[Loud, ...]:
    names = [(quantity.name, quantity.short) for quantity in placed.quantities]
    reported = np.array([printed.value for printed in placed.printed])
    with np.errstate(invalid="ignore", over="ignore"):
        means = sample.mean(axis=0)
        rows = [
            *zip(names, reported, means, likeness.distances, strict=True),
            *zip(
                [(f"course of {name}", f"course {short}") for name, short in names],
                what.deviations(reported),
                what.deviations(means),
                likeness.course_distances,
                strict=True,
            ),
        ]
    rows.sort(key=lambda row: -abs(row[3]))
    return tuple(Loud(*names, float(value), float(mean), float(off)) for names, value, mean, off in rows[:LOUDEST])


def _tell_apart(further: Sequence[Quantity], samples: Mapping[str, Floats], programs: tuple[str, str]) -> Apart | None:
    """Return the number whose value differs most between two programs, by its spread under both."""
    first, second = (samples[name] for name in programs)
    best: Apart | None = None
    for index, quantity in enumerate(further):
        one, other = first[:, index], second[:, index]
        if not (np.isfinite(one).all() and np.isfinite(other).all()):
            continue
        spread = math.sqrt((one.var(ddof=1) + other.var(ddof=1)) / 2) + 1e-12
        distance = abs(float(one.mean() - other.mean())) / spread
        if best is None or distance > best.distance:
            best = Apart(quantity.name, programs, (float(one.mean()), float(other.mean())), distance)
    return best
