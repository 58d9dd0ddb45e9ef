"""The figures of a finished run, drawn from its record."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from convsweep.config import RunConfig
from convsweep.data import CLASS_NAMES, Dataset
from convsweep.nn.layers import convolve, softmax
from convsweep.nn.network import CNN, Parameters
from convsweep.nn.patches import Floats, Pixels, normalize
from convsweep.nn.training import Evaluation, Event, Window, predict
from convsweep.pictures import mosaics, plots
from convsweep.records.journal import writing


def draw_figures(
    folder: Path,
    config: RunConfig,
    dataset: Dataset,
    events: Sequence[Event],
    *,
    before: Parameters,
    after: Parameters,
) -> list[Path]:
    """Write a run's figures as PNG files.

    Args:
        folder: Where to.
        config: The run's configuration.
        dataset: Its images.
        events: What happened.
        before: The initial parameters.
        after: The last ones.

    Returns:
        The files' paths.
    """
    test, names = dataset.splits.test, CLASS_NAMES[dataset.name]
    network = CNN([after], [0.0], padding=config.model.padding)
    probabilities = softmax(predict(network, test.images)[0])  # [N, C]
    pictures = {
        "filters": mosaics.filters_before_and_after(before.filters, after.filters),
        "feature_maps": mosaics.feature_maps(
            test.images[0], _feature_maps(config, after, test.images[0]), names[test.labels[0]]
        ),
        "confusion_matrix": mosaics.confusion_matrix(test.labels, probabilities.argmax(axis=1), names),
        "most_confidently_wrong": mosaics.most_confidently_wrong(test.images, test.labels, probabilities, names),
    }
    paths = [folder / f"{name}.png" for name in ("learning_curves", *pictures)]
    with writing(folder):
        folder.mkdir(exist_ok=True)
        _learning_curves(config, events).savefig(paths[0], dpi=100)
        for path, picture in zip(paths[1:], pictures.values(), strict=True):
            picture.save(path)
    return paths


def _learning_curves(config: RunConfig, events: Sequence[Event]) -> Figure:
    windows = [event for event in events if isinstance(event, Window)]
    valid = [event for event in events if isinstance(event, Evaluation) and event.split == "valid"]
    test = [event.accuracy for event in events if isinstance(event, Evaluation) and event.split == "test"]
    train_label = f"train, mean of {config.train.window}"
    train_steps, valid_steps = [event.step for event in windows], [event.step for event in valid]
    return plots.learning_curves(
        loss=[
            plots.Curve(train_label, train_steps, [event.loss for event in windows]),
            plots.Curve("valid", valid_steps, [event.loss for event in valid]),
        ],
        accuracy=[
            plots.Curve(train_label, train_steps, [event.accuracy for event in windows]),
            plots.Curve("valid", valid_steps, [event.accuracy for event in valid]),
        ],
        images_per_epoch=config.data.num_train,
        test_accuracy=test[0] if test else None,
        title=f"{config.model.num_filters} filters, learning rate {config.train.learning_rate:g}, "
        f"init scale {config.model.init_scale:g}, seed {config.train.seed}, {config.data.name}",
    )


def _feature_maps(config: RunConfig, parameters: Parameters, image: Pixels) -> Floats:
    return convolve(normalize(image, config.train.dtype), parameters.filters, config.model.padding)
