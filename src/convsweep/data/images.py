"""Pictures of digits from files, brought into MNIST's form: what `predict` reads."""

from pathlib import Path
from typing import NamedTuple

from convsweep.data.digits import UnclearError, to_mnist
from convsweep.data.picture_files import Greys, read_picture
from convsweep.errors import UserError
from convsweep.nn.patches import Pixels


class DigitImage(NamedTuple):
    """A picture of a digit."""

    picture: Greys  # [H, W], 0 to 255: as it was read, upright, large ones reduced
    pixels: Pixels  # [28, 28]: in MNIST's form, light on dark


def read_image(path: Path) -> DigitImage:
    """Read a picture and find its digit.

    Raises:
        UserError: The file can't be read as a picture, or no single digit can be made out in it.
    """
    picture = read_picture(path)
    try:
        return DigitImage(picture, to_mnist(picture))
    except UnclearError as error:
        raise UserError(f"'{path}' {error}.") from error
