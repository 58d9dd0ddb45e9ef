"""Logs that plain loops printed (``plain_programs``), judged by what the network's seeds print."""

import functools
import math

import numpy as np
import pytest
from configurations import make_config
from plain_programs import PROGRAMS, log_of

from convsweep.data import load
from convsweep.nn.training import Batch, Window
from convsweep.nn.training import Evaluation as Evaluated
from convsweep.reproduce.courses import Evaluation, Wanted, follow
from convsweep.reproduce.logs import read_log
from convsweep.reproduce.places import place, wanted
from convsweep.reproduce.programs import with_seed
from convsweep.reproduce.trainings import estimate, train_all
from convsweep.reproduce.which_program import Protocol, assess, reproduce, trainings
from convsweep.reproduce.which_report import conclusion, markdown_report, sentences, verdicts
from convsweep.runs.training import beginning, train_together

EPOCHS, WINDOW, SEED = 2, 100, 2
SIZES = {"data.num_train": 1000, "data.num_valid": 10, "data.num_test": 200, "train.epochs": EPOCHS}
SHUFFLED = {"shuffled", "ties_first+shuffled", "pixels_unit+shuffled", "last_class+shuffled"}
# those that one log of this length can't tell from the program; they may remain beside it
NEAR = {
    "exact": {"ties_first", "average_gradient", "test_on_train"},
    "test_on_train": {"exact"},
    "ties_first": {"average_gradient", "exact"},
    "average_gradient": {"ties_first"},
    "filters_undivided": {"init_times_10"},
    "init_times_10": {"filters_undivided"},
    "pixels_bytes": {"rate_times_10"},
    "rate_times_10": {"pixels_bytes"},
    **dict.fromkeys(SHUFFLED, SHUFFLED),
}


@pytest.fixture(scope="module")
def protocol():
    return Protocol(make_config(SIZES))


@pytest.fixture(scope="module")
def splits(protocol):
    return load(protocol.config.data).splits


@pytest.fixture(scope="module")
def courses(protocol):
    """All programs' seeds, trained once for all logs, with a softmax that ends in NaN as that of the loops does."""

    @functools.cache
    def of(placed):
        stacks = trainings(protocol, wanted(placed, plain_softmax=True))
        return {config: course for outcome in train_all(stacks) for config, course in outcome.items()}

    return of


@pytest.fixture(scope="module")
def study_of(protocol, splits, courses):
    @functools.cache
    def study(program):
        log = read_log(log_of(program, splits.train, splits.test, seed=SEED, epochs=EPOCHS, window=WINDOW))
        placed = place(log, 1000, EPOCHS)
        return assess(log, placed, protocol, courses(placed._replace(printed=())))

    return study


@pytest.mark.parametrize("program", [program for program in PROGRAMS if program != "unshuffled"])  # none is shuffled
def test_a_program_of_plain_loops_is_recognised(study_of, program):
    """It remains, is the likeliest, and nothing remains beside it but what one such log can't tell from it."""
    study = study_of(program)
    remaining = {judged.program for judged in study.remaining}
    assert program in remaining
    assert study.judged[0].program in {program} | NEAR.get(program, set())
    assert remaining <= {program} | NEAR.get(program, set())


def test_the_printing_rule_is_told_by_the_log(study_of):
    """The loops print before the step: the other rules' windows are off by one image, and the first lacks one."""
    assert study_of("last_class").judged[0].printing in ("before", "before_run_on")


def test_the_report_names_what_remains_and_what_is_ruled_out(study_of):
    study = study_of("last_class")
    assert study.judged[0].course > 0.98  # two thousand images of the same order
    assert all(judged.course < study.judged[0].course for judged in study.judged[1:] if judged.course is not None)
    assert conclusion(study).startswith(
        f"Of {len(study.judged)} programs only last_class can't be ruled out by the log. "
    )
    assert verdicts(study)["exact"] == "inconsistent"
    text = markdown_report(study, "these images")
    assert "20 seeds each (the images' order for all); these images, 2 epochs." in text
    assert "The convolution learns from images of class 9 only." in text


def test_a_seeds_course_is_that_of_the_run_that_train_makes_of_it(splits):
    config = with_seed(make_config({**SIZES, "train.shuffle": True, "train.window": 250}), 3)
    seen = tuple(range(0, 2001, 250))
    (course,) = follow([config], Wanted(seen, (Evaluation("test", 2),), plain_softmax=False), splits)
    events = [event for _, event in train_together([config], [beginning(config)], splits)]
    windows = [event for event in events if isinstance(event, Window)]
    np.testing.assert_allclose(np.diff(course.losses) / 250, [window.loss for window in windows], rtol=1e-12)
    np.testing.assert_allclose(np.diff(course.hits) / 250, [window.accuracy for window in windows], rtol=1e-12)
    (test,) = (event for event in events if isinstance(event, Evaluated) and event.split == "test")
    assert course.evaluations[Evaluation("test", 2)] == (test.loss, test.accuracy)


