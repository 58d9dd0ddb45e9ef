"""The three layers and the loss, each for a stack of R models at once.

Every parameter has a stack axis R; a single model is a stack of one. Each layer owns the buffers it
writes to, so that a training step allocates nothing of a layer's size.

Products go through NumPy's matrix products with the stack as a batch axis: BLAS is called once a
member, always with the same shapes, so a member's bits cannot depend on its neighbours. (One big product
over all members breaks this for filter counts that are no multiple of BLAS's row block.)

Backward passes are linear in what they are given. The network scales the loss's gradient by
-learning_rate before it enters them, and an update is then an addition.

Left out: the convolution's gradient towards its input (it is the first layer), a bias for the
convolution and an activation after it (the tutorial's network has neither).
"""

from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from convsweep.nn.patches import KERNEL, Floats, Padding, image_patches

Ties = Literal["all", "first", "split", "average"]
Labels = npt.NDArray[np.integer[Any]]
Bits = npt.NDArray[np.signedinteger[Any]]

PENDING = 8  # dense updates that are kept as pairs of vectors until they are added to the weights


class Conv2d:
    """A 3x3 convolution (cross-correlation, as the field has it) of one image under every member's filters.

    Args:
        filters: ``[R, F, 3, 3]``; trained in place.
        planes: How many matrices of patches an image comes in: 4 in block order, 1 otherwise.
        positions: Patches a plane: B in block order.
    """

    def __init__(self, filters: Floats, *, planes: int, positions: int) -> None:
        members, num_filters = filters.shape[:2]
        self.filters = np.ascontiguousarray(filters)  # [R, F, 3, 3]
        self.output = np.empty((planes, members, num_filters, positions), filters.dtype)  # [4, R, F, B]
        self.grad_filters = np.empty_like(self.filters)
        self._rows = self.filters.reshape(members, num_filters, KERNEL**2)  # views of the filters and their gradient
        self._grad_rows = self.grad_filters.reshape(self._rows.shape)
        self._grad_planes = np.empty((planes, *self._rows.shape), filters.dtype)  # [4, R, F, 9]

    def forward(self, patches: Floats) -> Floats:
        """Convolve patches ``[4, 9, B]`` into feature maps ``[4, R, F, B]`` (the layer's own buffer).

        Patches ``[4, R, 9, B]`` are of an image for each member.
        """
        # out[i, r, f, b] = sum_t filters[r, f, t] patches[i, t, b]
        self._patches = patches[:, None] if patches.ndim == 3 else patches  # [4, 1, 9, B] or [4, R, 9, B]
        np.matmul(self._rows, self._patches, out=self.output)
        return self.output

    def backward(self, grad_output: Floats) -> Floats:
        """Return the filters' gradient ``[R, F, 3, 3]``, given the output's, for the last forward pass's patches."""
        # grad_filters[r, f, t] = sum_i sum_b grad_out[i, r, f, b] patches[i, t, b]
        np.matmul(grad_output, self._patches.swapaxes(2, 3), out=self._grad_planes)
        np.add.reduce(self._grad_planes, axis=0, out=self._grad_rows)
        return self.grad_filters

    def update(self) -> None:
        """Add the last gradient to the filters."""
        self.filters += self.grad_filters


def convolve(image: Floats, filters: Floats, padding: Padding) -> Floats:
    """Return the feature maps ``[F, H', W']`` of an image ``[H, W]`` under filters ``[F, 3, 3]``.

    >>> image = np.array([[0, 7, 0], [0, 80, 31], [33, 14, 0]], float)
    >>> centre = np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]], float)
    >>> convolve(image, centre[None], "valid").item()
    80.0
    """
    patches = image_patches(image[None], padding)  # [1, 9, H', W']
    height, width = patches.shape[2:]
    conv = Conv2d(filters[None], planes=1, positions=height * width)
    return conv.forward(patches.reshape(1, KERNEL**2, -1)).reshape(len(filters), height, width)


class MaxPool2:
    """2x2 max-pooling of feature maps in block order.

    ``ties`` says who receives the gradient of a block whose maximum stands in several places (blank
    background makes that the common case on MNIST): ``all`` of them, each in full, as in the
    tutorial; the ``first`` in row-major order, as PyTorch does; or ``split`` evenly. ``average`` is a mistake that
    people make: the gradient of average pooling, a quarter to every place, maximum or not.

    Args:
        ties: ``all``, ``first``, ``split`` or ``average``.

    >>> from convsweep.nn.patches import to_blocks
    >>> image = np.array([[0, 50, 0, 29], [0, 80, 31, 2], [33, 90, 0, 75], [0, 9, 0, 95]], float)
    >>> maps = to_blocks(image)[:, None, None]  # [4, 1, 1, B]
    >>> MaxPool2("all").forward(maps, out=np.empty((1, 1, 4))).reshape(2, 2).tolist()
    [[80.0, 31.0], [90.0, 95.0]]
    """

    def __init__(self, ties: Ties) -> None:
        self.ties = ties
        self._spare: Floats | None = None  # [R, F, B], made with the first ties to settle

    def forward(self, maps: Floats, out: Floats) -> Floats:
        """Return every block's maximum, ``[R, F, B]``, of maps ``[4, R, F, B]``."""
        self._maps, self._output = maps, out
        np.maximum.reduce(maps, axis=0, out=out)
        return out

    def backward(self, grad_output: Floats) -> Floats:
        """Hand the gradient ``[R, F, B]`` back to the last maps' maxima: ``[4, R, F, B]``, in the maps' own memory."""
        if self.ties == "average":
            return np.multiply(grad_output, grad_output.dtype.type(1 / len(self._maps)), out=self._maps)
        maps, bits = self._maps, _bits(self._maps)
        # A map minus its maximum is +0 at the maximum and negative elsewhere. Its sign, spread over the number's other
        # bits and inverted, lets the gradient's bits pass or not: in half the time of a product with a boolean mask.
        # subtle: exact comparison is right here; equal patches give bit-equal feature map values
        np.subtract(maps, self._output, out=maps)
        np.right_shift(bits, 8 * bits.itemsize - 1, out=bits)
        np.invert(bits, out=bits)  # all ones at a maximum, all zeros elsewhere
        if self.ties != "all":
            if self._spare is None:
                self._spare = np.empty(maps.shape[1:], maps.dtype)
            if self.ties == "first":
                _keep_first(bits, _bits(self._spare))
            else:
                np.add.reduce(bits, axis=0, dtype=maps.dtype, out=self._spare)  # all ones are -1
                np.negative(self._spare, out=self._spare)
                grad_output = np.divide(grad_output, self._spare, out=self._spare)
        np.bitwise_and(bits, _bits(grad_output), out=bits)
        return maps


