"""A study's sweep: run by ``convsweep train``'s own code, tracked as any other, read back from MLflow."""

from collections.abc import Sequence

from convsweep.config import RunConfig
from convsweep.data import Dataset, load
from convsweep.hydra_app.compose import compose_run
from convsweep.studies.study import Facts, Setting, write_results

NOT_RESULTS = ["run_id", "name"]  # the one is of this store, the other is made of the columns that follow


def measure_sweep(setting: Setting, experiment: str, small: Sequence[str], order_of_images: str) -> Facts:
    """Run ``conf/experiment/<experiment>.yaml`` and leave its runs as the study's table, one row a run.

    Args:
        setting: How the study is to run.
        experiment: The file's name.
        small: What differs in the small version, as overrides.
        order_of_images: Where it comes from, for the page's line on seeds.

    Raises:
        UserError: The sweep failed, or the data can't be had.
    """
    from convsweep.compare.runs import differing, load_runs
    from convsweep.hydra_app.app import launch
    from convsweep.tracking.store import open_existing
    from convsweep.tracking.sweep import last_sweep_id

    arguments = [f"experiment={experiment}", *(small if setting.small else ()), *setting.overrides]
    config = common_config(arguments)
    dataset = load(config.data)  # first: if it fails, it fails once and not for every job
    launch(arguments)
    store = open_existing(config.mlruns, config.tracking.experiment)
    runs = load_runs(store, last_sweep_id(store)).drop(columns=NOT_RESULTS)
    varied = [name for name in differing(runs) if name != "seed"]
    runs = runs.sort_values([*varied, "seed"], ignore_index=True)
    write_results(runs, setting.folder)
    return Facts(describe(dataset), f"{_range(sorted(runs['seed'].unique()))} (initial parameters); {order_of_images}")


def common_config(arguments: Sequence[str]) -> RunConfig:
    """Return what all runs of a sweep have in common: data and places, that is; all else may be an axis."""
    of_no_axis = ("experiment", "data", "mlruns", "tracking")
    return compose_run([word for word in arguments if word.partition("=")[0].partition(".")[0] in of_no_axis])


def describe(dataset: Dataset) -> str:
    """Return a data set, its splits' sizes and its digest in one line."""
    sizes = " / ".join(f"{len(batch.labels):,}" for batch in dataset.splits)
    return f"`data={dataset.name}`: {sizes} images (train / valid / test), sha256 of the arrays used `{dataset.digest}`"


def _range(seeds: Sequence[int]) -> str:
    if list(seeds) == list(range(seeds[0], seeds[-1] + 1)) and len(seeds) > 2:
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds))
