"""The gradient rules over 2,000 steps, float64, beside plain loops written from the tutorial's description.

The loops have each fault where the tutorial's code has it (see ``Reference.train_dense``); the network has
what comes of it, two lines of algebra.
"""

from typing import get_args

import numpy as np
import pytest
from gradcheck import check_gradient
from reference import QuickReference, Reference
from side_by_side import differences_from_reference

from convsweep.nn.layers import cross_entropy, softmax
from convsweep.nn.network import CNN, Gradient, initial_parameters
from convsweep.nn.patches import normalize
from convsweep.nn.training import Batch, initialization_rng, learn, predict
from convsweep.reproduce.printing import first_not_a_number

STEPS = 2000
LEARNING_RATE = 0.005


@pytest.fixture(scope="module")
def batch(digits):
    chosen = np.random.default_rng(0).permutation(len(digits[1]))[:STEPS]  # the file is sorted by class
    return Batch(digits[0][chosen], digits[1][chosen])


@pytest.fixture(scope="module")
def start():
    return initial_parameters(8, rng=initialization_rng(0), dtype=np.float64)


def by_loops(start, batch, gradient):
    """Return losses and hits, up to the step at which the true class's probability is 0 and 1 / p no number."""
    slow = QuickReference(*start, gradient=gradient)
    losses, hits = [], []
    for image, label in zip(normalize(batch.images, np.float64), batch.labels.tolist(), strict=True):
        try:
            loss, hit = slow.step(image, label, LEARNING_RATE)
        except ZeroDivisionError:
            break
        losses.append(loss)
        hits.append(hit)
    return np.array(losses), np.array(hits)


def by_network(start, batch, gradient):
    return learn(CNN([start], [LEARNING_RATE], gradient=gradient), batch)  # [1, N, C]


@pytest.fixture(scope="module")
def diverging(start, batch):
    """``as_printed``: losses by the loops, logits by the network."""
    return by_loops(start, batch, "as_printed")[0], by_network(start, batch, "as_printed")


@pytest.mark.parametrize("gradient", ["exact", "last_class"])
def test_the_network_follows_plain_loops_for_two_thousand_steps(start, batch, gradient):
    losses, hits = by_loops(start, batch, gradient)
    logits = by_network(start, batch, gradient)
    assert len(losses) == STEPS
    np.testing.assert_allclose(cross_entropy(logits, batch.labels)[0], losses, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(logits[0].argmax(axis=-1) == batch.labels, hits)


def test_as_printed_follows_the_loops_until_it_diverges(batch, diverging):
    """While the loss grows a hundredfold, so do rounding errors, every few steps; what is held to 1e-9 ends there."""
    losses, logits = diverging
    fast = cross_entropy(logits, batch.labels)[0]
    before = int(np.argmax(losses > 10))
    assert 500 < before < len(losses)
    np.testing.assert_allclose(fast[:before], losses[:before], rtol=0, atol=1e-9)


def test_as_printed_ends_where_the_true_class_has_no_probability_left(batch, diverging):
    """Within some 1,500 steps, in the loops as in the study's reading of the network's logits."""
    losses, logits = diverging
    (first,) = first_not_a_number(logits, batch.labels)
    assert 1000 < len(losses) < 1700
    assert 1000 < first < 1700
    assert logits[:, : first + 1].max() < 709  # exp(z) does not overflow: that of the true class underflows
    assert logits[0, first, batch.labels[first]] < -700


def test_the_quick_reference_computes_what_the_plain_one_does(start, batch):
    slow, quick = Reference(*start, gradient="as_printed"), QuickReference(*start, gradient="as_printed")
    for image, label in zip(normalize(batch.images[:12], np.float64), batch.labels[:12].tolist(), strict=True):
        assert quick.step(image, label, 0.05)[0] == pytest.approx(slow.step(image, label, 0.05)[0], rel=0, abs=1e-12)
    np.testing.assert_allclose(quick.filters, slow.filters, rtol=0, atol=1e-12)
    np.testing.assert_allclose(quick.weights, slow.weights, rtol=0, atol=1e-12)
    assert (np.abs(quick.filters - start.filters) > 1e-3).any()  # there was a 9 among the labels


@pytest.mark.parametrize("gradient", get_args(Gradient))
def test_two_hundred_steps_on_real_digits_follow_the_slow_loops(pixels, digits, gradient):
    steps = 60 if gradient == "true_class" else 220  # it diverges soon: rounding errors grow as the losses do
    loss, parameters = differences_from_reference(pixels, digits[1], steps=steps, gradient=gradient)
    assert loss < 1e-10
    assert parameters < 1e-10


def true_classs_probability(probabilities, label):
    return -probabilities[label]


def half_the_squared_error(probabilities, label):
    return ((probabilities - np.eye(10)[label]) ** 2).sum() / 2


@pytest.mark.parametrize(
    ("gradient", "loss"), [("without_log", true_classs_probability), ("softmax_twice", half_the_squared_error)]
)
def test_two_of_the_mistakes_descend_on_other_losses(start, batch, gradient, loss):
    image, label = batch.images[:1], int(batch.labels[0])
    network = CNN([start], [1.0], gradient=gradient)
    learn(network, Batch(image, batch.labels[:1]))
    changed = start._replace(biases=start.biases.copy())
    check_gradient(
        lambda: loss(softmax(predict(CNN([changed], [0.0]), image)[0, 0]), label),
        changed.biases,
        start.biases - network.parameters().biases,
        name=f"biases under {gradient}",
    )
