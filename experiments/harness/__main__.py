"""``python -m experiments.harness NAME``: run a study and write its record and page."""

import tempfile
import time
from pathlib import Path

import click

from convsweep.commands.main import end
from convsweep.errors import UserError
from convsweep.records.files import writing
from experiments.harness.discovery import EXPERIMENTS, find
from experiments.harness.page import command, page
from experiments.harness.study import Setting, Study

# beginnings of the overrides that say where data and records are; all others would change what is measured
ALLOWED = ("data=", "data.", "mlruns=", "tracking.", "hydra/launcher=", "hydra.launcher.")
SMALL_DATA = "data=mnist_5k"  # needs no download


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("name")
@click.argument("overrides", nargs=-1)
@click.option("--output", type=click.Path(path_type=Path), help="Folder of the record.  [default: experiments/NAME]")
@click.option("--small", is_flag=True, help="A version of some seconds, to see that it works; needs --output.")
def main(name: str, overrides: tuple[str, ...], output: Path | None, *, small: bool) -> None:
    """Run a study and write README.md, results.csv and pictures.

    NAME is that of a folder in `experiments`. OVERRIDES are those of `convsweep train`, e.g. data.dir=FOLDER.
    """
    study = find(name)
    _check(overrides)
    if small and output is None:
        raise UserError(f"'--small' needs '--output': a small version must not replace experiments/{name}.")
    if small and not any(word.startswith("data") for word in overrides):
        overrides = (SMALL_DATA, *overrides)
    output = output or EXPERIMENTS / name
    with writing(output.parent):
        output.parent.mkdir(parents=True, exist_ok=True)
    # beside the old record, which is replaced once the new one is complete
    with tempfile.TemporaryDirectory(prefix=f".{name}.", dir=output.parent) as folder:
        run(study, Setting(name, overrides, Path(folder), small))
        with writing(output):
            output.mkdir(exist_ok=True)
            for path in sorted(Path(folder).iterdir()):
                path.replace(output / path.name)
    click.echo(f"Page: {output / 'README.md'}")


def _check(overrides: tuple[str, ...]) -> None:
    for word in overrides:
        if not word.startswith(ALLOWED):
            raise UserError(
                f"A study fixes its settings: 'OVERRIDES' must begin with {' '.join(ALLOWED)} (got '{word}')."
            )


def run(study: Study, setting: Setting) -> None:
    """Measure, draw and write the page into the setting's folder."""
    begun = time.perf_counter()
    facts = study.measure(setting)
    seconds = time.perf_counter() - begun
    record = study.read(setting.folder)
    for file, figure in study.draw(record).items():
        figure.savefig(setting.folder / file, dpi=110)
    text = page(
        study,
        facts,
        study.report(record),
        command=command(setting.name, setting.overrides, small=setting.small),
        seconds=seconds,
        small=setting.small,
    )
    (setting.folder / "README.md").write_text(text)


if __name__ == "__main__":
    end(main)
