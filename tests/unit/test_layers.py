"""Every layer's gradient against central differences, and what ties and equal patches must do."""

import numpy as np
import pytest
from gradcheck import check_gradient

from convsweep.nn.layers import PENDING, Conv2d, Dense, MaxPool2, cross_entropy, gather, max_pool, softmax, spread
from convsweep.nn.patches import image_blocks, image_patches

TIES = ["all", "first", "split"]
MEMBERS, FILTERS = 2, 3


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_the_convolutions_gradient_is_its_derivative(rng, padding):
    patches = image_patches(rng.normal(size=(1, 8, 6)), padding).reshape(1, 9, -1)
    conv = Conv2d(rng.normal(size=(MEMBERS, FILTERS, 3, 3)))
    towards = rng.normal(size=conv.forward(patches.mT).shape)  # a random direction of the output

    def loss():
        return (conv.forward(patches.mT) * towards).sum()

    check_gradient(loss, conv.filters, conv.backward(patches, towards).copy(), name=f"filters ({padding})")


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_gathering_is_the_derivative_of_spreading(rng, padding):
    """Over an image with blank blocks, whose gradients are summed."""
    image = np.full((1, 10, 8), -0.5)
    image[0, 5:, 3:] = rng.normal(size=(5, 5))
    (blocks,) = image_blocks(image, padding).images()
    assert blocks.blank.sum() > 1
    kept = rng.normal(size=(MEMBERS, len(blocks.numbers), FILTERS))
    towards = rng.normal(size=(MEMBERS, len(blocks.places), FILTERS))

    def loss():
        return (spread(kept, blocks.places) * towards).sum()

    check_gradient(loss, kept, gather(towards, blocks), name=f"features ({padding})")


def pooled_and_back(ties, maps, towards):
    """Return the maps pooled, and the gradient towards them given that of the result."""
    pool = MaxPool2(ties, maps.copy(), np.empty_like(towards), towards, np.empty_like(maps))
    return pool.forward().copy(), pool.backward()  # going back uses up the maps and the output


@pytest.mark.parametrize("ties", TIES)
def test_the_poolings_gradient_is_its_derivative_where_there_are_no_ties(rng, ties):
    maps = rng.permutation(4 * MEMBERS * FILTERS * 6).reshape(4, MEMBERS, FILTERS, 6) / 10  # no two alike
    towards = rng.normal(size=maps.shape[1:])
    _, gradient = pooled_and_back(ties, maps, towards)

    def loss():
        return (max_pool(maps) * towards).sum()

    check_gradient(loss, maps, gradient, name=f"feature maps ({ties})")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("ties", "expected"),
    [("all", [6, 0, 6, 6]), ("first", [6, 0, 0, 0]), ("split", [2, 0, 2, 2])],
)
@pytest.mark.parametrize("highest", [5.0, -5.0, 0.0, 1e-40])
def test_a_tie_is_settled_by_the_rule(ties, expected, highest, dtype):
    """Whatever the sign of the maximum, and if what lies below it is the next number that there is."""
    maps = np.full((4, 1, 1, 1), highest, dtype)
    maps[1] = np.nextafter(maps[1], dtype(-np.inf))
    _, gradient = pooled_and_back(ties, maps, np.full((1, 1, 1), 6, dtype))
    assert gradient.ravel().tolist() == expected


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_gradients_way_through_is_that_of_a_plain_comparison(rng, ties, dtype):
    """The signs' way, on maps with ties of every kind, against masks."""
    maps = rng.integers(-2, 3, (4, MEMBERS, FILTERS, 169)).astype(dtype)
    towards = rng.normal(size=maps.shape[1:]).astype(dtype)
    output, gradient = pooled_and_back(ties, maps, towards)
    at_maximum = maps == output
    if ties == "first":
        at_maximum &= at_maximum.cumsum(axis=0) == 1
    share = towards / at_maximum.sum(axis=0, dtype=dtype) if ties == "split" else towards
    np.testing.assert_array_equal(gradient, np.where(at_maximum, share, 0))


