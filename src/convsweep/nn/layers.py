"""The three layers and the loss, each for a stack of R models at once.

Every parameter has a stack axis R; a single model is a stack of one. Layers write to buffers that they own or are
given, so that a training step allocates nothing of a layer's size.

Products go through NumPy's matrix products with the stack as a batch axis: BLAS is called once a
member, always with the same shapes, so a member's bits cannot depend on its neighbours. (One big product
over all members breaks this for filter counts that are no multiple of BLAS's row block.)

Backward passes are linear in what they are given. The network scales the loss's gradient by
-learning_rate before it enters them, and an update is then an addition.

Left out: the convolution's gradient towards its input (it is the first layer), a bias for the
convolution and an activation after it (the tutorial's network has neither).
"""

import math
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from convsweep.nn.patches import KERNEL, Floats, ImageBlocks, Indices, Padding, image_patches

Ties = Literal["all", "first", "split", "average"]
Labels = npt.NDArray[np.integer[Any]]
Bits = npt.NDArray[np.unsignedinteger[Any]]

PENDING = 6  # dense updates that are kept as pairs of vectors until they are added to the weights
CACHE_LINE = 64  # bytes: NumPy and BLAS work a tenth faster on arrays that begin at one


def aligned_zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Floats:
    """Return zeros, in memory that begins at a cache line."""
    size = math.prod(shape) * dtype.itemsize
    memory = np.zeros(size + CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    return memory[start : start + size].view(dtype).reshape(shape)


class Conv2d:
    """A 3x3 convolution (cross-correlation, as the field has it) under every member's filters.

    Args:
        filters: ``[R, F, 3, 3]``; copied.
    """

    def __init__(self, filters: Floats) -> None:
        members, num_filters = filters.shape[:2]
        self._taps = np.ascontiguousarray(filters.reshape(members, num_filters, KERNEL**2).swapaxes(1, 2))  # [R, 9, F]
        self._grad_taps = np.empty_like(self._taps)
        self.filters, self.grad_filters = (  # [R, F, 3, 3], views
            taps.reshape(members, KERNEL, KERNEL, num_filters).transpose(0, 3, 1, 2)
            for taps in (self._taps, self._grad_taps)
        )
        rows = np.empty((members, num_filters, KERNEL**2), filters.dtype)
        self._columns = rows.swapaxes(1, 2)  # [R, 9, F], a view

    def forward(self, patches: Floats, out: Floats | None = None) -> Floats:
        """Convolve patches ``[..., 1, K, 9]`` into feature maps ``[..., R, K, F]``."""
        # maps[r, k, f] = sum_t patches[k, t] filters[r, f, t]. BLAS takes half the time for filters row by row,
        # although their gradient comes tap by tap
        self._columns[:] = self._taps
        maps: Floats = np.matmul(patches, self._columns, out)
        return maps

    def maps(self, member: int, patches: Floats) -> Floats:
        """Return a member's feature maps ``[..., K, F]`` of patches ``[..., K, 9]``, without learning."""
        rows = self._taps[member].T.copy()  # [F, 9]; see ``forward``
        maps: Floats = patches @ rows.T
        return maps

    def backward(self, patches: Floats, grad_maps: Floats) -> Floats:
        """Return the filters' gradient ``[R, F, 3, 3]``, given patches ``[1, 9, K]`` and their maps' ``[R, K, F]``."""
        # grad_filters[r, f, t] = sum_k patches[t, k] grad_maps[r, k, f]
        np.matmul(patches, grad_maps, self._grad_taps)
        return self.grad_filters

    def update(self) -> None:
        """Add the last gradient to the filters."""
        self._taps += self._grad_taps


def convolve(image: Floats, filters: Floats, padding: Padding) -> Floats:
    """Return the feature maps ``[F, H', W']`` of an image ``[H, W]`` under filters ``[F, 3, 3]``.

    >>> image = np.array([[0, 7, 0], [0, 80, 31], [33, 14, 0]], float)
    >>> centre = np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]], float)
    >>> convolve(image, centre[None], "valid").item()
    80.0
    """
    patches = image_patches(image[None], padding)  # [1, 9, H', W']
    maps = Conv2d(filters[None]).maps(0, patches.reshape(KERNEL**2, -1).T)  # [H' * W', F]
    return maps.T.reshape(len(filters), *patches.shape[2:])


def max_pool(maps: Floats, out: Floats | None = None) -> Floats:
    """Return every block's maximum ``[...]`` of feature maps in block order, ``[4, ...]``.

    >>> from convsweep.nn.patches import to_blocks
    >>> image = np.array([[0, 50, 0, 29], [0, 80, 31, 2], [33, 90, 0, 75], [0, 9, 0, 95]], float)
    >>> max_pool(to_blocks(image)).reshape(2, 2).tolist()
    [[80.0, 31.0], [90.0, 95.0]]
    """
    maxima: Floats = np.maximum.reduce(maps, axis=0, out=out)
    return maxima


class MaxPool2:
    """2x2 max-pooling of feature maps in block order, between buffers that stay the same.

    ``ties`` says who receives the gradient of a block whose maximum stands in several places (blank
    background makes that the common case on MNIST): ``all`` of them, each in full, as in the
    tutorial; the ``first`` in row-major order, as PyTorch does; or ``split`` evenly. ``average`` is a mistake that
    people make: the gradient of average pooling, a quarter to every place, maximum or not.

    Args:
        ties: ``all``, ``first``, ``split`` or ``average``.
        maps, output: ``[4, ...]`` and ``[...]``, what ``forward`` reads and writes.
        grad_output, grad_maps: ``[...]`` and ``[4, ...]``, what ``backward`` reads and writes.
    """

    def __init__(self, ties: Ties, maps: Floats, output: Floats, grad_output: Floats, grad_maps: Floats) -> None:
        self.ties = ties
        self._maps, self._output, self._grad_output, self._grad_maps = maps, output, grad_output, grad_maps
        unsigned = np.uint32 if maps.itemsize == 4 else np.uint64  # whole numbers in the same memory
        self._map_bits: Bits = maps.view(unsigned)
        self._output_bits: Bits = output.view(unsigned)
        self._grad_output_bits, self._grad_map_bits = grad_output.view(unsigned), grad_maps.view(unsigned)

    def forward(self) -> Floats:
        """Return every block's maximum."""
        return max_pool(self._maps, self._output)

    def backward(self) -> Floats:
        """Hand the gradient back to the maps' maxima; the maps' and the output's memory is used up."""
        if self.ties == "average":
            return np.multiply(self._grad_output, self._maps.dtype.type(1 / len(self._maps)), self._grad_maps)
        bits, grad_bits = self._map_bits, self._grad_output_bits
        # subtle: exact comparison is right here; equal patches give bit-equal feature map values
        np.subtract(self._maps, self._output, self._maps)  # at a maximum +0, whose bits are all 0; below 0 elsewhere
        if self.ties != "all":
            np.left_shift(bits.dtype.type(1), bits, bits)  # 1 at a maximum, 0 elsewhere
            if self.ties == "first":
                _keep_first(bits, self._output_bits)
            else:
                np.add.reduce(bits, axis=0, dtype=self._maps.dtype, out=self._output)
                np.divide(self._grad_output, self._output, self._output)
                grad_bits = self._output_bits
            np.subtract(bits, 1, bits)  # 0 where the gradient goes, the largest whole number elsewhere
        # NumPy shifts all bits out where it is told to shift by more bits than there are: what isn't at a maximum
        # receives 0. Two passes over the maps; a product with a boolean mask takes four times as long.
        np.left_shift(grad_bits, bits, self._grad_map_bits)
        return self._grad_maps


def _keep_first(at_maximum: Bits, free: Bits) -> None:
    """Clear every mark but the first of each block, in place: ``[4, R, F, B]``; ``free`` is a buffer ``[R, F, B]``."""
    np.bitwise_xor(at_maximum[0], 1, out=free)
    for position in range(1, len(at_maximum)):
        at_maximum[position] &= free
        free ^= at_maximum[position]


def spread(kept: Floats, places: Indices, out: Floats | None = None) -> Floats:
    """Copy the features of the blocks that are kept to all blocks that they stand for.

    Args:
        kept: ``[R, K, F]``.
        places: ``[...]``, of ``ImageBlocks``: which of the K.
        out: A buffer for the result, ``[R, ..., F]``.
    """
    return kept.take(places, 1, out, "clip")  # otherwise NumPy works in a buffer of its own


def gather(grad_features: Floats, blocks: ImageBlocks, out: Floats | None = None) -> Floats:
    """Return the gradient towards features that were spread, ``[R, K, F]``: of the blank blocks, the sum.

    Args:
        grad_features: ``[R, B, F]``.
        blocks: Over which they were spread.
        out: A buffer for the result.
    """
    grad_kept = grad_features.take(blocks.numbers, 1, out, "clip")
    np.vecmat(blocks.blank, grad_features, grad_kept[:, -1])
    return grad_kept


class _Turn(NamedTuple):
    """What the dense layer works with while n updates are pending; views, made once."""

    features: Floats  # [R, ...], the row that the next features go to
    feature_rows: Floats  # [R, D], the same
    rows: Floats  # [R, C + n, D]
    factors: Floats  # [R, C + n, C]
    products: Floats  # [R, C + n]
    more_rows: Floats  # [R, C + n to C + n + 2, D]; see ``_in_fours``
    more_products: Floats  # [R, C + n to C + n + 2]
    factors_and_biases: Floats  # [R, C + n + 1, C]
    products_and_one: Floats  # [R, C + n + 1]
    grad_output: Floats  # [R, C], the row that the next gradient goes to


class Dense:
    """A fully connected layer: one vector of features a member, to ten logits.

    An update of the weights is an outer product, and adding it costs more than all else that the layer does:
    it reads and writes every weight. So the last few updates are kept as pairs of vectors, and the weights in
    force are a product of two matrices::

        weights = factors.T @ rows    rows = [stored weights; features of each pending update]
                                      factors = [identity; logits' gradient of each pending update]

    which is multiplied out once in ``PENDING`` updates. The mathematics is that of updating at once, the rounding
    isn't: sums are taken in another order.

    Args:
        weights: ``[R, C, D]``, one row a class (the transpose of the canonical shape).
        biases: ``[R, C]``; copied.

    Attributes:
        features: The buffer ``[R, ...]`` that ``forward`` and ``update`` read; another one after every update.
        grad_output: The buffer for the logits' gradient ``[R, C]`` that ``update`` reads; likewise.
    """

    def __init__(self, weights: Floats, biases: Floats) -> None:
        members, classes, *shape = weights.shape
        dtype = weights.dtype
        self.grad_input = aligned_zeros((members, *shape), dtype)
        self._grad_rows = self.grad_input.reshape(members, -1)  # [R, D], a view
        stored = aligned_zeros((classes + PENDING, members, *shape), dtype)  # a row of all members is contiguous
        stored[:classes] = weights.swapaxes(0, 1)
        rows = stored.reshape(*stored.shape[:2], -1).swapaxes(0, 1)  # [R, C + PENDING, D], a view
        # the biases are one more row of the factors, and a 1 is their product: one call then gives the whole logits
        factors = np.zeros((1 + classes + PENDING, members, classes), dtype).swapaxes(0, 1)
        factors[:, 0] = biases
        factors[:, 1 : 1 + classes] = np.eye(classes)
        products = np.ones((members, 1 + classes + PENDING), dtype)
        self.biases = factors[:, 0]  # [R, C], a view
        self._turns = [
            _Turn(
                features=stored[n],
                feature_rows=rows[:, n],
                rows=rows[:, :n],
                factors=factors[:, 1 : 1 + n],
                products=products[:, 1 : 1 + n],
                more_rows=rows[:, : _in_fours(n)],
                more_products=products[:, 1 : 1 + _in_fours(n)],
                factors_and_biases=factors[:, : 1 + n],
                products_and_one=products[:, : 1 + n],
                grad_output=factors[:, 1 + n],
            )
            for n in range(classes, classes + PENDING)
        ]
        self._pending_rows, self._pending_factors = rows[:, classes:], factors[:, 1 + classes :]
        self._settled = aligned_zeros((classes, members, rows.shape[2]), dtype).swapaxes(0, 1)  # as the rows are
        self._pending = 0
        self._take_turn()

    @property
    def weights(self) -> Floats:
        """The weights in force, ``[R, C, D]``: a view to read, until the next update."""
        self.settle()
        return self._turns[0].rows

    def forward(self, out: Floats | None = None) -> Floats:
        """Return the logits ``[R, C]`` of ``features``."""
        # logits = weights @ features + biases = factors.T @ (rows @ features) + biases
        turn = self._turn
        np.matvec(turn.more_rows, turn.feature_rows, turn.more_products)
        logits: Floats = np.vecmat(turn.products_and_one, turn.factors_and_biases, out)
        return logits

    def logits(self, member: int, features: Floats) -> Floats:
        """Return a member's logits ``[N, C]`` of features ``[N, D]``, without learning."""
        logits: Floats = features @ self.weights[member].T
        logits += self.biases[member]
        return logits

    def backward(self, grad_output: Floats) -> Floats:
        """Return the gradient towards the features, ``[R, ...]``, given the logits' ``[R, C]``."""
        # grad_features = weights.T @ grad_logits = rows.T @ (factors @ grad_logits)
        turn = self._turn
        np.matvec(turn.factors, grad_output, turn.products)
        np.vecmat(turn.products, turn.rows, self._grad_rows)
        return self.grad_input

    def update(self) -> None:
        """Add to the parameters their gradient, given ``features`` and ``grad_output``."""
        # weights += outer(grad_logits, features); biases += grad_logits
        np.add(self.biases, self.grad_output, self.biases)
        self._pending += 1
        if self._pending == PENDING:
            self.settle()
        self._take_turn()

    def settle(self) -> None:
        """Add pending updates to the stored weights: none is pending then."""
        if self._pending == 0:
            return
        self._pending_factors[:, self._pending :] = 0  # they were settled before
        # weights += pending factors.T @ pending rows
        np.matmul(self._pending_factors.swapaxes(1, 2), self._pending_rows, out=self._settled)
        weights = self._turns[0].rows
        weights += self._settled
        self._pending = 0
        self._take_turn()

    def _take_turn(self) -> None:
        """Turn to what the layer works with while this number of updates is pending."""
        self._turn = self._turns[self._pending]
        self.features, self.grad_output = self._turn.features, self._turn.grad_output


def _in_fours(rows: int) -> int:
    """Round up a number of rows where BLAS, which takes four at a time, is slower with two or three left over."""
    return rows + 4 - rows % 4 if rows % 4 >= 2 else rows


def softmax(logits: Floats) -> Floats:
    """Return probabilities over the last axis; safe for logits of any size.

    >>> softmax(np.array([1000.0, 1000.0])).tolist()
    [0.5, 0.5]
    """
    # p_c = exp(z_c - max z) / sum_k exp(z_k - max z)
    probabilities: Floats = logits - logits.max(axis=-1, keepdims=True)
    np.exp(probabilities, out=probabilities)
    probabilities /= probabilities.sum(axis=-1, keepdims=True)
    return probabilities


def cross_entropy(logits: Floats, labels: Labels) -> Floats:
    """Return ``-ln p`` of the true classes, in nats, without forming p (which may round to 0).

    Args:
        logits: ``[..., N, C]``.
        labels: ``[N]``, class numbers.

    Returns:
        ``[..., N]``.

    >>> round(cross_entropy(np.zeros((1, 10)), np.array([3])).item(), 6)
    2.302585
    """
    # -ln p_y = ln(sum_k exp(z_k - max z)) - (z_y - max z)
    shifted = logits - logits.max(axis=-1, keepdims=True)
    of_true_class = shifted[..., np.arange(len(labels)), labels]
    losses: Floats = np.log(np.exp(shifted).sum(axis=-1)) - of_true_class
    return losses
