"""What runs, sweeps and configurations are called in MLflow: tags, params and short run names."""

from collections.abc import Sequence

from convsweep.config import RunConfig, flatten

ROLE_TAG = "convsweep.role"  # run | sweep | study | replication
SWEEP_TAG = "convsweep.sweep"  # on the parent and every job: the sweep's id
JOB_TAG = "convsweep.job"  # SWEEP/NUMBER: what a job's run is found by
RUN_KEY_TAG = "convsweep.run_key"
OUTCOME_TAG = "convsweep.outcome"  # finished | diverged
REUSED_TAG = "convsweep.reused"  # true: the results are those of a run that another sweep trained
FAILURE_TAG = "convsweep.failure"  # why a run failed, in one line
SENT_TAG = "convsweep.sent"  # which state of the record is shown whole: see ``records.signature``
NOTE_TAG = "mlflow.note.content"  # what a run's page shows as its description

# What sweeps usually vary. Only these are params, so that MLflow's charts offer nothing that is constant.
HYPERPARAMETERS = {
    "train.learning_rate": "learning_rate",
    "model.num_filters": "num_filters",
    "model.init_scale": "init_scale",
    "train.epochs": "epochs",
    "train.seed": "seed",
}
CONFIG_TAG = "config."  # every other value is a tag: config.train.ties and so on
PLACES = (
    "mlruns",
    "rerun",
    "tracking.enabled",
    "tracking.experiment",
    "data.dir",
    "data.mirrors",
)  # decide nothing: neither

SHORT = {
    "model.num_filters": "f",
    "train.learning_rate": "lr",
    "model.init_scale": "s",
    "train.epochs": "e",
    "train.seed": "seed",
}


def tagged(**tags: str) -> str:
    """Return the condition that runs have these tags, in MLflow's search language.

    Args:
        tags: Names without the ``convsweep.`` before them, and values.

    Raises:
        ValueError: A value holds a quote, which that language cannot express.
    """
    for value in tags.values():
        if "'" in value or "\\" in value:
            raise ValueError(f"MLflow cannot search for a tag's value with a quote in it (got {value!r}).")
    return " and ".join(f"tags.`convsweep.{name}` = '{value}'" for name, value in tags.items())


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
