"""Pictures in which no single digit can be made out are refused, not guessed.

That real digits never are is shown in tests/integration/test_drawn_digits.py.
"""

import numpy as np
import pytest
from drawn_digits import Drawing
from PIL import Image, ImageDraw

from convsweep.data.digits import UnclearError, to_mnist
from convsweep.pictures.style import font

Y, X = np.mgrid[:300, :300]


def noise(spread, height=280, width=280):
    return 128 + np.random.default_rng(0).normal(0, spread, (height, width))


def text(words, size):
    picture = Image.new("L", (600, 400), 250)
    ImageDraw.Draw(picture).multiline_text((30, 30), words, 20, font(size))
    return np.asarray(picture, float)


@pytest.fixture
def on_paper(digits, tmp_path):
    """Draw a digit, given by its number, in dark ink on light paper."""
    return lambda number: Drawing(digits[0][number], tmp_path, np.random.default_rng(0)).on_paper()


@pytest.fixture
def refusal():
    def refuse(picture):
        with pytest.raises(UnclearError) as refused:
            to_mnist(np.clip(picture, 0, 255).round().astype(np.float32))
        return str(refused.value)

    return refuse


@pytest.mark.parametrize(
    "picture",
    [
        noise(3),
        noise(10),
        noise(60),
        noise(30, 768, 1024),
        np.add.outer(np.linspace(100, 200, 300), np.linspace(0, 50, 300)),
        np.add.outer(np.linspace(100, 200, 300), np.linspace(0, 50, 300)) + noise(2, 300, 300) - 128,
        np.where(Y % 30 < 2, 120.0, 245.0) + noise(3, 300, 300) - 128,
        np.where((Y % 20 == 3) | (X % 20 == 5), 170.0, 245.0),
    ],
    ids=["faint noise", "noise", "strong noise", "large", "shade", "noisy shade", "ruled paper", "squared paper"],
)
def test_where_nothing_stands_out_of_the_noise_no_digit_is_guessed(refusal, picture):
    assert refusal(picture) == "must show a digit (nothing stands out of its noise)"


def test_several_digits_are_counted_and_not_guessed(refusal, on_paper):
    row = np.hstack([on_paper(4603), on_paper(4606)])
    assert refusal(row) == "must show one digit (it shows 2 things of like size)"
    assert refusal(np.vstack([row, row])) == "must show one digit (it shows 4 things of like size)"


@pytest.mark.parametrize("words", ["12", "11", "digit"])
def test_words_and_numbers_are_not_guessed(refusal, words):
    assert refusal(text(words, 150)).startswith("must show one digit (it shows ")


def test_a_page_of_text_is_not_guessed(refusal):
    page = "\n".join(["The quick brown fox jumps over the lazy dog"] * 12)
    assert refusal(text(page, 20)).startswith("must show one digit (it shows ")


@pytest.mark.parametrize(
    "patch",
    [(X - 150) ** 2 + (Y - 150) ** 2 < 80**2, (abs(X - 150) < 60) & (abs(Y - 150) < 60)],
    ids=["disc", "square"],
)
def test_a_patch_is_no_digit(refusal, patch):
    assert refusal(np.where(patch, 20.0, 240.0)) == "must show a digit (what stands out most is a patch, not a stroke)"


def test_specks_are_no_digit(refusal):
    picture = np.full((300, 300), 245.0)
    for y, x in np.random.default_rng(0).integers(0, 295, (30, 2)):
        picture[y : y + 3, x : x + 3] = 20
    assert refusal(picture) == "must show a digit (there are only specks or lines)"


@pytest.mark.parametrize("value", [0, 200])
def test_a_picture_of_one_colour_shows_no_digit(refusal, value):
    assert refusal(np.full((30, 30), float(value))) == "must show a digit (all its pixels are alike)"


def test_a_strip_is_too_narrow(refusal):
    assert refusal(noise(60, 4, 300)) == "must be at least 8 pixels wide and high (got 300 x 4)"


def test_pieces_of_one_digit_are_joined():
    """A 5 whose top bar is detached is one digit: with its bar it fills MNIST's 20 pixels."""
    picture = np.full((280, 280), 245.0)
    picture[60:80, 110:200] = 30  # the bar
    picture[92:150, 110:128] = 30
    picture[132:150, 110:190] = 30
    picture[132:220, 172:190] = 30
    picture[202:220, 100:190] = 30
    rows = np.flatnonzero(to_mnist(picture.astype(np.float32)).any(axis=1))
    bar = to_mnist(picture.astype(np.float32))[rows[0]]
    assert np.ptp(rows) == 19
    assert (bar > 128).sum() >= 9
