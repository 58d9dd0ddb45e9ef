"""The tutorial's program as a case of the engine that judges logs: its log, its three experiments, and their numbers.

========== ========================================================================================
untrained  the loss on windows of test images, before training
dense_only 1,000 steps in which the convolution doesn't learn
full       10 epochs, printed every 100 images or every 500, then the test; this is the log
========== ========================================================================================

Seed k starts from the same parameters in every experiment and under every rule, those of
``convsweep train train.seed=k``, so that rules are compared in pairs.
"""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import NamedTuple

import numpy as np

from convsweep.config import RunConfig
from convsweep.nn.network import Gradient
from convsweep.reproduce.courses import Course, Evaluation, Floats, Wanted
from convsweep.reproduce.logs import Log, LogPlace, read_log
from convsweep.reproduce.places import PlacedLog, Printing, Quantity, images_seen, place, printed_by, wanted
from convsweep.reproduce.programs import PROGRAMS, configured, with_seed
from convsweep.reproduce.reported import TEST, Place
from convsweep.reproduce.trainings import Training, in_stacks
from convsweep.reproduce.which_program import Courses, Protocol, seeds, trainings

RULES: tuple[Gradient, ...] = ("exact", "last_class", "as_printed")  # programs that are compared in every experiment
PRINTING: Printing = "before_run_on"
DENSE_ONLY_STEPS = 1000
SHORT_WINDOW, LONG_WINDOW = 100, 500


class Ours(NamedTuple):
    """All that our seeds print, as arrays by gradient rule and place."""

    losses: Mapping[tuple[Gradient, Place], Floats]  # [n], by seed; NaN: diverged
    accuracies: Mapping[tuple[Gradient, Place], Floats]  # [n]


class Divergence(NamedTuple):
    """A ``full`` run whose loss is no longer a number in the tutorial's program."""

    gradient: Gradient
    seed: int
    step: int  # the first image with such a loss, counted from 1 over all epochs


class Case(NamedTuple):
    """The tutorial's log and how its programs train."""

    protocol: Protocol
    log: Log
    placed: PlacedLog
    kept: Wanted  # of every program's runs


def tutorials_case(config: RunConfig, num_seeds: int, *, all_programs: bool) -> Case:
    """Return the tutorial's case.

    Args:
        config: The tutorial's run, on some images; fewer than its own print fewer lines.
        num_seeds: Seeds of every program, from 0 on.
        all_programs: Whether others than the three gradient rules are judged, too.
    """
    programs = None if all_programs else RULES
    protocol = Protocol(config, num_seeds, printing=PRINTING, plain_softmax=True, programs=programs)
    num_train = config.data.num_train
    log = read_log(files(__package__).joinpath("reported.csv").read_text())
    log = log._replace(readings=tuple(reading for reading in log.readings if reading.place.step <= num_train))
    placed = place(log, num_train, config.train.epochs)
    kept = wanted(placed, plain_softmax=True, also=_quantities(_full(config)))
    untrained = map(_before_training, _untrained(config.data.num_test))
    return Case(protocol, log, placed, kept._replace(evaluations=(*kept.evaluations, *untrained)))


def all_trainings(case: Case) -> list[Training]:
    """Return the stacks to train: every program's seeds, and those that train the dense layer alone."""
    config, own_seeds = case.protocol.config, seeds(case.protocol)
    seen = images_seen(_quantities(_dense_only(config)), (PRINTING,), config.data.num_train)
    dense_only = [_dense_only_run(config, rule, seed) for rule in ("exact", "as_printed") for seed in own_seeds]
    return [
        *trainings(case.protocol, case.kept),
        *in_stacks(dense_only, Wanted(tuple(sorted(seen)), (), plain_softmax=True)),
    ]