def test_a_seeds_course_does_not_depend_on_its_stack(splits):
    configs = [with_seed(make_config({**SIZES, "train.gradient": "as_printed"}), seed) for seed in range(3)]
    kept = Wanted((0, 100, 1999), (Evaluation("trained", 2),), plain_softmax=True)
    together, (alone,) = follow(configs, kept, splits), follow(configs[1:2], kept, splits)
    np.testing.assert_array_equal(together[1].losses, alone.losses)
    assert together[1].evaluations.keys() == alone.evaluations.keys()
    assert together[1].diverged_at == alone.diverged_at
    assert alone.diverged_at is not None
    assert math.isnan(alone.losses[-1])


@pytest.fixture(scope="module")
def tiny():
    return Protocol(make_config({**SIZES, "data.num_train": 100, "data.num_test": 20}), num_seeds=3)


def test_programs_that_change_nothing_of_what_the_log_holds_are_not_judged(tiny):
    study = reproduce(read_log("Epoch 1 accuracy: 0.2\nEpoch 2 accuracy: 0.5"), tiny)
    assert study.not_shown == ["test_on_train", "loss_tenth", "loss_tenth+rate_tenth"]
    assert {judged.program for judged in study.judged}.isdisjoint(study.not_shown)
    line = (
        "Not judged, for the log holds nothing of what they change: test_on_train, loss_tenth, loss_tenth+rate_tenth."
    )
    assert line in sentences(study)
    assert {judged.course for judged in study.judged} == {None}


def test_steps_that_are_batches_are_said_to_be_beyond_the_programs(tiny):
    sizes = {**SIZES, "data.num_train": 938, "data.num_test": 20, "train.epochs": 1}
    log = read_log("Epoch 1 [469/938] loss: 2.0\nEpoch 1 [938/938] loss: 1.0")
    (line,) = (line for line in sentences(reproduce(log, tiny._replace(config=make_config(sizes)))) if "batch" in line)
    assert line.startswith(
        "938 steps are an epoch of 60,000 images in batches of 64: the programs take one image a step"
    )


def test_three_seeds_conclude_nothing(tiny):
    """From Python, all of it."""
    study = reproduce(read_log("Epoch 1 loss: 2.2\nEpoch 2 loss: 1.9\nTest accuracy: 0.5"), tiny)
    assert {judged.verdict for judged in study.judged} == {"inconclusive"}
    assert conclusion(study).startswith("Inconclusive: 3 seeds are too few")
    assert study.apart is not None


def test_an_estimate_is_made_in_seconds(protocol):
    placed = place(read_log("Epoch 2 loss: 2.2"), 1000, EPOCHS)
    stacks = trainings(protocol._replace(num_seeds=3), wanted(placed, plain_softmax=False))
    assert 0.05 < estimate(stacks) < 600  # milliseconds would be thousands


@pytest.fixture(scope="module")
def trained_twice(splits):
    """One line an epoch of a training on weights that were trained before, as when a cell of a notebook runs again."""

    def config(epochs):
        return make_config({**SIZES, "data.num_train": 500, "train.epochs": epochs, "train.learning_rate": 0.000075})

    few = splits._replace(train=Batch(splits.train.images[:500], splits.train.labels[:500]))
    ends = tuple(range(0, 100 * 500 + 1, 500))
    (course,) = follow([with_seed(config(100), SEED)], Wanted(ends, (), plain_softmax=False), few)
    losses = np.diff(course.losses)[50:] / 500
    log = "\n".join(f"Epoch {epoch}, loss: {loss:.3f}" for epoch, loss in enumerate(losses, 1))
    return reproduce(read_log(log), Protocol(config(50), programs=("exact", "last_class", "as_printed")))


def test_a_log_of_no_listed_program_is_of_none_of_these_and_this_comes_first(trained_twice):
    assert set(verdicts(trained_twice).values()) == {"inconsistent"}
    answer = conclusion(trained_twice)
    assert answer.startswith("None of these programs: the log can't be one more run of any of the 3.")
    assert " ".join(markdown_report(trained_twice, "these images").split("\n\n")[1].split()) == answer


def test_a_log_of_no_listed_program_is_told_by_its_distance_from_their_seeds(trained_twice):
    """Not by their rivals, who fit it even worse."""
    assert max(judged.p_rivals for judged in trained_twice.judged) > 0.5
    assert max(judged.p_own for judged in trained_twice.judged) < 0.001
    assert min(abs(judged.loudest[0].distance) for judged in trained_twice.judged) > 700
