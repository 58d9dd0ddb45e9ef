"""The network against slow loops; its stack against solo runs; its shapes and rules."""

import itertools
import tracemalloc
from typing import get_args

import numpy as np
import pytest
from reference import Reference
from side_by_side import differences_from_reference

from convsweep.nn.layers import PENDING, cross_entropy
from convsweep.nn.network import CNN, Gradient, initial_parameters
from convsweep.nn.patches import image_blocks, normalize
from convsweep.nn.training import Batch, initialization_rng, learn, predict


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("ties", ["all", "first", "split", "average"])
def test_every_tie_rule_and_padding_follows_the_slow_loops(pixels, digits, padding, ties):
    loss, parameters = differences_from_reference(
        pixels, digits[1], steps=25, padding=padding, ties=ties, learning_rate=0.05
    )
    assert loss < 1e-10
    assert parameters < 1e-10


@pytest.mark.parametrize("frozen", [("conv",), ("dense",), ("conv", "dense")], ids=str)
def test_frozen_layers_follow_the_slow_loops_and_stand_still(pixels, digits, frozen):
    loss, parameters = differences_from_reference(pixels, digits[1], steps=15, frozen=frozen, learning_rate=0.05)
    assert loss < 1e-10
    assert parameters < 1e-10
    start = initial_parameters(2, rng=initialization_rng(3))
    network = CNN([start], [0.05], frozen=frozen)
    learn(network, Batch(digits[0][:15], digits[1][:15]))
    end = network.parameters()
    assert np.array_equal(start.filters, end.filters) == ("conv" in frozen)
    assert np.array_equal(start.weights, end.weights) == ("dense" in frozen)


