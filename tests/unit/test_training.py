"""The training loop: which events, in which order, with which numbers."""

import json
from typing import Any

import numpy as np
import pytest

from convsweep.nn.layers import cross_entropy
from convsweep.nn.network import CNN, initial_parameters
from convsweep.nn.training import (
    Batch,
    Diverged,
    EpochEnd,
    Evaluation,
    Splits,
    Window,
    initialization_rng,
    learn,
    order_rng,
    predict,
    train,
)


@pytest.fixture
def splits(digits):
    images, labels = digits
    return Splits(*(Batch(images[part], labels[part]) for part in (slice(0, 230), slice(230, 300), slice(300, 380))))


def stack(rates=(0.01,), **rules):
    return CNN([initial_parameters(2, rng=initialization_rng(seed)) for seed in range(len(rates))], rates, **rules)


def run_members(network, splits, **changes):
    """Train a stack; return each member's events."""
    settings: dict[str, Any] = {"epochs": [2] * len(network), "shuffle": False, "rng": order_rng(0), "window": 100}
    events: list[list[Any]] = [[] for _ in range(len(network))]
    for member, event in train(network, splits, **settings | changes):
        events[member].append(event)
    return events


def run(network, splits, **changes):
    """Train a stack of one; return its events."""
    (events,) = run_members(network, splits, **changes)
    return events


def test_the_events_of_a_run_come_in_this_order(splits):
    told = [(type(event).__name__, event.epoch, event.step) for event in run(stack(), splits)]
    assert told == [
        ("Evaluation", 0, 0),
        ("EpochEnd", 0, 0),
        ("Window", 1, 100),
        ("Window", 1, 200),
        ("Window", 1, 230),
        ("Evaluation", 1, 230),
        ("EpochEnd", 1, 230),
        ("Window", 2, 330),
        ("Window", 2, 430),
        ("Window", 2, 460),
        ("Evaluation", 2, 460),
        ("Evaluation", 2, 460),
        ("EpochEnd", 2, 460),
    ]


def test_windows_and_evaluations_are_means_over_their_images(splits):
    events = run(stack(), splits, epochs=[1])
    network = stack()
    before = predict(network, splits.valid.images)
    seen = learn(network, splits.train)
    windows = [event for event in events if isinstance(event, Window)]
    losses = cross_entropy(seen, splits.train.labels)[0]
    assert windows[0].loss == losses[:100].mean()
    assert windows[2].loss == losses[200:230].mean()
    assert windows[1].accuracy == (seen[0, 100:200].argmax(1) == splits.train.labels[100:200]).mean()
    first, last, test = (event for event in events if isinstance(event, Evaluation))
    assert first.loss == cross_entropy(before, splits.valid.labels).mean()
    assert last.loss == cross_entropy(predict(network, splits.valid.images), splits.valid.labels).mean()
    assert test.split == "test"
    assert test.accuracy == (predict(network, splits.test.images)[0].argmax(1) == splits.test.labels).mean()


@pytest.mark.parametrize("number", [0, 1, 300])
def test_logits_do_not_depend_on_the_stack_however_many_images_there_are(digits, number):
    """More, and fewer, than are evaluated at a time."""
    rates = (0.01, 0.02, 0.03)
    together = predict(stack(rates), digits[0][:number])
    assert together.shape == (3, number, 10)
    assert together.dtype == np.float64
    for member, logits in enumerate(together):
        solo = CNN([initial_parameters(2, rng=initialization_rng(member))], [rates[member]])
        np.testing.assert_array_equal(predict(solo, digits[0][:number])[0], logits)


def test_training_learns(splits):
    evaluations = [event for event in run(stack(), splits, epochs=[4]) if isinstance(event, Evaluation)]
    assert evaluations[0].loss > 2.2
    assert evaluations[-1].loss < 1.5


