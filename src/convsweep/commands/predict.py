"""``convsweep predict``: which digits image files show."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from convsweep.commands.options import mlruns_option, output_option

if TYPE_CHECKING:
    from rich.table import Table

    from convsweep.config import RunConfig
    from convsweep.data.picture_files import Greys
    from convsweep.nn.network import Parameters
    from convsweep.nn.patches import Floats, Pixels

NAME_WIDTH = 14  # characters of the files' names that a narrow table leaves on a line, at least
DRAWN_SIZE = 224  # pixels: the sides of what --show draws


@click.command()
@mlruns_option
@output_option("--show", ".png", "Draw what the network saw of each picture into this file.")
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
    from convsweep.runs.training import class_probabilities
    from convsweep.terminal import console, say

    for path in images:
        if show is not None and show.exists() and path.exists() and show.samefile(path):
            raise UserError(f"'--show' must not name one of the pictures that are read (got '{show}').")
    config, parameters = _load(mlruns, run)
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
        probabilities = class_probabilities(config, parameters, np.stack(pixels))
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


def _load(mlruns: Path, run: str) -> "tuple[RunConfig, Parameters]":
    """Return a finished run's configuration and its trained parameters.

    Raises:
        UserError: There is no such run, it isn't finished, or its record is damaged.
    """
    from convsweep.compare.lookup import find_run
    from convsweep.errors import UserError
    from convsweep.records.journal import read_config, read_record

    directory = find_run(mlruns, run).directory
    record = read_record(directory)
    checkpoint = record.checkpoint()
    if record.result is None or checkpoint is None:
        raise UserError(f"Run '{run}' must be whole to predict. {' '.join(record.damage)}")
    return read_config(directory), checkpoint.parameters