def test_tie_rules_lead_to_different_networks(digits):
    """Blank background makes ties common: rules that were mixed up, or ignored, would go unnoticed otherwise."""
    ends = []
    for ties in ("all", "first", "split", "average"):
        network = CNN([initial_parameters(2, rng=initialization_rng(0))], [0.05], ties=ties)
        learn(network, Batch(digits[0][:50], digits[1][:50]))
        ends.append(network.parameters().filters)
    for one, other in itertools.combinations(ends, 2):
        assert not np.array_equal(one, other)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_parameters_come_back_as_they_were_given(padding):
    members = [initial_parameters(5, rng=initialization_rng(seed), padding=padding) for seed in range(3)]
    network = CNN(members, [0.1] * 3, padding=padding)
    for number, given in enumerate(members):
        for ours, theirs in zip(network.parameters(number), given, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_the_parameters_that_a_network_returns_are_copies():
    network = CNN([initial_parameters(2, rng=initialization_rng(0))], [0.1])
    for array in network.parameters():
        array[:] = 99
    assert all(np.abs(array).max() < 2 for array in network.parameters())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("num_filters", [1, 2, 3, 8, 16])
def test_the_members_of_a_stack_equal_their_solo_runs_bit_for_bit(digits, dtype, num_filters):
    """In any place, beside any neighbours, one of which diverges."""
    batch = Batch(digits[0][:120], digits[1][:120])
    rates, scales = [0.005, 0.02, 1e30, 0.05, 0.001], [1, 0.3, 1, 3, 1]
    members = [
        initial_parameters(num_filters, scale, rng=initialization_rng(seed), dtype=dtype)
        for seed, scale in enumerate(scales)
    ]
    stack = CNN(members, rates)
    together = learn(stack, batch)
    assert not np.isfinite(together[2]).all()
    for place in range(len(members)):
        solo = CNN([members[place]], [rates[place]])
        alone = learn(solo, batch)
        np.testing.assert_array_equal(alone[0], together[place])
        for ours, theirs in zip(stack.parameters(place), solo.parameters(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("num_filters", "size"), [(3, 41), (8, 17), (8, 33), (16, 9)])
def test_the_members_of_a_large_stack_equal_their_solo_runs_in_any_place(digits, dtype, num_filters, size):
    """More rows than BLAS works on at a time, and strides of every kind."""
    batch = Batch(digits[0][:60], digits[1][:60])
    members = [initial_parameters(num_filters, rng=initialization_rng(seed), dtype=dtype) for seed in range(size)]
    stack = CNN(members, [0.02] * size)
    learn(stack, batch)
    for place in (0, 1, size // 2, size - 2, size - 1):
        solo = CNN([members[place]], [0.02])
        learn(solo, batch)
        for ours, theirs in zip(stack.parameters(place), solo.parameters(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_float32_stays_near_float64(digits):
    """What rounding does to 400 steps, that of pending dense updates included: 1.3e-6 nats were seen."""
    batch = Batch(digits[0][:400], digits[1][:400])
    ends = {}
    for dtype in ("float32", "float64"):
        network = CNN([initial_parameters(8, rng=initialization_rng(0), dtype=dtype)], [0.005])
        losses = cross_entropy(learn(network, batch), batch.labels)
        ends[dtype] = losses, *network.parameters()
    for single, double in zip(ends["float32"], ends["float64"], strict=True):
        np.testing.assert_allclose(single, double, atol=2e-5)


def test_a_kept_member_goes_on_as_if_the_others_were_still_there(digits):
    first, second = Batch(digits[0][:60], digits[1][:60]), Batch(digits[0][60:120], digits[1][60:120])
    members = [initial_parameters(3, rng=initialization_rng(seed)) for seed in range(3)]
    whole = CNN(members, [0.01, 0.02, 0.03], ties="first")
    learn(whole, first)
    thinned = whole.keep([2])
    np.testing.assert_array_equal(learn(thinned, second)[0], learn(whole, second)[2])


@pytest.mark.parametrize("gradient", get_args(Gradient))
def test_a_member_equals_its_solo_run_under_every_gradient_rule(digits, gradient):
    batch = Batch(digits[0][:100], digits[1][:100])
    members = [initial_parameters(3, rng=initialization_rng(seed)) for seed in range(4)]
    together = learn(CNN(members, [0.005, 0.01, 0.0, 0.02], gradient=gradient), batch)
    np.testing.assert_array_equal(learn(CNN([members[3]], [0.02], gradient=gradient), batch)[0], together[3])


@pytest.mark.parametrize("pixels", ["centred", "unit", "bytes"])
def test_a_network_learns_from_and_predicts_the_pixels_that_it_is_told_to_see(digits, pixels):
    batch = Batch(digits[0][:20], digits[1][:20])
    start = initial_parameters(2, rng=initialization_rng(3), dtype=np.float64)
    seen = {"centred": batch.images / 255 - 0.5, "unit": batch.images / 255, "bytes": batch.images / 1}[pixels]
    slow = Reference(*start)
    losses = [slow.step(image, label, 1e-6)[0] for image, label in zip(seen, batch.labels.tolist(), strict=True)]
    network = CNN([start, start], [1e-6, 0.0], pixels=pixels).keep([0])
    np.testing.assert_allclose(cross_entropy(learn(network, batch), batch.labels)[0], losses, rtol=1e-10)
    expected = slow.logits(slow.pool(slow.convolve(seen[0])).flatten())
    np.testing.assert_allclose(predict(network, batch.images)[0, 0], expected, rtol=1e-9)


def test_initial_parameters_can_be_left_undivided():
    """The same draws, without the divisor 9 of filters and the number of inputs of weights."""
    divided = initial_parameters(2, rng=initialization_rng(0), dtype=np.float64)
    filters = initial_parameters(2, rng=initialization_rng(0), dtype=np.float64, undivided=["conv"])
    weights = initial_parameters(2, 0.5, rng=initialization_rng(0), dtype=np.float64, undivided=["dense"])
    np.testing.assert_allclose(filters.filters, 9 * divided.filters)
    np.testing.assert_array_equal(filters.weights, divided.weights)
    np.testing.assert_allclose(weights.filters, 0.5 * divided.filters)
    np.testing.assert_allclose(weights.weights, 0.5 * 338 * divided.weights)


def test_what_the_model_draws_does_not_change_the_order_of_images():
    """Separate streams: what the model draws can't move what the data order draws."""
    from convsweep.nn.training import order_rng

    assert order_rng(5).permutation(10).tolist() == order_rng(5).permutation(10).tolist()
    assert initialization_rng(5).standard_normal() != order_rng(5).standard_normal()


def test_float32_and_float64_start_from_the_same_draws():
    single = initial_parameters(4, rng=initialization_rng(9), dtype="float32")
    double = initial_parameters(4, rng=initialization_rng(9), dtype="float64")
    np.testing.assert_array_equal(single.weights, double.weights.astype("float32"))


@pytest.mark.parametrize("ties", ["all", "first", "split", "average"])
def test_a_step_allocates_nothing_of_a_layers_size(digits, ties):
    """Arrays of [R, 10] are all that a step asks for; NumPy has buffers of its own, two where marks are counted."""
    members = [initial_parameters(8, rng=initialization_rng(seed)) for seed in range(16)]
    network = CNN(members, [0.01] * 16, ties=ties)
    images = list(image_blocks(normalize(digits[0][:3]), "valid").images())
    for blocks in images:
        network.step(blocks, 1)
    tracemalloc.start()
    try:
        for blocks in images:
            for _ in range(PENDING):
                network.step(blocks, 1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    layer = network.dense.features.nbytes  # the smallest layer's output, 87 kB
    assert peak < layer
    assert ties == "split" or peak < np.getbufsize() * network.dtype.itemsize + layer // 10
