"""``python -m experiments.harness.index``: write ``experiments/README.md``, all questions with their answers."""

import click

from convsweep.commands.main import end
from convsweep.records.files import writing
from experiments.harness.discovery import EXPERIMENTS, find, study_names
from experiments.harness.study import RESULTS

HEAD = """# Experiments

What was asked, run and learned. A folder is a study: its question and how it is measured (`study.py`), what was
measured (`results.csv`) and the page that the measuring command wrote (`README.md`), whose numbers are computed from
that table. `make experiment NAME=03_choices MNIST=FOLDER` runs one again, FOLDER holding MNIST's four IDX files (left
out, they are downloaded).

- [00_first_sweep](00_first_sweep/README.md): the sweep of `make sweep`, on digits that need no download.
"""


def index() -> str:
    """Return the text: a line for each study that has been run, with its question and its answer."""
    lines = []
    for name in study_names():
        folder = EXPERIMENTS / name
        if (folder / RESULTS).exists():
            study = find(name)
            answer = study.report(study.read(folder)).answer.partition("\n\n")[0]
            lines.append(f"- [{name}]({name}/README.md): {study.question} {' '.join(answer.split())}\n")
    return HEAD + "".join(lines)


@click.command()
def main() -> None:
    """Write experiments/README.md, the list of the studies and their answers."""
    path = EXPERIMENTS / "README.md"
    with writing(path):
        path.write_text(index())


if __name__ == "__main__":
    end(main)
