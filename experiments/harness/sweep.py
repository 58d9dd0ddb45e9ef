"""A study that measures by a sweep: it runs as ``convsweep train`` runs any other, and its runs become the table."""

from collections.abc import Sequence

from convsweep.compare.frames import runs_frame
from convsweep.compare.runs import Run, load_runs, varied
from convsweep.config import RunConfig
from convsweep.data import load
from convsweep.hydra_app.compose import compose_run
from convsweep.naming import column
from convsweep.records.sweep import find_sweep
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
    arguments = [f"experiment={setting.name}", *(small if setting.small else ()), *setting.overrides]
    config = common_config(arguments)
    dataset = load(config.data)  # before the sweep: if it fails, it fails once and not for every job
    runs = run_sweep(arguments, config)
    columns = [column(key) for key in varied(runs) if key != "train.seed"]
    table = runs_frame(runs).drop(columns="name")  # a name is made of the columns that follow
    write_results(table.sort_values([*columns, "seed"], ignore_index=True), setting.folder)
    seeds = _range(sorted(table["seed"].unique()))
    return Facts(data_fact(dataset), f"{seeds} (initial parameters); {order_of_images}")


def run_sweep(arguments: Sequence[str], config: RunConfig) -> list[Run]:
    """Run a sweep and return its runs.

    Args:
        arguments: As those of ``convsweep train``.
        config: Says where the sweep's runs are recorded.

    Raises:
        UserError: The sweep failed.
    """
    from convsweep.hydra_app.app import launch

    return load_runs(config.mlruns, find_sweep(config.mlruns, launch(arguments)))


def common_config(arguments: Sequence[str]) -> RunConfig:
    """Return a configuration whose data and places are those of all runs of a sweep; all else may be an axis."""
    of_no_axis = ("experiment", "data", "mlruns", "tracking")
    return compose_run([word for word in arguments if word.partition("=")[0].partition(".")[0] in of_no_axis])


def _range(seeds: Sequence[int]) -> str:
    if list(seeds) == list(range(seeds[0], seeds[-1] + 1)) and len(seeds) > 2:
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds))
