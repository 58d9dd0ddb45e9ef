"""What a configuration's values are called in tables, a run in short, and how values and times are written."""

from collections.abc import Mapping, Sequence

from convsweep.config import RunConfig, flatten
from convsweep.records.identity import decisive_keys

MINUS = "\N{MINUS SIGN}"  # as wide as +

# What sweeps usually vary, and what a table's column of it is called
HYPERPARAMETERS = {
    "train.learning_rate": "learning_rate",
    "model.num_filters": "num_filters",
    "model.init_scale": "init_scale",
    "train.epochs": "epochs",
    "train.seed": "seed",
}

SHORT = {
    "model.num_filters": "f",
    "train.learning_rate": "lr",
    "model.init_scale": "s",
    "train.epochs": "e",
    "train.seed": "seed",
}


def column(key: str) -> str:
    """Return what the column of a configuration key is called: ``num_filters`` of ``model.num_filters``."""
    return HYPERPARAMETERS.get(key, key)


def decisive(config: RunConfig) -> dict[str, object]:
    """Return every value that decides the result, by its dotted key: the hyperparameters first."""
    values, keys = flatten(config), decisive_keys(config)
    return {key: values[key] for key in HYPERPARAMETERS} | {key: values[key] for key in values if key in keys}


def overrides(values: Mapping[str, object]) -> list[str]:
    """Return the words after ``convsweep train`` that give a run all these values, whatever the defaults are.

    Args:
        values: By their dotted keys, as ``decisive`` gives them.

    >>> overrides({"train.seed": 1, "train.frozen": ("conv",), "data.name": "mnist"})
    ['data=mnist', 'train.seed=1', 'train.frozen=[conv]']
    """
    texts = {
        key: f"[{','.join(value)}]" if isinstance(value, tuple) else as_text(value) for key, value in values.items()
    }
    return [f"data={texts.pop('data.name')}", *(f"{key}={text}" for key, text in texts.items())]


def hyperparameters(config: RunConfig) -> dict[str, int | float]:
    """Return what sweeps usually vary, by its column's name."""
    values = flatten(config)
    return {name: values[key] for key, name in HYPERPARAMETERS.items()}


def other_values(config: RunConfig) -> dict[str, str]:
    """Return every other value that decides the result, as text, by its dotted key."""
    return {key: as_text(value) for key, value in decisive(config).items() if key not in HYPERPARAMETERS}


def run_name(config: RunConfig, keys: Sequence[str]) -> str:
    """Return a short name from what varies; MLflow's charts cut names at some 15 characters.

    Args:
        config: The run's configuration.
        keys: The configuration keys to tell of, e.g. ``train.learning_rate``; those that decide no result are left out.
    """
    return short_name(decisive(config) | {"data": config.data.name}, keys)


def short_name(values: Mapping[str, object], keys: Sequence[str]) -> str:
    """Return a short name from some of a configuration's values, which are given by their dotted keys.

    >>> short_name({"model.num_filters": 8, "train.learning_rate": 0.005, "train.epochs": 3}, ["model.num_filters"])
    'f8'
    """
    parts = [_part(key, values[key]) for key in keys if key in values]
    return " ".join(parts) or "defaults"


def as_text(value: object) -> str:
    """Return a configuration's value as people write it.

    >>> as_text(0.005), as_text(True), as_text(("conv",)), as_text(())
    ('0.005', 'true', 'conv', 'none')
    """
    match value:
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}" if float(f"{value:g}") == value else repr(value)
        case tuple():
            return ",".join(map(str, value)) or "none"
        case _:
            return str(value)


def duration(seconds: float) -> str:
    """Return a time in words.

    >>> duration(0.3), duration(70), duration(7200), duration(1e7)
    ('1 s', '70 s', '120 minutes', '116 days')
    """
    if seconds < 100:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 86400 else f"{seconds / 86400:.0f} days"


def _part(key: str, value: object) -> str:
    text = as_text(value)
    if key in SHORT:
        return SHORT[key] + text
    return f"{key.rpartition('.')[2]}={text}" if text in ("true", "false") or text[:1].isdigit() else text
