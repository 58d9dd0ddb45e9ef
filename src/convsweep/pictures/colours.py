"""Numbers as colours: the scales "RdBu" and "Blues" of ColorBrewer (Harrower and Brewer, 2003), as matplotlib has them.

Here, so that drawing a run's figures needs no matplotlib.
"""

import numpy as np
import numpy.typing as npt

from convsweep.nn.patches import Floats

# red, green, blue at equal distances along the scale
BLUE_TO_RED = (
    (5, 48, 97),
    (33, 102, 172),
    (67, 147, 195),
    (146, 197, 222),
    (209, 229, 240),
    (247, 247, 247),
    (253, 219, 199),
    (244, 165, 130),
    (214, 96, 77),
    (178, 24, 43),
    (103, 0, 31),
)
WHITE_TO_BLUE = (
    (247, 251, 255),
    (222, 235, 247),
    (198, 219, 239),
    (158, 202, 225),
    (107, 174, 214),
    (66, 146, 198),
    (33, 113, 181),
    (8, 81, 156),
    (8, 48, 107),
)

Colours = npt.NDArray[np.uint8]


def signed_colours(numbers: Floats, limit: float) -> Colours:
    """Return numbers ``[...]`` from -limit to limit in blue to red, ``[..., 3]``; what is not finite counts as 0.

    >>> signed_colours(np.array([-2.0, 0.0, 2.0]), 2.0).tolist()
    [[5, 48, 97], [247, 247, 247], [103, 0, 31]]
    """
    known = np.isfinite(numbers) & np.isfinite(limit) & (limit > 0)
    shares = np.divide(numbers, limit, out=np.zeros(numbers.shape), where=known)
    return _on_scale((shares + 1) / 2, BLUE_TO_RED)


def share_colours(shares: Floats) -> Colours:
    """Return shares ``[...]``, 0..1, in white to blue, ``[..., 3]``."""
    return _on_scale(shares, WHITE_TO_BLUE)


def _on_scale(places: Floats, scale: tuple[tuple[int, int, int], ...]) -> Colours:
    anchors = np.linspace(0, 1, len(scale))
    channels = [np.interp(places, anchors, channel) for channel in zip(*scale, strict=True)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)
