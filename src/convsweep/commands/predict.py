"""Say which digit a picture shows, whatever its size and polarity.

A picture is brought into the form MNIST's digits have (LeCun et al. 1998): light on dark, scaled to
fit 20 x 20 pixels with its aspect ratio kept, centred by its centre of mass in 28 x 28. A 28 x 28
picture is taken to have that form already, apart from its polarity.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from rich.table import Table

from convsweep.config import RunConfig
from convsweep.data import CLASS_NAMES
from convsweep.errors import UserError
from convsweep.nn.layers import softmax
from convsweep.nn.network import CNN, IMAGE_SHAPE
from convsweep.nn.patches import Pixels
from convsweep.nn.training import predict
from convsweep.records.journal import checkpoint_path, load_checkpoint, read_config, read_result, run_directory
from convsweep.terminal import console

DIGIT_SIZE = 20  # pixels: the longer side of an MNIST digit
INK = 64  # grey value from which a pixel belongs to the digit


def predict_files(mlruns: Path, experiment: str, run: str, paths: Sequence[Path]) -> None:
    """Print the digit and the probabilities for each file.

    Raises:
        UserError: There is no such run, or a file is no image.
    """
    images = np.stack([read_image(path) for path in paths])  # [N, 28, 28]
    config, network = load_network(mlruns, experiment, run)
    probabilities = softmax(predict(network, images)[0])  # [N, 10]
    names = CLASS_NAMES[config.data.name]
    table = Table(box=None, header_style="bold")
    for heading in ("image", "digit" if names[0] == "0" else "class", *names):
        table.add_column(heading, justify="left" if heading == "image" else "right")
    for path, row in zip(paths, probabilities, strict=True):
        table.add_row(str(path), names[row.argmax()], *(f"{p:.3f}" for p in row))
    console.print(table)


def read_image(path: Path) -> Pixels:
    """Return a picture in MNIST's form: uint8 ``[28, 28]``, light on dark.

    Raises:
        UserError: The file can't be read as an image, or is of one colour.
    """
    try:
        with Image.open(path) as image:
            grey = np.asarray(_flatten(image).convert("L"))
    except UnidentifiedImageError as error:
        raise UserError(f"'{path}' must be an image file.") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:  # SyntaxError: a broken PNG
        raise UserError(f"'{path}' cannot be read as an image: {getattr(error, 'strerror', None) or error}.") from error
    if grey.min() == grey.max():
        raise UserError(f"'{path}' must show a digit (all its pixels are alike).")
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    if np.median(border) > (float(grey.min()) + float(grey.max())) / 2:
        grey = 255 - grey  # dark on light
    return grey if grey.shape == IMAGE_SHAPE else _centre(grey)


def load_network(mlruns: Path, experiment: str, run: str) -> tuple[RunConfig, CNN]:
    """Return a finished run's configuration and its trained network.

    Args:
        mlruns: The folder of all that was run.
        experiment: The MLflow experiment to look names and ids up in.
        run: A run key or the beginning of one; or ``best``, a run's name or MLflow id.

    Raises:
        UserError: There is no such run, or it isn't finished.
    """
    matches = list((mlruns / "runs").glob(f"{run}*")) if run.isalnum() and len(run) >= 4 else []
    directory = matches[0] if len(matches) == 1 else run_directory(mlruns, _run_key(mlruns, experiment, run))
    result = read_result(directory)
    if result is None or result.outcome != "finished":
        raise UserError(f"Run '{run}' must be finished to predict ('{directory}' is not).")
    config = read_config(directory)
    parameters = load_checkpoint(checkpoint_path(directory / "checkpoints", result.epoch)).parameters
    return config, CNN([parameters], [config.train.learning_rate], padding=config.model.padding)


def _run_key(mlruns: Path, experiment: str, run: str) -> str:
    """Look a run up in MLflow."""
    # imported here, with mlflow: a picture that can't be read, or a run given by its key, is answered without
    from convsweep.compare.runs import load_runs
    from convsweep.tracking.run import RUN_KEY_TAG
    from convsweep.tracking.store import open_existing, search
    from convsweep.tracking.sweep import last_sweep_id

    store = open_existing(mlruns, experiment)
    if run == "best":
        runs = load_runs(store, last_sweep_id(store))
        if not runs.empty and runs["outcome"].iloc[0] == "finished":
            return str(runs["run_key"].iloc[0])
        raise UserError("There is no finished run yet: `convsweep train` makes one.")
    for found in search(store):
        if run in (found.info.run_id, found.info.run_name) and RUN_KEY_TAG in found.data.tags:
            return found.data.tags[RUN_KEY_TAG]
    raise UserError(
        f"There is no run '{run}' in '{store.uri}': give `best`, a name or id that MLflow shows, or a run key."
    )


def _flatten(image: Image.Image) -> Image.Image:
    """Lay a picture with transparency on white."""
    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image)


def _centre(grey: Pixels) -> Pixels:
    """Scale the digit to MNIST's size and put its centre of mass into the middle."""
    low, high = float(grey.min()), float(grey.max())
    grey = np.round((grey - low) * (255 / (high - low))).astype(np.uint8)
    rows, columns = np.nonzero(grey >= INK)
    digit = Image.fromarray(grey[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1])
    scale = DIGIT_SIZE / max(digit.size)
    width, height = (max(round(side * scale), 1) for side in digit.size)
    small = np.asarray(digit.resize((width, height), Image.Resampling.LANCZOS), float)
    mass = small.sum()
    centre = [(small.sum(axis=1 - axis) @ np.arange(small.shape[axis])) / mass for axis in (0, 1)]
    canvas = np.zeros(IMAGE_SHAPE, np.uint8)
    top, left = (
        int(np.clip(round(middle - at), 0, side - length))
        for middle, at, side, length in zip((14, 14), centre, IMAGE_SHAPE, small.shape, strict=True)
    )
    canvas[top : top + height, left : left + width] = np.round(small)
    return canvas
