"""Predictions: ``predictions.npz``, what a trained network says of every image of ``valid`` and ``test``.

One array a split, with a row an image, in the order of the data. NumPy reads it without this program:
``numpy.load("predictions.npz")["valid"]["digit"]``.
"""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from convsweep.nn.layers import Labels
from convsweep.nn.patches import Floats
from convsweep.nn.training import Split
from convsweep.records.files import DamagedError, read_file, write_whole, writing

PREDICTIONS = "predictions.npz"
SPLITS: tuple[Split, ...] = ("valid", "test")

Rows = npt.NDArray[np.void]  # [N], of ROW
ROW = np.dtype(
    [
        ("label", np.uint8),  # the class that the image shows
        ("digit", np.uint8),  # the class that the network takes it for
        ("probability", np.float32),  # that the network gives to this class, 0..1
    ]
)


def to_rows(labels: Labels, probabilities: Floats) -> Rows:
    """Return predictions as rows.

    Args:
        labels: ``[N]``.
        probabilities: ``[N, C]``.
    """
    rows = np.empty(len(labels), ROW)
    rows["label"] = labels
    rows["digit"] = probabilities.argmax(axis=1)
    rows["probability"] = probabilities.max(axis=1)
    return rows


def save_predictions(directory: Path, predictions: Mapping[Split, Rows]) -> None:
    """Write a run's predictions.

    Raises:
        UserError: The disk refuses.
    """
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{split: predictions[split] for split in SPLITS})
    with writing(directory):
        write_whole(directory / PREDICTIONS, buffer.getvalue(), durable=False)  # can be made again


def load_predictions(directory: Path) -> dict[Split, Rows]:
    """Read a run's predictions.

    Raises:
        DamagedError: The file is missing or isn't what was written.
        UserError: The file can't be read.
    """
    path = directory / PREDICTIONS
    content = read_file(path)
    if content is None:
        raise DamagedError(f"'{path}' is missing.")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:  # each array has a checksum in it
            predictions: dict[Split, Rows] = {split: file[split] for split in SPLITS}
    except Exception as error:  # zip files and headers break in a dozen ways, each with an exception of its own
        raise DamagedError(f"'{path}' is damaged.") from error
    if any(rows.dtype != ROW or rows.ndim != 1 for rows in predictions.values()):
        raise DamagedError(f"'{path}' must hold a run's predictions.")
    return predictions
