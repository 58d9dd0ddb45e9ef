"""Learning curves: axes that don't follow the data, and a chart that is kept for the next run."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import NamedTuple

import numpy as np
import pytest

from convsweep.pictures import curves
from convsweep.pictures.curves import Curve, LossAxis, Schedule, learning_curves, loss_axis

NOTHING = Curve([], [], [])


class Run(NamedTuple):
    """What is drawn of a run."""

    train: Curve
    valid: Curve
    schedule: Schedule
    title: str = "8 filters, learning rate 0.005"
    ending: str = "test, at the end: 91.25%"
    test_accuracy: float | None = 0.9125

    def draw(self):
        return np.asarray(
            learning_curves(
                self.train,
                self.valid,
                self.schedule,
                title=self.title,
                ending=self.ending,
                test_accuracy=self.test_accuracy,
            )
        )


def run(epochs=10, window=500, largest=2.3, images=4200, **others):
    """Return a run whose losses fall from the largest, nine windows an epoch."""
    windows, ends = (np.linspace(0, epochs, number * epochs + 1) for number in (9, 1))
    train, valid = (
        Curve((at * images).tolist(), (largest * np.exp(-at)).tolist(), (1 - 0.9 * np.exp(-at)).tolist())
        for at in (windows[1:], ends)
    )
    return Run(train, valid, Schedule(epochs, images, window), **others)


def cut(curve, length):
    return Curve(*(column[:length] for column in curve))


def diverged(length, **others):
    whole = run(**others)
    ending = {"ending": "diverged in epoch 2, at step 4,717", "test_accuracy": None}
    return whole._replace(train=cut(whole.train, length), valid=cut(whole.valid, 1 + length // 9), **ending)


OTHERS = {
    "other values": run(title="16 filters, learning rate 0.02", ending="test, at the end: 30.00%", test_accuracy=0.3),
    "diverged early": diverged(10),
    "one window": diverged(1),
    "no window": diverged(0),
    "another number of epochs": run(epochs=3),
    "large losses": run(largest=70.0),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_a_kept_chart_gives_the_pixels_of_a_fresh_one(other):
    usual = run()
    curves._chart.cache_clear()
    fresh_usual = usual.draw()
    curves._chart.cache_clear()
    fresh_other = other.draw()
    curves._chart.cache_clear()
    assert not np.array_equal(fresh_usual, fresh_other)
    for drawn, fresh in ((usual, fresh_usual), (other, fresh_other), (usual, fresh_usual)):
        np.testing.assert_array_equal(drawn.draw(), fresh)


def test_a_process_that_drew_other_runs_draws_what_a_new_process_draws():
    for other in OTHERS.values():
        other.draw()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        usual = run()
        texts = {"title": usual.title, "ending": usual.ending, "test_accuracy": usual.test_accuracy}
        alone = executor.submit(learning_curves, usual.train, usual.valid, usual.schedule, **texts)
        np.testing.assert_array_equal(usual.draw(), np.asarray(alone.result()))


def test_runs_that_differ_in_results_only_share_one_chart():
    curves._chart.cache_clear()
    for other in (run(), run(largest=2.4), run(title="another"), diverged(10), diverged(1)):
        other.draw()
    assert curves._chart.cache_info().misses == 1


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([], LossAxis("linear", 0.0, 2.5)),
        ([0.0], LossAxis("linear", 0.0, 2.5)),
        ([np.log(10), 0.01], LossAxis("linear", 0.0, 2.5)),
        ([2.5], LossAxis("linear", 0.0, 2.5)),
        ([2.6, 0.01], LossAxis("linear", 0.0, 5.0)),
        ([5.1, 2.0], LossAxis("log", 1.0, 10.0)),
        ([5.1, 0.02], LossAxis("log", 0.01, 10.0)),
        ([10.0, 10.0], LossAxis("log", 1.0, 10.0)),
        ([101.0, 0.0], LossAxis("log", 1e-4, 1000.0)),
        ([1e300, 2.3], LossAxis("log", 1.0, 1e9)),
        ([1e300], LossAxis("log", 1e8, 1e9)),
    ],
)
def test_the_axis_of_losses_follows_its_rule(losses, expected):
    axis = loss_axis(losses)
    assert axis.scale == expected.scale
    np.testing.assert_allclose(axis[1:], expected[1:])


def test_every_loss_up_to_a_billion_is_within_its_axis():
    for losses in 10 ** np.random.default_rng(0).uniform(-4, 9, (1000, 5)):
        axis = loss_axis(losses.tolist())
        assert axis.low <= losses.min() <= losses.max() <= axis.high


EXTREMES = {
    "largest losses": run(largest=1e300),
    "smallest losses": run(epochs=30, largest=6.0),
    "longest texts": diverged(
        10,
        images=60_000,
        window=60_000,
        title="128 filters, learning rate 1.23457e-05, init scale 0.333333, seed 4294967295, fashion_mnist",
    ),
    "many epochs": run(epochs=1000, images=60_000, ending="diverged in epoch 1000, at step 60,000,000"),
    "one epoch": run(epochs=1),
}


@pytest.mark.parametrize("extreme", EXTREMES.values(), ids=EXTREMES)
def test_nothing_is_cut_off_at_the_pictures_edge(extreme):
    picture = extreme.draw()
    assert picture.shape == (400, 900, 3)
    for edge in (picture[:2], picture[-2:], picture[:, :2], picture[:, -2:]):
        assert (edge == 255).all()


@pytest.mark.parametrize("split", ["train", "valid"])
def test_a_single_point_can_be_seen(split):
    point = Curve([4200], [1.0], [0.5])
    with_point, without = (run()._replace(**{"train": NOTHING, "valid": NOTHING, split: c}) for c in (point, NOTHING))
    assert (with_point.draw() != without.draw()).any(axis=-1).sum() >= 2 * 12  # pixels; a dot in each panel


def test_a_run_without_a_test_accuracy_has_no_line_of_it():
    tested, untested = run(), run(test_accuracy=None)
    rows = (tested.draw() != untested.draw()).any(axis=(1, 2))
    assert 1 <= rows.sum() <= 4  # pixels: the dashed line and nothing else
