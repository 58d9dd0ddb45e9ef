"""What MLflow shows of a configuration: params, tags and short run names."""

from collections.abc import Sequence

from convsweep.config import RunConfig, flatten

# What sweeps usually vary. Only these are params, so that MLflow's charts offer nothing that is constant.
HYPERPARAMETERS = {
    "train.learning_rate": "learning_rate",
    "model.num_filters": "num_filters",
    "model.init_scale": "init_scale",
    "train.epochs": "epochs",
    "train.seed": "seed",
}
CONFIG_TAG = "config."  # every other value is a tag: config.train.ties and so on
PLACES = ("mlruns", "tracking.experiment", "data.dir", "data.mirrors")  # say where, not what: neither

SHORT = {
    "model.num_filters": "f",
    "train.learning_rate": "lr",
    "model.init_scale": "s",
    "train.epochs": "e",
    "train.seed": "seed",
}


def params(config: RunConfig) -> dict[str, str]:
    """Return the hyperparameters, as MLflow's params."""
    values = flatten(config)
    return {name: _text(values[key]) for key, name in HYPERPARAMETERS.items()}


def config_tags(config: RunConfig) -> dict[str, str]:
    """Return every other value that decides the result, as tags."""
    left = {key: value for key, value in flatten(config).items() if key not in (*HYPERPARAMETERS, *PLACES)}
    return {CONFIG_TAG + key: _text(value) for key, value in left.items()}


def run_name(config: RunConfig, keys: Sequence[str]) -> str:
    """Return a short name from what varies; MLflow's charts cut names at some 15 characters.

    Args:
        config: The run's configuration.
        keys: The configuration keys to tell of, e.g. ``train.learning_rate``.
    """
    values = flatten(config) | {"data": config.data.name}
    parts = [_part(key, values[key]) for key in keys if key in values and key not in PLACES]
    return " ".join(parts) or "defaults"


def _part(key: str, value: object) -> str:
    text = _text(value)
    if key in SHORT:
        return SHORT[key] + text
    return f"{key.rpartition('.')[2]}={text}" if text in ("true", "false") or text[:1].isdigit() else text


def _text(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}" if float(f"{value:g}") == value else repr(value)
        case tuple():
            return ",".join(map(str, value)) or "none"
        case _:
            return str(value)
