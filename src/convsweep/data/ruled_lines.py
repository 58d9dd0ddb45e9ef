"""Thin straight lines that cross a picture: ruled or squared paper, perhaps askew, and the sides of a frame."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from convsweep.nn.patches import Floats

LINE_SHARE = 0.8  # of a row: what a ruled line covers at least
LINE_THICKNESS = 0.04  # of the picture's height
SLOPES = np.linspace(-0.08, 0.08, 33)  # of ruled lines on paper that lies askew


def without_lines(ink: Floats) -> Floats:
    """Interpolate over the lines in a picture's ink ``[H, W]``, rows first, then columns."""
    return _without_rows(_without_rows(ink).T).T


def _without_rows(ink: Floats) -> Floats:
    """Interpolate over the lines that run from left to right, from the ink above and below them."""
    strongest = _strongest_slope(ink)
    lines = _lines(ink, strongest, step=1)  # [H, W]
    is_ruled = _thin_parts(_faintest(lines) > max(2 * noise_spread(ink), 0.04 * float(np.quantile(ink, 0.999))))
    if not is_ruled.any() or is_ruled.all():
        return ink
    rows = np.arange(len(ink))
    for column in lines.T:
        column[is_ruled] = np.interp(rows[is_ruled], rows[~is_ruled], column[~is_ruled])
    result = ink.copy()
    places = _places(ink, strongest, step=1)
    result[tuple(place[is_ruled] for place in places)] = lines[is_ruled]
    return result


def _strongest_slope(ink: Floats) -> float:
    """Return the slope whose lines hold most ink; of equals, the flattest."""
    step = max(ink.shape[1] // 32, 1)

    def strength(slope: float) -> tuple[float, float]:
        return float((np.maximum(_faintest(_lines(ink, slope, step)), 0) ** 2).sum()), -abs(slope)

    slopes: list[float] = SLOPES.tolist()
    return max(slopes, key=strength)


def _places(ink: Floats, slope: float, step: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return row and column of each point, every ``step`` columns, of the line of that slope through each row."""
    height, width = ink.shape
    columns = np.arange(0, width, step)
    shifts = np.round(slope * (columns - width // 2)).astype(np.intp)
    rows = np.clip(np.arange(height)[:, None] + shifts, 0, height - 1)
    return rows, np.broadcast_to(columns, rows.shape)


def _lines(ink: Floats, slope: float, step: int) -> Floats:
    """Return the ink along each line of that slope: as many as the picture has rows, every ``step`` columns."""
    return ink[_places(ink, slope, step)]


def _faintest(lines: Floats) -> Floats:
    """Return how strong each line is at least, but for the share of it that may be missing."""
    faintest: Floats = np.quantile(lines, 1 - LINE_SHARE, axis=1)
    return faintest


def _thin_parts(is_dark: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Keep the runs that are as thin as ruled lines, with a row on either side: thick ones are strokes."""
    thickest = max(LINE_THICKNESS * len(is_dark), 4)
    runs, _ = ndimage.label(ndimage.binary_dilation(is_dark))
    is_thin: npt.NDArray[np.bool_] = (runs > 0) & (np.bincount(runs)[runs] <= thickest + 2)
    return is_thin


def noise_spread(values: Floats) -> float:
    """Return the noise's standard deviation, judged by the median, which ink hardly moves."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))
