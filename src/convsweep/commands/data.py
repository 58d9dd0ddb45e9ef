"""``convsweep data``: fetch a data set, check it, and show what is in it."""

from pathlib import Path

import click

from convsweep.commands.options import complete_overrides, output_option


@click.command()
@click.argument("overrides", nargs=-1, shell_complete=complete_overrides)
@output_option("--png", ".png", "Draw samples of every class into this file.")
def data(overrides: tuple[str, ...], png: Path | None) -> None:
    """Fetch a data set, check it and show what is in it.

    OVERRIDES are those of `convsweep train`: data=mnist data.dir=FOLDER data.num_train=60000 ...
    """
    import numpy as np
    from rich.table import Table

    from convsweep.data import CLASS_NAMES, load
    from convsweep.hydra_app.compose import compose_run
    from convsweep.pictures import mosaics
    from convsweep.records.files import writing
    from convsweep.terminal import console, say

    dataset = load(compose_run(overrides).data)
    names = CLASS_NAMES[dataset.name]
    table = Table(box=None, header_style="bold")
    for heading in ("images", *names, "all"):
        table.add_column(heading, justify="left" if heading == "images" else "right")
    for split, batch in dataset.splits._asdict().items():
        counts = np.bincount(batch.labels, minlength=len(names))
        table.add_row(split, *map(str, counts), str(len(batch.labels)))
    say(f"{dataset.name}, from {dataset.source}, checked")
    console.print(table)
    say(f"sha256 of the arrays used: {dataset.digest}")
    if png is not None:
        train = dataset.splits.train
        with writing(png):
            png.parent.mkdir(parents=True, exist_ok=True)
            title = f"{dataset.name}: training images"
            mosaics.digit_samples(train.images, train.labels, names, title).save(png)
        say(f"Picture: {png}")
