"""Pictures made of tiles: what stands where, and in which colour."""

import numpy as np
import pytest

from convsweep.data import CLASS_NAMES
from convsweep.pictures import mosaics

DIGITS = CLASS_NAMES["mnist"]


@pytest.fixture
def certain():
    """Predictions that are sure of class 3, whatever the image shows, [20, 10]."""
    return np.eye(10)[[3] * 20] * 0.9 + 0.01


def test_filters_before_and_after_stand_on_one_scale():
    """The largest weight of all is the darkest red; a tenth of it is nearly white, before as after."""
    before, after = np.full((2, 3, 3), 0.1), np.full((2, 3, 3), 1.0)
    picture = np.asarray(mosaics.filters_before_and_after(before, after)).astype(int)
    columns = picture[:, -mosaics.MARGIN - mosaics.GAP - 30]  # through the middle of the last filter
    colours = {tuple(colour) for colour in columns if np.ptp(colour) > 20}
    darkest = min(colours, key=sum)
    assert darkest == (103, 0, 31)  # the last of matplotlib's RdBu_r
    lightest = picture[picture.shape[0] // 2 - 30, -mosaics.MARGIN - mosaics.GAP - 30]
    assert lightest.min() > 200


def test_a_confusion_matrix_is_dark_where_images_are_right():
    labels = np.arange(200) % 10
    predicted = labels.copy()
    predicted[labels == 4] = 7
    picture = np.asarray(mosaics.confusion_matrix(labels, predicted, DIGITS)).astype(int).sum(axis=-1)
    step = 45  # a tile of 44 pixels and a gap
    bottom, right = picture.shape[0] - mosaics.MARGIN, picture.shape[1] - mosaics.MARGIN
    corners = [
        [picture[bottom - step * (10 - row) + 4, right - step * (10 - c) + 4] for c in range(10)] for row in range(10)
    ]
    dark = np.asarray(corners) < 300
    expected = np.eye(10, dtype=bool)
    expected[4] = np.eye(10, dtype=bool)[7]
    np.testing.assert_array_equal(dark, expected)


def test_pictures_of_nothing_but_digits_have_one_channel(digits, certain):
    images, labels = (array[:20] for array in digits)
    assert mosaics.most_confidently_wrong(images, labels, certain, DIGITS).mode == "L"
    assert mosaics.digit_samples(digits[0], digits[1], DIGITS, "digits").mode == "L"
    assert mosaics.feature_maps(images[0], np.ones((1, 26, 26)), "5").mode == "RGB"


def test_a_network_without_errors_has_a_picture_of_none(digits, certain):
    picture = mosaics.most_confidently_wrong(digits[0][:20], np.full(20, 3), certain, DIGITS)
    assert picture.height < 100


@pytest.mark.parametrize(("num_filters", "rows"), [(1, 1), (8, 1), (9, 2), (20, 3)])
def test_feature_maps_go_on_in_the_next_row_after_eight(digits, num_filters, rows):
    heights = [mosaics.feature_maps(digits[0][0], np.ones((n, 26, 26)), "5").height for n in (1, num_filters)]
    assert heights[1] - heights[0] == (rows - 1) * (112 + mosaics.GAP + mosaics.TEXT + 4)
