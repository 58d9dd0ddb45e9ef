"""What ``convsweep reproduce --log FILE`` does: read the log, train every program, say which can't be ruled out."""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from convsweep.commands.judging import Told, check, expectations, new_place, tell_mlflow, train
from convsweep.data import load
from convsweep.errors import UserError
from convsweep.hydra_app.compose import compose_run
from convsweep.naming import duration
from convsweep.records.files import write_texts
from convsweep.reproduce.courses import Wanted
from convsweep.reproduce.log_description import describe
from convsweep.reproduce.log_text import read_text
from convsweep.reproduce.logs import Log, read_log
from convsweep.reproduce.places import Printing, evaluations_of, images_of_an_epoch, place
from convsweep.reproduce.reproduction import describe_images
from convsweep.reproduce.trainings import estimate
from convsweep.reproduce.which_program import Protocol, assess, kept_of, programs_of, trainings
from convsweep.reproduce.which_replications import replications
from convsweep.reproduce.which_report import (
    conclusion,
    markdown_report,
    protocol_line,
    sentences,
    terminal_table,
    verdicts,
)
from convsweep.reproduce.which_tables import write_tables
from convsweep.terminal import console, say

NOT_TO_CHOOSE = {  # keys that a log's programs give values to, and why
    "train.gradient": "is what the programs differ in",
    "train.seed": "is every seed's own: '--seeds' says how many",
    "train.order_seed": "is every seed's own: '--seeds' says how many",
    "train.window": "is the log's",
}
LONG = 60  # seconds of training that are to be agreed to


class Asked(NamedTuple):
    """What the command line says."""

    log: Path
    overrides: tuple[str, ...]
    also: tuple[str, ...]
    num_seeds: int
    printing: Printing | None
    output: Path | None
    expected: tuple[str, ...]
    agreed: bool  # to long training


def which_program(mlruns: Path, experiment: str, asked: Asked) -> None:
    """Say which of the listed programs can't be ruled out as a log's.

    Args:
        mlruns: Folder of all that was run.
        experiment: The MLflow experiment.
        asked: The rest of the command line.

    Raises:
        UserError: Something asked for makes no sense; data, disk or MLflow fail; a verdict is not the expected one.
    """
    log = read_log(read_text(asked.log))
    protocol = _protocol(log, asked)
    wished = expectations(asked.expected, [program.name for program in programs_of(protocol)])
    dataset = load(protocol.config.data)
    placed = place(log, protocol.config.data.num_train, protocol.config.train.epochs)
    for line in (*describe(log), *_taken_for_granted(log, asked, protocol)):
        say(line)
    # before anything is made that grows with the number of epochs
    seconds = estimate(trainings(protocol, Wanted((), evaluations_of(placed.quantities), plain_softmax=False)))
    if seconds > LONG and not asked.agreed:
        raise UserError(f"Training will take about {duration(seconds)}: add '--yes' to go on.")

    stacks = trainings(protocol, kept_of(log, placed, protocol))
    kept_at = new_place(mlruns, experiment, asked.output)
    say(f"Training {sum(len(stack.configs) for stack in stacks)} runs, about {duration(seconds)}.")
    study = assess(log, placed, protocol, train(stacks))

    from convsweep.reproduce.which_charts import write_pictures  # with matplotlib

    images = describe_images(dataset)
    note = markdown_report(study, images)
    files = [
        *write_tables(study, kept_at.folder),
        *write_texts({"report.md": note}, kept_at.folder),
        *write_pictures(study, kept_at.folder),
    ]
    say(conclusion(study))
    say(protocol_line(study, images))
    console.print(terminal_table(study))
    for sentence in sentences(study):
        say(sentence)
    say(f"Tables and pictures: {kept_at.folder}")
    params = {"seeds": str(protocol.num_seeds), "data": images}
    found = verdicts(study)
    tell_mlflow(kept_at, dataset, Told("reproduce --log", params, replications(study), note, found, files))
    check(wished, found, dict.fromkeys(dict(wished), "the log"))


def _protocol(log: Log, asked: Asked) -> Protocol:
    axes = [*asked.also]
    overrides: list[str] = []
    for override in asked.overrides:  # `--also KEY=A,B KEY=C,D`: the second is an argument of its own
        (axes if asked.also and "," in override and "[" not in override else overrides).append(override)
    for word in (*overrides, *axes):
        _check_key(word)
    given = _given(overrides)
    own = [] if "data" in given else ["data=mnist"]
    num_train = images_of_an_epoch(log)
    if num_train is not None and "data.num_train" not in given:
        own.append(f"data.num_train={num_train}")
    own += overrides
    if "train.epochs" not in given:  # steps that run on may be of more epochs than the log names
        epochs = place(log, compose_run(own).data.num_train).epochs
        own.append(f"train.epochs={epochs}")
    variants = {name: compose_run([*own, *words]) for name, words in _grid(axes)}
    return Protocol(compose_run(own), asked.num_seeds, printing=asked.printing, variants=variants)


def _given(overrides: Sequence[str]) -> set[str]:
    return {override.partition("=")[0].lstrip("+") for override in overrides}


def _taken_for_granted(log: Log, asked: Asked, protocol: Protocol) -> Iterator[str]:
    """Yield what is taken for granted of images and order, unless the command says it."""
    given, num_train = _given(asked.overrides), protocol.config.data.num_train
    if "data.num_train" not in given:
        why = "the log doesn't say" if images_of_an_epoch(log) is None else "as the log's steps tell"
        yield f"An epoch has {num_train:,} images, {why}; data.num_train=N says otherwise."
    if "data" not in given:
        yield f"They are the first of data={protocol.config.data.name}; data=... says otherwise."


def _check_key(override: str) -> None:
    key = override.partition("=")[0].lstrip("+~")
    if key in NOT_TO_CHOOSE:
        raise UserError(f"'{key}' {NOT_TO_CHOOSE[key]} (got '{override}').")
    if key != "data" and not key.startswith(("data.", "model.", "train.")):
        raise UserError(f"'{key}' is no part of what a program trains: model, train and data are (got '{override}').")


def _grid(axes: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield every combination of the axes' values, with a name in short."""
    for axis in axes:
        if axis.startswith(("data", "train.epochs=")) or "=" not in axis:
            raise UserError(f"'--also' must be KEY=VALUE,VALUE... of model or train, not epochs (got '{axis}').")
    parts = [[(axis.partition("=")[0], value) for value in axis.partition("=")[2].split(",")] for axis in axes]
    for point in itertools.product(*parts) if parts else ():
        name = " ".join(f"{key.rpartition('.')[2]}={value}" for key, value in point)
        yield name, [f"{key}={value}" for key, value in point]
