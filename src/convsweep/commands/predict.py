"""``convsweep predict``: which digits image files show."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from convsweep.commands.options import mlruns_option

if TYPE_CHECKING:
    from rich.table import Table

    from convsweep.config import RunConfig
    from convsweep.data.picture_files import Greys
    from convsweep.nn.network import CNN
    from convsweep.nn.patches import Floats, Pixels

NAME_WIDTH = 14  # characters of the files' names that a narrow table leaves on a line, at least
DRAWN_SIZE = 224  # pixels: the sides of what --show draws


@click.command()
@mlruns_option
@click.option("--show", type=click.Path(path_type=Path), help="Draw what the network saw of each into this PNG file.")
@click.argument("run")
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
def predict(*, mlruns: Path, show: Path | None, run: str, images: tuple[Path, ...]) -> None:
    """Say which digits image files show: photographs, scans or drawings, dark on light or light on dark.

    RUN is `best` (of the last sweep), a run's name, or a run key. IMAGES are files of one digit each, of any size up
    to 64 megapixels. Shade, noise, ruled lines and frames are taken away, and the digit is brought into MNIST's form;
    an image of 28 x 28 pixels is used as it is. For a picture in which no single digit can be made out, a line says
    why, and the exit status is 1.
    """
    import numpy as np

    from convsweep.data import CLASS_NAMES
    from convsweep.data.images import read_image
    from convsweep.errors import UserError
    from convsweep.nn.layers import softmax
    from convsweep.nn.training import predict as logits_of
    from convsweep.terminal import console, say

    if show is not None and show.suffix.lower() != ".png":
        raise UserError(f"'--show' must name a .png file (got '{show}').")
    config, network = _load_network(mlruns, run)
    seen, problems = [], []
    for path in images:
        try:
            image = read_image(path)
        except UserError as error:
            problems.append(str(error))
        else:
            seen.append((click.format_filename(path), _reduced(image.picture), image.pixels))
    if seen:
        files, pictures, pixels = zip(*seen, strict=True)
        probabilities = softmax(logits_of(network, np.stack(pixels))[0])  # [N, C]
        names = CLASS_NAMES[config.data.name]
        console.print(predictions_table(files, names, probabilities, console.width))
        if show is not None:
            said = [f"{names[row.argmax()]} ({row.max():.3f})" for row in probabilities]
            _draw(show, zip(files, pictures, pixels, said, strict=True))
            say(f"Picture: {show}")
    if problems:
        raise UserError("\n".join(problems))


def predictions_table(files: Sequence[str], names: Sequence[str], probabilities: "Floats", width: int) -> "Table":
    """Return a table of predictions ``[N, C]`` that fits into so many characters.

    Where there is no room for every class, the likeliest three, two or one have each its name and probability. Numbers
    are whole in any case; long names of files go on in the next line.
    """
    from rich.table import Table
    from rich.text import Text

    digits = names[0] == "0"
    likeliest = [[names[place] for place in (-row).argsort(kind="stable")[:3]] for row in probabilities]
    every = [[best[0], *(f"{p:.3f}" for p in row)] for best, row in zip(likeliest, probabilities, strict=True)]
    forms = [(["digit" if digits else "class", *names], every)]
    for number in (3, 2, 1):
        rows = [
            [f"{name} {row[names.index(name)]:.3f}" for name in best[:number]]
            for best, row in zip(likeliest, probabilities, strict=True)
        ]
        forms.append((["digit" if digits else "class", "or", "or"][:number], rows))
    room = min(NAME_WIDTH, max(map(len, files)))
    headings, rows = next((form for form in forms if _width(*form) + room <= width), forms[-1])
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("image", overflow="fold")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for file, row in zip(files, rows, strict=True):
        table.add_row(Text(file), *row)
    return table


def _width(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Return how many characters the columns take, each with a space before it."""
    return sum(max(map(len, column)) + 1 for column in zip(headings, *rows, strict=True))


def _reduced(picture: "Greys") -> "Pixels":
    """Return a picture as small as it is drawn, so that a thousand of them fit into memory."""
    import numpy as np
    from PIL import Image

    image = Image.fromarray(np.round(np.clip(picture, 0, 255)).astype(np.uint8))
    image.thumbnail((DRAWN_SIZE, DRAWN_SIZE))
    return np.asarray(image)


def _draw(path: Path, answers: "Iterable[tuple[str, Pixels, Pixels, str]]") -> None:
    """Write the picture of what the network saw, whole or not at all."""
    import io

    from convsweep.pictures.mosaics import Answer, seen_by_network
    from convsweep.records.files import write_whole, writing

    content = io.BytesIO()
    seen_by_network([Answer(*answer) for answer in answers], DRAWN_SIZE).save(content, "PNG")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content.getvalue(), durable=False)


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