def printed(case: Case, courses: Courses) -> Ours:
    """Return what all seeds print in the three experiments."""
    config, own_seeds = case.protocol.config, seeds(case.protocol)
    num_test = config.data.num_test
    losses: dict[tuple[Gradient, Place], Floats] = {}
    accuracies: dict[tuple[Gradient, Place], Floats] = {}
    for rule in RULES:
        # before training all rules are the same; where only the dense layer learns, so are exact and last_class
        untrained = [courses[with_seed(_of_rule(config, "exact"), seed)] for seed in own_seeds]
        same = "exact" if rule == "last_class" else rule
        dense_only = [courses[_dense_only_run(config, same, seed)] for seed in own_seeds]
        full = [courses[with_seed(_of_rule(config, rule), seed)] for seed in own_seeds]
        for places, values in (
            (_untrained(num_test), _scores(untrained, list(map(_before_training, _untrained(num_test))))),
            (_dense_only(config), _means(dense_only, _dense_only(config), config)),
            (_full(config), _means(full, _full(config), config)),
            ([TEST], _scores(full, [Evaluation("test", config.train.epochs)])),
        ):
            losses |= {(rule, found): values[:, number] for number, found in enumerate(places)}
            accuracies |= {(rule, found): values[:, len(places) + number] for number, found in enumerate(places)}
    return Ours(losses, accuracies)


def divergences(case: Case, courses: Courses) -> list[Divergence]:
    """Return the full runs that diverged."""
    found = []
    for rule in RULES:
        for seed in seeds(case.protocol):
            step = courses[with_seed(_of_rule(case.protocol.config, rule), seed)].diverged_at
            found += [] if step is None else [Divergence(rule, seed, step)]
    return found


def _of_rule(config: RunConfig, rule: Gradient) -> RunConfig:
    (program,) = (program for program in PROGRAMS if program.name == rule)
    return configured(program, config)


def _dense_only_run(config: RunConfig, rule: Gradient, seed: int) -> RunConfig:
    run = with_seed(_of_rule(config, rule), seed)
    return run.model_copy(update={"train": run.train.model_copy(update={"frozen": ("conv",), "epochs": 1})})


def _untrained(num_test: int) -> list[Place]:
    return [Place("untrained", "", end, SHORT_WINDOW) for end in range(SHORT_WINDOW, num_test + 1, SHORT_WINDOW)]


def _dense_only(config: RunConfig) -> list[Place]:
    last = min(DENSE_ONLY_STEPS, config.data.num_train)
    return [Place("dense_only", "1", end, SHORT_WINDOW) for end in range(SHORT_WINDOW, last + 1, SHORT_WINDOW)]


def _full(config: RunConfig) -> list[Place]:
    """Return the windows of a full run; the tutorial shows five lines of 100 images, and others of 500."""
    num_train, epochs = config.data.num_train, range(1, config.train.epochs + 1)
    return [
        *(Place("full", "1", end, SHORT_WINDOW) for end in range(SHORT_WINDOW, num_train + 1, SHORT_WINDOW)),
        *(
            Place("full", str(epoch), end, LONG_WINDOW)
            for epoch in epochs
            for end in range(LONG_WINDOW, num_train + 1, LONG_WINDOW)
        ),
    ]


def _quantities(windows: Sequence[Place]) -> list[Quantity]:
    places = [LogPlace("train", int(found.epoch), found.step, found.window) for found in windows]
    return [
        *(Quantity(found, "loss") for found in places),
        *(Quantity(found, "accuracy") for found in places),
    ]


def _means(courses: Sequence[Course], windows: Sequence[Place], config: RunConfig) -> Floats:
    """Return means of training images, ``[n, 2 W]``: the losses of all windows, then their accuracies."""
    return printed_by(
        courses,
        _quantities(windows),
        PRINTING,
        num_train=config.data.num_train,
        tests_on_training_images=False,
        loss_factor=1.0,
    )


def _scores(courses: Sequence[Course], evaluations: Sequence[Evaluation]) -> Floats:
    """Return means of test images, ``[n, 2 E]``: the losses of all evaluations, then their accuracies."""
    scores = [[course.evaluations[evaluation] for evaluation in evaluations] for course in courses]
    values = np.array([[*(score.loss for score in row), *(score.accuracy for score in row)] for row in scores])
    return np.where(np.isfinite(values), values, np.nan)


def _before_training(window: Place) -> Evaluation:
    return Evaluation("test", 0, (window.step - window.window, window.step))