def test_splitting_a_tie_gives_the_mean_of_the_one_sided_derivatives():
    """At a tie the maximum has no derivative; a share a maximum is its symmetric derivative along the diagonal."""
    maps = np.full((4, 1, 1, 1), 2.0)
    _, gradient = pooled_and_back("split", maps, np.ones((1, 1, 1)))
    rise = max_pool(maps + 1e-6) - max_pool(maps - 1e-6)
    assert gradient.sum() == pytest.approx(rise.item() / 2e-6)


@pytest.mark.parametrize("pending", [0, 1, 3, PENDING - 1])
def test_the_dense_layers_gradients_are_its_derivatives(rng, pending):
    """However many updates are pending."""
    dense = Dense(rng.normal(size=(MEMBERS, 10, 12)), rng.normal(size=(MEMBERS, 10)))
    for _ in range(pending):
        dense.features[:] = rng.normal(size=(MEMBERS, 12))
        dense.grad_output[:] = rng.normal(size=(MEMBERS, 10))
        dense.update()
    features = dense.features
    features[:] = rng.normal(size=(MEMBERS, 12))
    towards = rng.normal(size=(MEMBERS, 10))

    def loss():
        return (dense.forward() * towards).sum()

    loss()
    check_gradient(loss, features, dense.backward(towards).copy(), name="features")
    given, biases = features.copy(), dense.biases.copy()
    before = dense.weights.copy()
    dense.features[:] = given
    dense.grad_output[:] = towards
    dense.update()
    np.testing.assert_array_equal(dense.biases, biases + towards)
    np.testing.assert_allclose(dense.weights - before, towards[:, :, None] * given[:, None], atol=1e-14)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 2e-5), (np.float64, 1e-13)])
def test_pending_updates_are_in_force_at_once(rng, dtype, tolerance):
    """Against a layer in float64 that adds every outer product when it comes."""
    weights, biases = rng.normal(size=(MEMBERS, 10, 40)).astype(dtype), rng.normal(size=(MEMBERS, 10)).astype(dtype)
    dense = Dense(weights, biases)
    plain_weights, plain_biases = weights.astype(float), biases.astype(float)
    for _ in range(3 * PENDING + 2):
        features, gradient = rng.normal(size=(MEMBERS, 40)).astype(dtype), rng.normal(size=(MEMBERS, 10)).astype(dtype)
        gradient *= dtype(0.01)
        dense.features[:] = features
        logits = np.einsum("rcd,rd->rc", plain_weights, features) + plain_biases
        np.testing.assert_allclose(dense.forward(), logits, atol=tolerance)
        towards_features = np.einsum("rcd,rc->rd", plain_weights, gradient)
        np.testing.assert_allclose(dense.backward(gradient), towards_features, atol=tolerance)
        dense.grad_output[:] = gradient
        dense.update()
        plain_weights += gradient[:, :, None] * features[:, None]
        plain_biases += gradient
    np.testing.assert_allclose(dense.weights, plain_weights, atol=tolerance)


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
def test_equal_patches_of_a_block_give_bit_equal_outputs(rng, dtype, num_filters):
    """Pooling compares them exactly: ties must survive the matrix product, however many blocks an image has."""
    conv = Conv2d(rng.normal(size=(MEMBERS, num_filters, 3, 3)).astype(dtype))
    for blocks in (1, 2, 13, 50, 77, 90, 131, 170):
        patches = np.empty((9, 4, 1, blocks), dtype)  # laid out as a step has them
        patches[:] = rng.normal(size=(9, 1, 1, blocks))
        maps = conv.forward(patches.transpose(1, 2, 3, 0))  # [4, R, K, F]
        np.testing.assert_array_equal(maps, np.broadcast_to(maps[:1], maps.shape))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_averaging_hands_a_quarter_of_the_gradient_to_every_place(rng, dtype):
    maps = rng.normal(size=(4, MEMBERS, FILTERS, 6)).astype(dtype)
    towards = rng.normal(size=(MEMBERS, FILTERS, 6)).astype(dtype)
    _, gradient = pooled_and_back("average", maps, towards)
    assert gradient.dtype == dtype
    np.testing.assert_array_equal(gradient, np.stack([towards / 4] * 4))
