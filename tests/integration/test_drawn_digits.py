"""Digits as people photograph, scan and draw them: what is amiss with a picture hardly changes the answers."""

import numpy as np
import pytest
from drawn_digits import KINDS, Drawing, draw

from convsweep.data.digits import to_mnist
from convsweep.data.images import read_image
from convsweep.errors import UserError
from convsweep.nn.network import CNN, initial_parameters
from convsweep.nn.training import Batch, initialization_rng, learn, predict

TEST = slice(4600, 4620)  # of data=mnist_5k's 400
POINTS = 0.05 + 1e-9  # of accuracy (one digit of 20): what a picture's faults may cost


@pytest.fixture(scope="module")
def network(digits):
    """A network that has seen 4,200 digits twice."""
    network = CNN([initial_parameters(8, rng=initialization_rng(0))], [0.005])
    for _ in range(2):
        learn(network, Batch(*(array[:4200] for array in digits)))
    return network


@pytest.fixture(scope="module")
def accuracy_of(network, digits, tmp_path_factory):
    """Measure the share of right answers over digits drawn as a kind of picture; a refused one isn't right."""
    folder = tmp_path_factory.mktemp("drawn")

    def measure(kind):
        right = 0
        for number, (digit, label) in enumerate(zip(*(array[TEST] for array in digits), strict=True)):
            try:
                pixels = read_image(draw(kind, digit, folder / "digit", number)).pixels
            except UserError:
                continue
            right += int(predict(network, pixels[None])[0].argmax() == label)
        return right / (TEST.stop - TEST.start)

    return measure


@pytest.fixture(scope="module")
def clean(accuracy_of):
    return accuracy_of("clean")


def test_clean_drawings_are_read_as_well_as_the_digits_they_were_drawn_from(clean, network, digits):
    images, labels = (array[TEST] for array in digits)
    assert clean >= np.mean(predict(network, images)[0].argmax(axis=1) == labels) - POINTS
    assert clean > 0.85


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "clean"])
def test_what_is_amiss_with_a_picture_costs_few_answers(accuracy_of, clean, kind):
    assert accuracy_of(kind) >= clean - POINTS


def test_no_real_digit_is_refused(digits, tmp_path):
    rng = np.random.default_rng(0)
    for digit in digits[0][4600:4700]:
        drawn = Drawing(digit, tmp_path, rng).on_paper(140)
        seen = to_mnist(drawn.astype(np.float32)).astype(float)
        assert np.corrcoef(seen.ravel(), digit.ravel())[0, 1] > 0.6
