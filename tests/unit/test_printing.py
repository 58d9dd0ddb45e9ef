"""The tutorial's printing rule and its softmax."""

import csv
from pathlib import Path

import numpy as np
import pytest

from convsweep.reproduce.courses import Course
from convsweep.reproduce.logs import LogPlace
from convsweep.reproduce.places import Quantity, printed_by
from convsweep.reproduce.printing import first_not_a_number
from convsweep.reproduce.protocol import PRINTING
from convsweep.reproduce.reported import TEST, reported_numbers


def printed_means(values, window):
    """Return the means that the tutorial prints of ``[R, epochs, N]`` losses: ``[R, epochs, N // window]``."""
    members, epochs, num_images = values.shape
    steps = range(window, num_images + 1, window)
    quantities = [
        Quantity(LogPlace("train", epoch, step, window), "loss") for epoch in range(1, epochs + 1) for step in steps
    ]
    seen = tuple(range(epochs * num_images + 1))
    courses = []
    for member in values:
        sums = np.concatenate([[0.0], member.reshape(-1).cumsum()])
        courses.append(Course(seen, sums, sums, {}, None))
    found = printed_by(
        courses, quantities, PRINTING, num_train=num_images, tests_on_training_images=False, loss_factor=1.0
    )
    return found.reshape(members, epochs, len(steps))


def printed_by_a_loop(values, window):
    """The rule in the tutorial's own order of things: print, then train, then add up."""
    lines = []
    total = 0.0
    for epoch in values:
        of_epoch = []
        for i, value in enumerate(epoch):
            if (i + 1) % window == 0:
                of_epoch.append(total / window)
                total = 0.0
            total += value  # image i is trained on
        lines.append(of_epoch)
    return lines


@pytest.mark.parametrize(("epochs", "num_images", "window"), [(3, 20, 5), (2, 23, 5), (1, 7, 7), (2, 600, 500)])
def test_printed_means_are_those_of_a_loop_in_the_tutorials_order(epochs, num_images, window):
    """23 images and windows of 5: three images of an epoch are added to the next epoch's first line."""
    values = np.random.default_rng(0).exponential(size=(2, epochs, num_images))
    expected = [printed_by_a_loop(member, window) for member in values]
    np.testing.assert_allclose(printed_means(values, window), expected, rtol=1e-12)


def test_the_first_printed_line_of_a_run_lacks_an_image():
    """All losses 1: the first line says 0.99, the others 1."""
    assert printed_means(np.ones((1, 2, 300)), 100).tolist() == [[[0.99, 1, 1], [1, 1, 1]]]


def test_each_later_printed_line_is_shifted_by_one_image():
    values = np.arange(1.0, 7)[None, None]  # 1 .. 6
    assert printed_means(values, 3).tolist() == [[[(1 + 2) / 3, (3 + 4 + 5) / 3]]]


def test_after_a_loss_that_is_no_number_no_line_has_a_number():
    values = np.array([[[1, 1, np.nan, np.nan, np.nan, np.nan]]])
    np.testing.assert_array_equal(printed_means(values, 2), [[[0.5, np.nan, np.nan]]])


@pytest.mark.parametrize(
    ("logits", "fails"),
    [
        ([700.0, 0.0], False),
        ([710.0, 0.0], True),  # exp overflows
        ([-700.0, -745.0], False),  # exp(-745) is the smallest number there is
        ([-746.0, 0.0], True),  # the true class's probability is 0
        ([np.nan, 0.0], True),
    ],
)
def test_where_the_tutorials_softmax_fails(logits, fails):
    given = np.array([[[0.0, 0.0], logits, [0.0, 0.0]]])
    assert first_not_a_number(given, np.array([0, 0, 0])).tolist() == [1 if fails else 3]


def test_the_shipped_table_of_reported_numbers_is_the_tutorials():
    path = Path(__file__).parents[3] / "shared" / "tutorial" / "reported.csv"
    if not path.exists():
        pytest.skip("needs the tutorial's facts beside the checkout")
    theirs = [
        (row["experiment"], row["epoch"], int(row["step"]), float(row["loss"]), float(row["accuracy"]))
        for row in csv.DictReader(path.read_text().splitlines())
    ]
    ours = [
        (row.place.experiment, row.place.epoch, 400 if row.place == TEST else row.place.step, row.loss, row.accuracy)
        for row in reported_numbers()
    ]
    assert ours == theirs
