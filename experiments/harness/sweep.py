"""A study that measures by a sweep: it runs as ``convsweep train`` runs any other, and its runs become the table."""

from collections.abc import Sequence

import pandas as pd

from convsweep.config import RunConfig
from convsweep.data import load
from convsweep.hydra_app.compose import compose_run
from experiments.harness.study import Facts, Setting, data_fact, write_results


def measure_sweep(setting: Setting, small: Sequence[str], order_of_images: str) -> Facts:
    """Run the study's sweep, ``conf/experiment/NAME.yaml``, and write its runs as the study's table, one row a run.

    Args:
        setting: How the study is to run.
        small: What differs in the small version, as overrides.
        order_of_images: In which order training sees the images, in words, for the page's line on seeds.

    Raises:
        UserError: The sweep failed, or the data can't be had.
    """
    from convsweep.compare.runs import differing

    arguments = [f"experiment={setting.name}", *(small if setting.small else ()), *setting.overrides]
    config = common_config(arguments)
    dataset = load(config.data)  # before the sweep: if it fails, it fails once and not for every job
    runs = run_sweep(arguments, config).drop(columns="name")  # a name is made of the columns that follow
    varied = [name for name in differing(runs) if name != "seed"]
    runs = runs.sort_values([*varied, "seed"], ignore_index=True)
    write_results(runs, setting.folder)
    seeds = _range(sorted(runs["seed"].unique()))
    return Facts(data_fact(dataset), f"{seeds} (initial parameters); {order_of_images}")


def run_sweep(arguments: Sequence[str], config: RunConfig) -> pd.DataFrame:
    """Run a sweep and return its runs, one row a run.

    Args:
        arguments: As those of ``convsweep train``.
        config: Says where the sweep's runs are recorded.

    Raises:
        UserError: The sweep failed.
    """
    from convsweep.compare.runs import load_runs
    from convsweep.hydra_app.app import launch

    return load_runs(config.mlruns, launch(arguments))


def common_config(arguments: Sequence[str]) -> RunConfig:
    """Return a configuration whose data and places are those of all runs of a sweep; all else may be an axis."""
    of_no_axis = ("experiment", "data", "mlruns", "tracking")
    return compose_run([word for word in arguments if word.partition("=")[0].partition(".")[0] in of_no_axis])


def _range(seeds: Sequence[int]) -> str:
    if list(seeds) == list(range(seeds[0], seeds[-1] + 1)) and len(seeds) > 2:
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds))
