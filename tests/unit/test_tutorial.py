"""The tutorial's worked examples, literally."""

import numpy as np
import pytest

from convsweep.nn.layers import Conv2d, max_pool
from convsweep.nn.layers import convolve as feature_maps
from convsweep.nn.network import CNN, initial_parameters
from convsweep.nn.patches import image_blocks, image_patches, normalize, to_blocks
from convsweep.nn.training import initialization_rng, predict, summarize

IMAGE = np.array([[0, 50, 0, 29], [0, 80, 31, 2], [33, 90, 0, 75], [0, 9, 0, 95]], float)
VERTICAL_SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], float)
HORIZONTAL_SOBEL = np.array([[1, 2, 1], [0, 0, 0], [-1, -2, -1]], float)


def convolve(image, kernel, padding="valid"):
    return feature_maps(image, kernel[None], padding)[0]


def test_the_vertical_sobel_filter_over_the_example_image():
    assert convolve(IMAGE, VERTICAL_SOBEL).tolist() == [[29, -192], [-35, -22]]


def test_the_horizontal_sobel_filter_over_the_example_image():
    """By hand: top row of the filter minus its bottom row, (80 + 62 + 2) - (9 + 0 + 95) = 40 last."""
    assert convolve(IMAGE, HORIZONTAL_SOBEL).tolist() == [[-113, -86], [173, 40]]


def test_same_padding_keeps_the_images_size():
    assert convolve(IMAGE, VERTICAL_SOBEL, "same").shape == IMAGE.shape
    assert convolve(IMAGE, VERTICAL_SOBEL, "same")[1:-1, 1:-1].tolist() == [[29, -192], [-35, -22]]


def test_the_example_image_max_pooled():
    maps = to_blocks(IMAGE)
    assert max_pool(maps).reshape(2, 2).tolist() == [[80, 31], [90, 95]]


def test_raising_the_centre_weight_by_one_gives_the_centre_pixel():
    image = np.array([[0, 7, 0], [0, 80, 31], [33, 14, 0]], float)
    kernel = np.zeros((3, 3))
    assert convolve(image, kernel).item() == 0
    kernel[1, 1] += 1
    assert convolve(image, kernel).item() == 80


def test_the_filters_gradient_is_the_image_under_each_tap():
    """The derivative of out(i, j) by filter(x, y) is image(i + x, j + y)."""
    patches = image_patches(IMAGE[None], "valid").reshape(1, 9, 4)
    conv = Conv2d(np.zeros((1, 1, 3, 3)))
    for i in range(2):
        for j in range(2):
            only_this_output = np.zeros((1, 4, 1))
            only_this_output[0, 2 * i + j] = 1
            np.testing.assert_array_equal(conv.backward(patches, only_this_output)[0, 0], IMAGE[i : i + 3, j : j + 3])


@pytest.mark.parametrize(("padding", "maps", "pooled"), [("valid", 26, 13), ("same", 28, 14)])
def test_shapes_from_image_to_logits(padding, maps, pooled):
    parameters = initial_parameters(8, rng=initialization_rng(0), padding=padding)
    network = CNN([parameters], [0.005], padding=padding)
    (image,) = image_blocks(
        normalize(np.random.default_rng(0).integers(0, 256, (1, 28, 28), np.uint8)), padding
    ).images()
    assert convolve(np.zeros((28, 28)), VERTICAL_SOBEL, padding).shape == (maps, maps)
    assert image.places.shape == (pooled * pooled,)
    assert network.dense.features.shape == (1, pooled * pooled, 8)
    assert network.step(image, 3).shape == (1, 10)
    assert parameters.filters.size == 72
    assert parameters.weights.shape == (pooled * pooled * 8, 10)
    assert not parameters.biases.any()


def test_initial_parameters_have_the_tutorials_spread():
    parameters = initial_parameters(400, rng=initialization_rng(1))
    assert parameters.filters.std() == pytest.approx(1 / 9, rel=0.05)
    assert parameters.weights.std() == pytest.approx(1 / (169 * 400), rel=0.01)
    assert abs(parameters.filters.mean()) < 0.01


def test_an_untrained_network_guesses(digits):
    network = CNN([initial_parameters(8, rng=initialization_rng(seed)) for seed in range(5)], [0.005] * 5)
    for means in summarize(predict(network, digits[0][:400]), digits[1][:400]):
        assert means.loss == pytest.approx(np.log(10), abs=1e-3)
