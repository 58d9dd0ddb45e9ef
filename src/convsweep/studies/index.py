"""``python -m convsweep.studies.index FOLDER``: write the list of questions and answers, from the records there."""

from pathlib import Path

import click

from convsweep.commands.main import end
from convsweep.records.journal import writing
from convsweep.studies.catalogue import STUDIES

HEAD = """# Experiments

What was run and what came of it. Each page is written by the command that measured; its numbers are computed from the
`results.csv` beside it. `make experiment NAME=03_choices MNIST=FOLDER` runs one again, FOLDER holding MNIST's four IDX
files (left out, they are downloaded).

- [00_first_sweep](00_first_sweep/README.md): the sweep of `make sweep`, on digits that need no download.
"""


def index(folder: Path) -> str:
    """Return the index of the studies whose record is in the folder: a line each, question and answer."""
    lines = []
    for study in STUDIES:
        if (folder / study.name).is_dir():
            answer = study.report(study.read(folder / study.name)).answer.partition("\n\n")[0]
            lines.append(f"- [{study.name}]({study.name}/README.md): {study.question} {' '.join(answer.split())}\n")
    return HEAD + "".join(lines)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
def write_index(folder: Path) -> None:
    """Write FOLDER/README.md, the list of the studies in FOLDER."""
    with writing(folder / "README.md"):
        (folder / "README.md").write_text(index(folder))


if __name__ == "__main__":
    end(write_index)
