"""``convsweep predict``: which digits image files show."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from convsweep.commands.options import mlruns_option

if TYPE_CHECKING:
    from convsweep.config import RunConfig
    from convsweep.nn.network import CNN


@click.command()
@mlruns_option
@click.argument("run")
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
def predict(mlruns: Path, run: str, images: tuple[Path, ...]) -> None:
    """Say which digits image files show: any size, dark on light or light on dark.

    RUN is `best` (of the last sweep), a run's name, or a run key. IMAGES are files of one digit each.
    """
    import numpy as np
    from rich.table import Table
    from rich.text import Text

    from convsweep.data import CLASS_NAMES
    from convsweep.data.images import read_image
    from convsweep.nn.layers import softmax
    from convsweep.nn.training import predict as logits_of
    from convsweep.terminal import console

    pixels = np.stack([read_image(path) for path in images])  # [N, 28, 28]
    config, network = _load_network(mlruns, run)
    probabilities = softmax(logits_of(network, pixels)[0])  # [N, 10]
    names = CLASS_NAMES[config.data.name]
    table = Table(box=None, header_style="bold")
    for heading in ("image", "digit" if names[0] == "0" else "class", *names):
        table.add_column(heading, justify="left" if heading == "image" else "right")
    for path, row in zip(images, probabilities, strict=True):
        table.add_row(Text(str(path)), names[row.argmax()], *(f"{p:.3f}" for p in row))
    console.print(table)


def _load_network(mlruns: Path, run: str) -> "tuple[RunConfig, CNN]":
    """Return a finished run's configuration and its trained network.

    Raises:
        UserError: There is no such run, or it isn't finished.
    """
    from convsweep.errors import UserError
    from convsweep.nn.network import CNN
    from convsweep.records.journal import read_config, read_record, run_directory

    directory = run_directory(mlruns, _run_key(mlruns, run))
    record = read_record(directory)
    if record.result is None or record.result.outcome != "finished":
        damage = " ".join(record.damage)
        raise UserError(f"Run '{run}' must be finished to predict ('{directory}' is not). {damage}".rstrip())
    config, checkpoint = read_config(directory), record.checkpoint()
    assert checkpoint is not None
    return config, CNN([checkpoint.parameters], [0.0], padding=config.model.padding)


def _run_key(mlruns: Path, run: str) -> str:
    """Return the key of the run that is meant: `best`, the beginning of a key, or the name of the newest job."""
    from convsweep.compare.comparison import compare_runs
    from convsweep.compare.runs import load_runs
    from convsweep.errors import UserError
    from convsweep.records.sweep import find_sweep, read_sweeps

    if run == "best":
        sweep = find_sweep(mlruns)
        for comparison in compare_runs(load_runs(mlruns, sweep), sweep.axes):
            if comparison.best_run is not None:
                return comparison.best_run.run_key
        raise UserError(f"No run of sweep {sweep.id} has finished.")
    keys = [path.name for path in (mlruns / "runs").iterdir()] if (mlruns / "runs").is_dir() else []
    matches = [key for key in keys if key.startswith(run)] if len(run) >= 4 else []
    if len(matches) == 1:
        return matches[0]
    for sweep in read_sweeps(mlruns):
        for job in sweep.jobs:
            if job.name == run:
                return job.run_key
    raise UserError(f"There is no run '{run}' in '{mlruns}': give `best`, a run's name or a run key.")
