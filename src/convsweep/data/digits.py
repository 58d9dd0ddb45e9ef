"""A picture of one digit -> MNIST's form.

MNIST's makers (LeCun et al. 1998) had black ink on white forms: they scaled each digit to fit 20 x 20 pixels with its
aspect ratio kept, antialiased, and centred it by its centre of mass in 28 x 28, light on dark. In a photograph the
digit has to be found first:

1. Is the ink darker or lighter than its paper? What departs farthest from a smooth surface, fitted to most pixels, is
   ink.
2. The paper's brightness everywhere: a morphological closing (an opening, for light ink) of what departs from that
   surface; it fills what is narrower than a stroke can be and leaves shadows with an edge. Ink is how far a pixel
   departs from its paper.
3. Ruled lines and frames: thin straight lines that cross nearly the whole picture are interpolated away.
4. Otsu's threshold (1979), in the neighbourhood of what stands out of the noise.
5. The main connected piece of ink, and the pieces that belong to it.

A 28 x 28 picture is taken to have MNIST's form already, apart from its polarity.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from convsweep.data.picture_files import Greys
from convsweep.nn.network import IMAGE_SHAPE
from convsweep.nn.patches import Floats, Pixels

Mask = npt.NDArray[np.bool_]  # [H, W]

DIGIT_SIZE = 20  # pixels: the longer side of an MNIST digit
SMALLEST = 8  # pixels: a picture's shorter side, and a digit's longer one
WORKING_SIZE = 256  # pixels: smaller pictures are enlarged, so that the sizes below mean the same in all
THUMBNAIL = 96  # pixels: the longer side of the picture in which the paper is looked for
THICKEST_STROKE = 29  # pixels of that picture: what is narrower is ink
NOISE = 10  # times the noise's spread: what ink must reach; of a million pixels of noise alone none does
FAINTEST = 0.08  # of the picture's range of greys: what ink must reach
NOTHING = "must show a digit (nothing stands out of its noise)"
PATCH = "must show a digit (what stands out most is a patch, not a stroke)"
LOW = 0.3  # of the ink's darkness: where a stroke's faint border ends
PAPER_SHARE = 0.3  # of a picture: what is paper at least
LINE_SHARE = 0.8  # of a row: what a ruled line covers at least
LINE_THICKNESS = 0.04  # of the picture's height
SLOPES = np.linspace(-0.08, 0.08, 33)  # of ruled lines on paper that lies askew
PIECE = 0.03  # of the main piece's area: smaller pieces are specks
NEAR = 0.15  # of the digit's size: how far a piece of it may lie apart
RIVAL = 0.3  # of the digit's area: another piece so large makes it doubtful which is meant
MOST_HOLES = 4  # an 8 has two, and some hands add loops
THICKEST = 0.28  # of the digit's size: half of a stroke's thickness at most


class UnclearError(Exception):
    """No digit can be made out; the text says why, to follow the picture's name."""


def to_mnist(grey: Greys) -> Pixels:
    """Return the digit that a picture shows in MNIST's form: uint8 ``[28, 28]``, light on dark.

    Args:
        grey: Grey values ``[H, W]``, 0 to 255.

    Raises:
        UnclearError: There is no digit, or more than one, or nothing stands out of the noise.
    """
    low, high = float(grey.min()), float(grey.max())
    if low == high:
        raise UnclearError("must show a digit (all its pixels are alike)")
    if grey.shape == IMAGE_SHAPE:
        return _as_it_is(grey)
    if min(grey.shape) < SMALLEST:
        raise UnclearError(f"must be at least {SMALLEST} pixels wide and high (got {grey.shape[1]} x {grey.shape[0]})")
    grey = _enlarged(grey)
    ink, paper = _ink(grey)
    shares, digit = _digit(_without_lines(ink), contrast=high - low)
    if float(np.ptp(paper[digit])) > 0.6 * (high - low):  # its borders look like thin strokes
        raise UnclearError(PATCH)
    return _centred(shares, digit)


def _as_it_is(grey: Greys) -> Pixels:
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    dark_on_light = np.median(border) > (float(grey.min()) + float(grey.max())) / 2
    return np.round(255 - grey if dark_on_light else grey).astype(np.uint8)


def _enlarged(grey: Greys) -> Greys:
    scale = WORKING_SIZE / max(grey.shape)
    if scale <= 1:
        return grey
    height, width = (max(round(side * scale), 1) for side in grey.shape)
    return np.asarray(Image.fromarray(grey).resize((width, height), Image.Resampling.BICUBIC))


