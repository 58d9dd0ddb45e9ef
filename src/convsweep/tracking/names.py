"""What runs, sweeps and configurations are called in MLflow: tags and params."""

from collections.abc import Sequence

from convsweep.compare.runs import SEEDS
from convsweep.config import RunConfig
from convsweep.naming import as_text, hyperparameters, other_values, run_name
from convsweep.records.attempts import Code

ROLE_TAG = "convsweep.role"  # run | sweep | study | replication
SWEEP_TAG = "convsweep.sweep"  # on the parent and every job: the sweep's id
AXES_TAG = "convsweep.axes"  # on the parent: the configuration keys that vary, between commas
STUDY_TAG = "convsweep.study"  # on a study's parent and every replication: the study's id
JOB_TAG = "convsweep.job"  # SWEEP/NUMBER: what a job's run is found by
RUN_KEY_TAG = "convsweep.run_key"
OUTCOME_TAG = "convsweep.outcome"  # finished | diverged
REUSED_TAG = "convsweep.reused"  # true: the results are those of a run that another sweep trained
FAILURE_TAG = "convsweep.failure"  # why a run failed, in one line
CONFIGURATION_TAG = "convsweep.configuration"  # short, the same for runs that differ in their seeds only
ANSWER_TAG = "convsweep.answer"  # on the parent: which configuration is best, in a sentence or two
SENT_TAG = "convsweep.sent"  # which state of the record is shown whole: see ``records.signature``
NOTE_TAG = "mlflow.note.content"  # what a run's page shows as its description

# The last line of each description of ours
SIGNATURE = "*Written by convsweep. Change this line, and the description stays as you write it.*"

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


def code_tags(code: Code) -> dict[str, str]:
    """Return what names the code that trained, as far as it is known: its commit, and whether anything was changed."""
    commit = {} if code.commit is None else {"mlflow.source.git.commit": code.commit}
    return commit | ({} if code.diff is None else {"convsweep.git_dirty": str(bool(code.diff))})


def configuration_name(config: RunConfig, axes: Sequence[str]) -> str:
    """Return a short name that runs share which differ in their seeds only.

    Args:
        config: The run's configuration.
        axes: What its sweep varies.
    """
    return run_name(config, [axis for axis in axes if axis not in SEEDS])


def is_ours(note: str | None) -> bool:
    """Tell whether a description may be replaced: there is none, or nobody has claimed it by changing its last line."""
    return not note or note.rstrip().endswith(SIGNATURE)