def _bits(numbers: Floats) -> Bits:
    """Return a view of floating-point numbers as whole numbers of the same size."""
    return numbers.view(np.int32 if numbers.itemsize == 4 else np.int64)


def _keep_first(at_maximum: Bits, free: Bits) -> None:
    """Clear every mark but the first of each block, in place: ``[4, R, F, B]``; ``free`` is a buffer ``[R, F, B]``."""
    np.invert(at_maximum[0], out=free)
    for position in range(1, len(at_maximum)):
        at_maximum[position] &= free
        free ^= at_maximum[position]


class _Turn(NamedTuple):
    """What the dense layer works with while n - C updates are pending; views, made once."""

    features: Floats  # [R, D], the row that the next features go to
    rows: Floats  # [R, n, D]
    factors: Floats  # [R, n, C]
    products: Floats  # [R, n]
    next_factors: Floats  # [R, C]


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
        biases: ``[R, C]``; trained in place.
    """

    def __init__(self, weights: Floats, biases: Floats) -> None:
        members, classes, features = weights.shape
        dtype = weights.dtype
        self.biases = np.ascontiguousarray(biases)  # [R, C]
        self.output = np.empty((members, classes), dtype)  # [R, C]
        self.grad_input = np.empty((members, features), dtype)  # [R, D]
        self._rows = np.zeros((classes + PENDING, members, features), dtype)  # a row of all members is contiguous
        self._rows[:classes] = weights.transpose(1, 0, 2)
        self._factors = np.zeros((members, classes + PENDING, classes), dtype)  # [R, C + PENDING, C]
        self._factors[:, :classes] = np.eye(classes)
        self._settled = np.empty((classes, features), dtype)
        by_member = self._rows.transpose(1, 0, 2)  # [R, C + PENDING, D]
        self._turns = [
            _Turn(
                features=self._rows[n],
                rows=by_member[:, :n],
                factors=self._factors[:, :n],
                products=np.empty((members, n), dtype),
                next_factors=self._factors[:, n],
            )
            for n in range(classes, classes + PENDING)
        ]
        self._products = [  # of each member: the two matrices, and where their product belongs
            (self._factors[member].T, by_member[member], by_member[member, :classes]) for member in range(members)
        ]
        self._pending = 0

    @property
    def features(self) -> Floats:
        """The buffer ``[R, D]`` that ``forward`` reads; another one after every update."""
        return self._turns[self._pending].features

    @property
    def weights(self) -> Floats:
        """The weights in force, ``[R, C, D]``: a view to read, until the next update."""
        self.settle()
        return self._turns[0].rows

    def forward(self) -> Floats:
        """Return the logits ``[R, C]`` of ``features``."""
        # logits = weights @ features + biases = factors.T @ (rows @ features) + biases
        turn = self._turns[self._pending]
        np.matvec(turn.rows, turn.features, out=turn.products)
        np.vecmat(turn.products, turn.factors, out=self.output)
        self.output += self.biases
        return self.output

    def backward(self, grad_output: Floats) -> Floats:
        """Return the gradient towards the features, ``[R, D]``, given the logits' ``[R, C]``; before ``update``."""
        # grad_features = weights.T @ grad_logits = rows.T @ (factors @ grad_logits)
        turn = self._turns[self._pending]
        np.matvec(turn.factors, grad_output, out=turn.products)
        np.vecmat(turn.products, turn.rows, out=self.grad_input)
        return self.grad_input

    def update(self, grad_output: Floats) -> None:
        """Add to the parameters their gradient, given the logits' gradient ``[R, C]``."""
        # weights += outer(grad_logits, features); biases += grad_logits
        self._turns[self._pending].next_factors[:] = grad_output
        self.biases += grad_output
        self._pending += 1
        if self._pending == PENDING:
            self.settle()

    def settle(self) -> None:
        """Store the weights in force: no update is pending then."""
        if self._pending == 0:
            return
        self._factors[:, self._factors.shape[2] + self._pending :] = 0  # they were settled before
        for factors, rows, weights in self._products:
            np.matmul(factors, rows, out=self._settled)
            weights[:] = self._settled
        self._pending = 0


def softmax(logits: Floats) -> Floats:
    """Return probabilities over the last axis; safe for logits of any size.

    >>> softmax(np.array([1000.0, 1000.0])).tolist()
    [0.5, 0.5]
    """
    # p_c = exp(z_c - max z) / sum_k exp(z_k - max z). The ufuncs' own reductions: max and sum take twice as long,
    # and in a training step of a single model that counts
    probabilities: Floats = logits - np.maximum.reduce(logits, axis=-1, keepdims=True)
    np.exp(probabilities, out=probabilities)
    probabilities /= np.add.reduce(probabilities, axis=-1, keepdims=True)
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
