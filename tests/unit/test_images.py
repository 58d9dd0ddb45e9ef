"""Pictures of digits from files that something has damaged: one clear line, whatever the damage."""

import numpy as np
import pytest
from PIL import Image

from convsweep.data.images import read_image
from convsweep.errors import UserError


@pytest.mark.parametrize("kept", range(8, 200, 16))
def test_a_cut_picture_is_refused(tmp_path, kept):
    path = tmp_path / "digit.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UserError, match=r"digit\.png"):
        read_image(path)


def test_a_picture_of_one_colour_is_refused(tmp_path):
    Image.new("L", (30, 30), 200).save(tmp_path / "grey.png")
    with pytest.raises(UserError, match="must show a digit"):
        read_image(tmp_path / "grey.png")
