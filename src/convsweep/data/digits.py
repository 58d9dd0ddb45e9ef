"""A picture of one digit -> MNIST's form.

MNIST's makers (LeCun et al. 1998) had black ink on white forms: they scaled each digit to fit 20 x 20 pixels with its
aspect ratio kept, antialiased, and centred it by its centre of mass in 28 x 28, light on dark. In a photograph the
digit has to be found first:

1. ``paper``: how far each pixel departs from its paper, whatever the light.
2. ``ruled_lines``: thin straight lines that cross the picture are interpolated away.
3. Otsu's threshold (1979), in the neighbourhood of what stands out of the noise.
4. The main connected piece of ink, and the pieces that belong to it.

A 28 x 28 picture is taken to have MNIST's form already, apart from its polarity.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from convsweep.data.paper import ink_and_paper
from convsweep.data.picture_files import Greys
from convsweep.data.ruled_lines import noise_spread, without_lines
from convsweep.nn.network import IMAGE_SHAPE
from convsweep.nn.patches import Floats, Pixels

Mask = npt.NDArray[np.bool_]  # [H, W]

DIGIT_SIZE = 20  # pixels: the longer side of an MNIST digit
SMALLEST = 8  # pixels: a picture's shorter side, and a digit's longer one
WORKING_SIZE = 256  # pixels: smaller pictures are enlarged, so that the sizes below mean the same in all
NOISE = 10  # times the noise's spread: what ink must reach; of a million pixels of noise alone none does
FAINTEST = 0.08  # of the picture's range of greys: what ink must reach
NOTHING = "must show a digit (nothing stands out of its noise)"
PATCH = "must show a digit (what stands out most is a patch, not a stroke)"
LOW = 0.3  # of the ink's darkness: where a stroke's faint border ends
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
    ink, paper = ink_and_paper(grey)
    shares, digit = _digit(without_lines(ink), contrast=high - low)
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
    noise = noise_spread(smooth[smooth <= _otsu(smooth)])
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
