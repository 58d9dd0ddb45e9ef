"""The figures of a finished run, drawn from its record."""

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from convsweep.config import RunConfig
from convsweep.data import CLASS_NAMES, Dataset
from convsweep.nn.layers import convolve
from convsweep.nn.network import Parameters
from convsweep.nn.patches import Floats, normalize
from convsweep.nn.training import Diverged, Evaluation, Event, Window
from convsweep.pictures import FIGURES, mosaics
from convsweep.pictures.curves import Curve, Schedule, learning_curves
from convsweep.records.files import write_whole


def draw_figures(
    folder: Path,
    config: RunConfig,
    dataset: Dataset,
    events: Sequence[Event],
    *,
    before: Parameters,
    after: Parameters,
    probabilities: Floats,
) -> None:
    """Write a run's ``FIGURES`` as PNG files, each whole or not at all.

    Args:
        folder: Where to; made if need be.
        config: The run's configuration.
        dataset: Its images.
        events: What happened.
        before: The initial parameters.
        after: The last ones.
        probabilities: ``[N, C]``, what the network with these gives to the images of ``test``.

    Raises:
        OSError: The folder can't be written to.
    """
    folder.mkdir(exist_ok=True)
    pictures = (_learning_curves(config, events), *_mosaics(config, dataset, before, after, probabilities))
    for name, picture in zip(FIGURES, pictures, strict=True):
        write_whole(folder / f"{name}.png", _png(picture), durable=False)  # can be drawn again


def _learning_curves(config: RunConfig, events: Sequence[Event]) -> Image.Image:
    evaluations = [event for event in events if isinstance(event, Evaluation)]
    test = next((event.accuracy for event in evaluations if event.split == "test"), None)
    diverged = next((event for event in events if isinstance(event, Diverged)), None)
    if diverged is not None:
        ending = f"diverged in epoch {diverged.epoch}, at step {diverged.step:,}"
    else:
        ending = "" if test is None else f"test, at the end: {test:.2%}"
    return learning_curves(
        _curve([event for event in events if isinstance(event, Window)]),
        _curve([event for event in evaluations if event.split == "valid"]),
        Schedule(config.train.epochs, config.data.num_train, config.train.window),
        title=f"{config.model.num_filters} filters, learning rate {config.train.learning_rate:g}, "
        f"init scale {config.model.init_scale:g}, seed {config.train.seed}, {config.data.name}",
        ending=ending,
        test_accuracy=test,
    )


def _curve(events: Sequence[Window | Evaluation]) -> Curve:
    return Curve(
        [event.step for event in events], [event.loss for event in events], [event.accuracy for event in events]
    )


def _mosaics(
    config: RunConfig, dataset: Dataset, before: Parameters, after: Parameters, probabilities: Floats
) -> tuple[Image.Image, ...]:
    """Draw the figures after the first, in the order of ``FIGURES``."""
    (images, labels), names = dataset.splits.test, CLASS_NAMES[dataset.name]
    seen = normalize(images[0], config.train.dtype, config.data.pixels)
    maps = convolve(seen, after.filters, config.model.padding)  # [F, H', W']
    return (
        mosaics.filters_before_and_after(before.filters, after.filters),
        mosaics.feature_maps(images[0], maps, names[labels[0]]),
        mosaics.confusion_matrix(labels, probabilities.argmax(axis=1), names),
        mosaics.most_confidently_wrong(images, labels, probabilities, names),
    )


def _png(picture: Image.Image) -> bytes:
    content = io.BytesIO()
    picture.save(content, "PNG", compress_level=3)  # in two thirds of the default level's time, a tenth larger
    return content.getvalue()
