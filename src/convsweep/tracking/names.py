"""What runs, sweeps and configurations are called in MLflow: tags and params."""

from convsweep.config import RunConfig
from convsweep.naming import as_text, hyperparameters, other_values

ROLE_TAG = "convsweep.role"  # run | sweep | study | replication
SWEEP_TAG = "convsweep.sweep"  # on the parent and every job: the sweep's id
JOB_TAG = "convsweep.job"  # SWEEP/NUMBER: what a job's run is found by
RUN_KEY_TAG = "convsweep.run_key"
OUTCOME_TAG = "convsweep.outcome"  # finished | diverged
REUSED_TAG = "convsweep.reused"  # true: the results are those of a run that another sweep trained
FAILURE_TAG = "convsweep.failure"  # why a run failed, in one line
SENT_TAG = "convsweep.sent"  # which state of the record is shown whole: see ``records.signature``
NOTE_TAG = "mlflow.note.content"  # what a run's page shows as its description

CONFIG_TAG = "config."  # of every value that isn't a param: config.train.ties and so on


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
    """Return the hyperparameters, as MLflow's params: only they are, so that its charts offer nothing constant."""
    return {name: as_text(value) for name, value in hyperparameters(config).items()}


def config_tags(config: RunConfig) -> dict[str, str]:
    """Return every other value that decides the result, as tags."""
    return {CONFIG_TAG + key: text for key, text in other_values(config).items()}
