"""``convsweep data``: fetch a data set, check it, and show what is in it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.table import Table

from convsweep.data import CLASS_NAMES, load
from convsweep.hydra_app.compose import compose_run
from convsweep.pictures import mosaics
from convsweep.records.journal import writing
from convsweep.terminal import console


def show(overrides: Sequence[str], png: Path | None) -> None:
    """Print where the images came from, how many of each class every split has, and their digest.

    Raises:
        UserError: The data set can't be had, or isn't what it must be.
    """
    dataset = load(compose_run(overrides).data)
    names = CLASS_NAMES[dataset.name]
    table = Table(box=None, header_style="bold")
    for heading in ("images", *names, "all"):
        table.add_column(heading, justify="left" if heading == "images" else "right")
    for split, batch in dataset.splits._asdict().items():
        counts = np.bincount(batch.labels, minlength=len(names))
        table.add_row(split, *map(str, counts), str(len(batch.labels)))
    console.print(f"{dataset.name}, from {dataset.source}, checked", soft_wrap=True)
    console.print(table)
    console.print(f"sha256 of the arrays used: {dataset.digest}", soft_wrap=True)
    if png is not None:
        train = dataset.splits.train
        with writing(png):
            png.parent.mkdir(parents=True, exist_ok=True)
            title = f"{dataset.name}: training images"
            mosaics.digit_samples(train.images, train.labels, names, title).save(png)
        console.print(f"Picture: {png}", soft_wrap=True)