def _ink(grey: Greys) -> tuple[Floats, Floats]:
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
    return (paper - grey) * (float(np.median(paper)) / np.maximum(paper, 0.1 * float(paper.max()))), paper


def _is_ink_light(departure: npt.NDArray[np.float64]) -> bool:
    """Tell whether what departs farthest from the paper is lighter than it: whether the skewness is positive.

    Departures from the surface serve where the digit fills the picture, those from a wide median where a shadow covers
    half of it. Each is near 0 where the other serves; the factor 4 parts the cases that were tried.
    """
    coarse = departure[::4, ::4]  # a median's time grows with the fourth power of the sides
    local = coarse - ndimage.median_filter(coarse, size=[side // 2 | 1 for side in coarse.shape])
    return bool((coarse**3).sum() + 4 * (local**3).sum() > 0)


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
        chosen = terms[:, :degree_terms]
        fitted = chosen @ np.linalg.lstsq(chosen * weights[:, None], values * weights)[0]
    return np.clip(fitted, values.min(), values.max()).reshape(small.shape)


def _without_lines(ink: Floats) -> Floats:
    """Interpolate over thin straight lines that cross the picture: ruled or squared paper, a frame's sides."""
    return _without_rows(_without_rows(ink).T).T


def _without_rows(ink: Floats) -> Floats:
    noise = _spread(ink)
    columns = np.arange(ink.shape[1]) - ink.shape[1] // 2
    rows = np.arange(ink.shape[0])

    def profile(slope: float, step: int) -> Floats:
        """Return what the faintest parts of each line of that slope have at least, but for a few."""
        chosen = columns[::step]
        along = np.clip(rows[:, None] + np.round(slope * chosen).astype(int), 0, len(rows) - 1)
        lines = ink[along, chosen + ink.shape[1] // 2]
        faintest: Floats = np.quantile(lines, 1 - LINE_SHARE, axis=1)
        return faintest

    some = max(len(columns) // 32, 1)
    slope = max(SLOPES, key=lambda slope: (float((np.maximum(profile(slope, some), 0) ** 2).sum()), -abs(slope)))
    strength = profile(slope, 1)
    top = float(np.quantile(ink, 0.999))
    lined = strength > max(2 * noise, 0.04 * top)
    lined = ndimage.binary_dilation(lined)
    thickest = max(LINE_THICKNESS * len(rows), 4)
    labels, count = ndimage.label(lined)
    for number in range(1, count + 1):
        if (labels == number).sum() > thickest + 2:
            lined[labels == number] = False  # a stroke of the digit, or no line at all
    if not lined.any() or lined.all():
        return ink
    along = np.clip(rows[:, None] + np.round(slope * columns).astype(int), 0, len(rows) - 1)
    place = np.broadcast_to(columns + ink.shape[1] // 2, along.shape)
    straight = ink[along, place]
    kept = rows[~lined]
    for column in straight.T:
        column[lined] = np.interp(rows[lined], kept, column[kept])
    result = ink.copy()
    result[along[lined], place[lined]] = straight[lined]
    return result


def _spread(values: Floats) -> float:
    """Return the noise's standard deviation, judged by the median, which ink hardly moves."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def _otsu(values: Floats) -> float:
    """Return the threshold that divides values into two classes with the largest variance between them."""
    counts, edges = np.histogram(values, bins=256)
    centres = (edges[1:] + edges[:-1]) / 2
    below = counts.cumsum()[:-1]
    above = counts.sum() - below
    sums = (counts * centres).cumsum()
    mean_below = sums[:-1] / np.maximum(below, 1)
    mean_above = (sums[-1] - sums[:-1]) / np.maximum(above, 1)
    return float(edges[1:-1][(below * above * (mean_below - mean_above) ** 2).argmax()])


def _digit(ink: Floats, *, contrast: float) -> tuple[Floats, Mask]:
    """Return the ink as shares of full darkness, 0 to 1, and where the digit is."""
    smooth = ndimage.gaussian_filter(ink, 1.0)
    strongest = float(smooth.max())
    if strongest <= FAINTEST * contrast:
        raise UnclearError(NOTHING)
    noise = _spread(smooth[smooth <= _otsu(smooth)])
    if strongest <= NOISE * noise:
        raise UnclearError(NOTHING)
    standing_out = smooth > max(NOISE * noise, 0.1 * strongest)
    neighbourhood = ndimage.binary_dilation(standing_out, iterations=5)
    threshold = max(_otsu(smooth[neighbourhood]), NOISE * noise)
    core = smooth > threshold
    if not core.any():  # of the ink, all is alike
        core = standing_out
    level = float(np.median(smooth[core]))
    main, others = _main_pieces(core)
    faint = (smooth > max(LOW * level, 4 * noise)) & ~others
    digit = ndimage.binary_propagation(main, np.ones((3, 3)), mask=faint)
    return np.clip(ink / level, 0, 1), digit


class _Piece(NamedTuple):
    """Connected ink."""

    number: int  # its label
    area: int  # pixels
    rows: slice
    columns: slice

    @property
    def height(self) -> int:
        return int(self.rows.stop - self.rows.start)

    @property
    def width(self) -> int:
        return int(self.columns.stop - self.columns.start)

    @property
    def size(self) -> int:
        return max(self.height, self.width)


def _main_pieces(core: Mask) -> tuple[Mask, Mask]:
    """Return where the digit is, and where other ink is."""
    labels, _ = ndimage.label(core, np.ones((3, 3)))
    areas = np.bincount(labels.ravel())
    pieces = [
        _Piece(number, int(areas[number]), *place) for number, place in enumerate(ndimage.find_objects(labels), 1)
    ]
    pieces.sort(key=lambda piece: -piece.area)
    inside = [piece for piece in pieces if not _is_frame(piece, labels)]
    # what reaches the picture's border is the table below the paper, unless nothing else is as large as a digit
    candidates = [p for p in inside if not _reaches_border(p, labels) and p.size >= 0.15 * max(core.shape)] or inside
    if not candidates or candidates[0].size < SMALLEST:
        raise UnclearError("must show a digit (there are only specks or lines)")
    main, *others = candidates
    chosen = labels == main.number
    distance = ndimage.distance_transform_edt(~chosen)
    size = main.size
    rivals = 0
    for piece in others:
        if piece.area < PIECE * main.area:
            break
        gap = float(distance[piece.rows, piece.columns][labels[piece.rows, piece.columns] == piece.number].min())
        if gap <= NEAR * size and not _is_a_neighbour(piece, main):
            chosen |= labels == piece.number
        elif piece.area >= RIVAL * main.area:
            rivals += 1
    if rivals:
        raise UnclearError(f"must show one digit (it shows {rivals + 1} things of like size)")
    holes = ndimage.label(ndimage.binary_fill_holes(chosen) & ~chosen)[0]
    if (np.bincount(holes.ravel())[1:] > PIECE * main.area).sum() > MOST_HOLES:
        raise UnclearError("must show a digit (what stands out most has more holes than any)")
    thickness = ndimage.distance_transform_edt(chosen[main.rows, main.columns]).max()
    if thickness > THICKEST * size:
        raise UnclearError(PATCH)
    return chosen, core & ~chosen


def _is_frame(piece: _Piece, labels: npt.NDArray[np.int32]) -> bool:
    """Tell whether a piece lies along most of at least two of the picture's borders."""
    sides = (labels[0], labels[-1], labels[:, 0], labels[:, -1])
    return sum(bool((side == piece.number).mean() > 0.6) for side in sides) >= 2


def _reaches_border(piece: _Piece, labels: npt.NDArray[np.int32]) -> bool:
    sides = (labels[0], labels[-1], labels[:, 0], labels[:, -1])
    return any((side == piece.number).any() for side in sides)


def _is_a_neighbour(piece: _Piece, main: _Piece) -> bool:
    """Tell whether two pieces are side by side and alike in height: two digits, not parts of one."""
    overlap = min(piece.columns.stop, main.columns.stop) - max(piece.columns.start, main.columns.start)
    return bool(overlap < 0.2 * min(piece.width, main.width) and piece.height > 0.6 * main.height)


def _centred(ink: Floats, digit: Mask) -> Pixels:
    """Scale the digit to MNIST's size and put its centre of mass into the middle."""
    rows, columns = (np.flatnonzero(digit.any(axis=1 - axis)) for axis in (0, 1))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    cut = Image.fromarray((np.where(digit, ink, 0)[box] * 255).astype(np.float32))
    scale = DIGIT_SIZE / max(cut.size)
    width, height = (max(round(side * scale), 1) for side in cut.size)
    small = np.clip(np.asarray(cut.resize((width, height), Image.Resampling.LANCZOS)), 0, 255)
    centre = ndimage.center_of_mass(small)
    canvas = np.zeros(IMAGE_SHAPE, np.uint8)
    top, left = (
        int(np.clip(round(side / 2 - at), 0, side - length))  # MNIST counts so: a centre at index 14, not 13.5
        for at, side, length in zip(centre, IMAGE_SHAPE, small.shape, strict=True)
    )
    canvas[top : top + height, left : left + width] = np.round(small)
    return canvas
