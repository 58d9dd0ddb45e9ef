"""Ink and paper: how bright the paper of a picture is everywhere, and how far each pixel departs from it.

A smooth surface is fitted to most pixels of a reduced picture. What departs farthest from it is ink, and says whether
ink is darker or lighter than its paper. A morphological closing (an opening, for light ink) of the departures fills
what is narrower than a stroke can be and leaves shadows with an edge: surface and filled departures are the paper.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from convsweep.data.picture_files import Greys
from convsweep.nn.patches import Floats

THUMBNAIL = 96  # pixels: the longer side of the picture in which the paper is looked for
THICKEST_STROKE = 29  # pixels of that picture: what is narrower is ink
PAPER_SHARE = 0.3  # of a picture: what is paper at least


def ink_and_paper(grey: Greys) -> tuple[Floats, Floats]:
    """Return how much each pixel departs from its paper towards ink, and the paper's brightness there.

    Ink is 0 or less in most places without any.
    """
    small = _thumbnail(grey)
    surface = _surface(small)
    departure = small - surface
    light = _is_ink_light(departure)
    fill = ndimage.grey_opening if light else ndimage.grey_closing  # takes away what is narrower than a stroke can be
    smooth = ndimage.gaussian_filter(departure, 1)
    filled = fill(smooth, [THICKEST_STROKE] * 2, mode="constant", cval=0)  # around the picture there is paper
    filled = ndimage.gaussian_filter(filled, 1)
    paper = _resized(surface + filled, grey.shape)
    if light:
        return grey - paper, paper
    # a shadow dims paper and ink alike
    brightness = np.maximum(paper, max(0.1 * float(paper.max()), 1.0))
    return (paper - grey) * (float(np.median(paper)) / brightness), paper


def _is_ink_light(departure: npt.NDArray[np.float64]) -> bool:
    """Tell whether what departs farthest from the paper is lighter than it: whether the skewness is positive.

    Departures from the surface serve where the digit fills the picture, those from a wide median where a shadow covers
    half of it. Each is near 0 where the other serves; the factor 4 parts the cases that were tried.
    """
    coarse = departure[::4, ::4]  # a median's time grows with the fourth power of the sides
    local = coarse - ndimage.median_filter(coarse, size=[side // 2 | 1 for side in coarse.shape])
    return bool((departure**3).mean() + 4 * (local**3).mean() > 0)


def _thumbnail(grey: Greys) -> npt.NDArray[np.float64]:
    scale = THUMBNAIL / max(grey.shape)
    height, width = (max(round(side * scale), 4) for side in grey.shape)
    return np.asarray(Image.fromarray(grey).resize((width, height), Image.Resampling.BOX), np.float64)


def _resized(grey: npt.NDArray[np.float64], shape: tuple[int, int]) -> Greys:
    height, width = shape
    return np.asarray(Image.fromarray(grey.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC))


def _surface(small: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Fit a quadratic surface ``[H, W]`` to most of the pixels: those far from it count less and less.

    The start is the grey value that most pixels are near.
    """
    y, x = np.meshgrid(*(np.linspace(-1, 1, side) for side in small.shape), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1).reshape(-1, 6)
    values = small.ravel()
    few = int(PAPER_SHARE * len(values))
    ordered = np.sort(values)
    densest = int((ordered[few:] - ordered[:-few]).argmin())
    fitted = np.full_like(values, ordered[densest : densest + few].mean())
    for degree_terms in (3, 3, 3, 3, 6, 6, 6, 6, 6, 6, 6, 6):
        residuals = values - fitted
        # of normal noise, 30% lies within 0.385 standard deviations
        spread = 3 * float(np.quantile(np.abs(residuals), PAPER_SHARE)) / 0.385 + 1e-3 * float(np.ptp(values))
        weights = np.maximum(1 - (residuals / spread) ** 2, 0)  # the square root of Tukey's biweight
        weighted = terms[:, :degree_terms] * weights[:, None]
        # the normal equations, a tenth of the time: the terms lie within -1 to 1, so they are well conditioned
        products = weighted.T @ weighted, weighted.T @ (values * weights)
        fitted = terms[:, :degree_terms] @ np.linalg.lstsq(*products)[0]
    return np.clip(fitted, values.min(), values.max()).reshape(small.shape)