def test_shuffling_changes_the_order_and_nothing_else(splits):
    """With a rate too small to learn anything, an epoch's mean loss does not depend on the order."""
    settings = {"epochs": [1], "window": 1000}
    still = stack((1e-12,))
    plain = [e for e in run(still, splits, **settings) if isinstance(e, Window)]
    shuffled = [e for e in run(stack((1e-12,)), splits, shuffle=True, **settings) if isinstance(e, Window)]
    assert shuffled[0].loss == pytest.approx(plain[0].loss, rel=1e-6)
    assert shuffled[0].loss != plain[0].loss
    assert run(stack(), splits, shuffle=True)[3] != run(stack(), splits)[3]


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("stop", [0, 1, 2])
def test_a_run_that_goes_on_from_a_checkpoint_ends_in_the_same_bits(splits, shuffle, stop):
    whole = run(stack(), splits, epochs=[3], shuffle=shuffle)
    checkpoint = next(e.checkpoint for e in whole if isinstance(e, EpochEnd) and e.epoch == stop)
    rng = order_rng(0)
    rng.bit_generator.state = json.loads(checkpoint.order_state)
    resumed = run(
        CNN([checkpoint.parameters], [0.01]), splits, epochs=[3], shuffle=shuffle, rng=rng, first_epoch=stop + 1
    )
    cut = next(i for i, e in enumerate(whole) if isinstance(e, EpochEnd) and e.epoch == stop) + 1
    assert repr(resumed[:-1]) == repr(whole[cut:-1])
    for ours, theirs in zip(resumed[-1].checkpoint.parameters, whole[-1].checkpoint.parameters, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_members_leave_at_their_last_epoch_and_equal_their_solo_runs(splits):
    rates, epochs = (0.01, 0.02, 0.03), [1, 3, 2]
    for member, own in enumerate(run_members(stack(rates), splits, epochs=epochs)):
        assert own[-1].epoch == epochs[member]
        solo = CNN([initial_parameters(2, rng=initialization_rng(member))], [rates[member]])
        alone = run(solo, splits, epochs=[epochs[member]])
        assert [(e.loss, e.accuracy) for e in own if not isinstance(e, EpochEnd)] == [
            (e.loss, e.accuracy) for e in alone if not isinstance(e, EpochEnd)
        ]


def test_a_member_that_diverges_leaves_and_its_neighbour_does_not_notice(splits):
    lost, spared = run_members(stack((1e30, 0.02)), splits)
    assert isinstance(lost[-1], Diverged)
    solo = CNN([initial_parameters(2, rng=initialization_rng(1))], [0.02])
    assert [event.loss for event in spared if not isinstance(event, EpochEnd)] == [
        event.loss for event in run(solo, splits) if not isinstance(event, EpochEnd)
    ]


def test_divergence_names_the_first_image_whose_loss_is_not_finite(splits):
    end = run(stack((1e30,)), splits)[-1]
    network = stack((1e30,))
    logits = learn(network, Batch(*(a[:100] for a in splits.train)))
    with np.errstate(invalid="ignore"):
        losses = cross_entropy(logits, splits.train.labels[:100])[0]
    assert isinstance(end, Diverged)
    assert np.isfinite(losses[: end.step - 1]).all()
    assert not np.isfinite(losses[end.step - 1])


def test_as_printed_diverges_and_exact_does_not(digits):
    """The tutorial's printed gradient drives the loss up for ever; the right one, from the same start, down."""
    images, labels = digits
    splits = Splits(
        Batch(images[:2000], labels[:2000]), Batch(images[:20], labels[:20]), Batch(images[:20], labels[:20])
    )
    network = CNN([initial_parameters(8, rng=initialization_rng(0))], [0.005], gradient="as_printed")
    printed = run(network, splits, epochs=[30], window=500)
    assert isinstance(printed[-1], Diverged)
    exact = run(CNN([initial_parameters(8, rng=initialization_rng(0))], [0.005]), splits, epochs=[2], window=500)
    assert isinstance(exact[-1], EpochEnd)
    assert [e.loss for e in exact if isinstance(e, Window)][-1] < 0.6
