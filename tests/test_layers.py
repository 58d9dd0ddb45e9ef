"""Every layer's gradient against central differences, and what ties and equal patches must do."""

import numpy as np
import pytest
from gradcheck import check_gradient

from convsweep.layers import Conv2d, Dense, MaxPool2, cross_entropy, softmax
from convsweep.patches import block_patches, image_patches

TIES = ["all", "first", "split"]
MEMBERS, FILTERS = 2, 3


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("order", [image_patches, block_patches])
def test_the_convolutions_gradient_is_its_derivative(rng, padding, order):
    patches = order(rng.normal(size=(1, 8, 6)), padding)[0]
    conv = Conv2d(rng.normal(size=(MEMBERS, FILTERS, 3, 3)), patches.shape[1:])
    towards = rng.normal(size=conv.output.shape)  # a random direction of the output

    def loss():
        return (conv.forward(patches) * towards).sum()

    loss()
    check_gradient(loss, conv.filters, conv.backward(towards).copy(), name=f"filters ({padding})")


@pytest.mark.parametrize("ties", TIES)
def test_the_poolings_gradient_is_its_derivative_where_there_are_no_ties(rng, ties):
    maps = rng.permutation(MEMBERS * FILTERS * 4 * 6).reshape(MEMBERS, FILTERS, 4, 6) / 10  # no two alike
    pool = MaxPool2(members=MEMBERS, num_filters=FILTERS, blocks=6, ties=ties, dtype=float)
    towards = rng.normal(size=pool.output.shape)

    def loss():
        return (pool.forward(maps) * towards).sum()

    loss()
    check_gradient(loss, maps, pool.backward(towards).copy(), name=f"feature maps ({ties})")


@pytest.mark.parametrize(
    ("ties", "expected"),
    [("all", [6, 0, 6, 6]), ("first", [6, 0, 0, 0]), ("split", [2, 0, 2, 2])],
)
def test_a_tie_is_settled_by_the_rule(ties, expected):
    maps = np.array([5.0, 1.0, 5.0, 5.0]).reshape(1, 1, 4, 1)
    pool = MaxPool2(members=1, num_filters=1, blocks=1, ties=ties, dtype=float)
    pool.forward(maps)
    assert pool.backward(np.array([[[6.0]]])).ravel().tolist() == expected


def test_splitting_a_tie_gives_the_mean_of_the_one_sided_derivatives():
    """At a tie the maximum has no derivative; a share a maximum is its symmetric derivative along the diagonal."""
    maps = np.full((1, 1, 4, 1), 2.0)
    pool = MaxPool2(members=1, num_filters=1, blocks=1, ties="split", dtype=float)
    pool.forward(maps)
    gradient = pool.backward(np.ones((1, 1, 1))).copy()
    rise = pool.forward(maps + 1e-6).copy() - pool.forward(maps - 1e-6)
    assert gradient.sum() == pytest.approx(rise.item() / 2e-6)


def test_the_dense_layers_gradients_are_its_derivatives(rng):
    features = rng.normal(size=(MEMBERS, 12))
    dense = Dense(rng.normal(size=(MEMBERS, 10, 12)), rng.normal(size=(MEMBERS, 10)))
    towards = rng.normal(size=(MEMBERS, 10))

    def loss():
        return (dense.forward(features) * towards).sum()

    loss()
    check_gradient(loss, features, dense.backward(towards).copy(), name="features")
    weights, biases = dense.weights.copy(), dense.biases.copy()
    dense.update(towards, np.ones(MEMBERS))  # a step of rate 1 is minus the gradient
    grad_weights, grad_biases = weights - dense.weights, biases - dense.biases
    check_gradient(loss, dense.weights, grad_weights, name="weights")
    check_gradient(loss, dense.biases, grad_biases, name="biases")


def test_cross_entropys_gradient_is_softmax_minus_the_true_class(rng):
    logits, labels = rng.normal(size=(5, 10)), rng.integers(0, 10, 5)
    gradient = softmax(logits) - np.eye(10)[labels]
    check_gradient(lambda: cross_entropy(logits, labels).sum(), logits, gradient, name="logits")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax_and_loss_stay_finite_for_logits_of_any_size(dtype):
    logits = np.array([[1e30, -1e30, 0.0]], dtype)
    assert softmax(logits).tolist() == [[1, 0, 0]]
    assert cross_entropy(logits, np.array([0])).item() == 0
    assert np.isfinite(cross_entropy(logits, np.array([1])))


def test_the_loss_of_a_guess_among_ten_is_ln_10():
    assert cross_entropy(np.zeros((1, 10)), np.array([7])).item() == pytest.approx(np.log(10), abs=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("num_filters", [1, 2, 3, 4, 5, 7, 8, 16, 33, 64])
def test_equal_patches_give_bit_equal_outputs(rng, dtype, num_filters):
    """Pooling compares feature maps exactly: ties between blank patches must survive the matrix product."""
    patches = rng.normal(size=(9, 4, 169)).astype(dtype)
    patches[:, 1:, :] = patches[:, :1, :]  # every block holds four equal patches
    patches[:, :, 60:] = patches[:, :, 3:4]  # and many blocks are alike
    conv = Conv2d(rng.normal(size=(1, num_filters, 3, 3)).astype(dtype), (4, 169))
    maps = conv.forward(patches)
    np.testing.assert_array_equal(maps, np.broadcast_to(maps[:, :, :1], maps.shape))
    np.testing.assert_array_equal(maps[..., 60:], np.broadcast_to(maps[..., 3:4], maps[..., 60:].shape))
