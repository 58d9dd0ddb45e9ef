"""What ``convsweep reproduce --log FILE`` does: read the log, train every program, say which may have printed it."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, get_args

from rich.progress import track

from convsweep.config import RunConfig
from convsweep.data import Dataset, load
from convsweep.errors import UserError
from convsweep.hydra_app.compose import compose_run
from convsweep.records.files import writing
from convsweep.records.identity import code_digest
from convsweep.reproduce.courses import Course
from convsweep.reproduce.log_description import describe
from convsweep.reproduce.log_text import read_text
from convsweep.reproduce.logs import Log, read_log
from convsweep.reproduce.places import Printing, images_of_an_epoch, place, wanted
from convsweep.reproduce.programs import candidates
from convsweep.reproduce.reproduction import describe_images
from convsweep.reproduce.statistics import Verdict
from convsweep.reproduce.trainings import estimate, train_all
from convsweep.reproduce.which_program import Protocol, Study, assess, trainings
from convsweep.reproduce.which_replications import replications
from convsweep.reproduce.which_report import (
    markdown_report,
    protocol_line,
    sentences,
    terminal_table,
    verdicts,
    write_report,
)
from convsweep.reproduce.which_tables import write_tables
from convsweep.terminal import console, say

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
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
    """Say which program printed a log.

    Args:
        mlruns: Folder of all that was run.
        experiment: The MLflow experiment.
        asked: The rest of the command line.

    Raises:
        UserError: Something asked for makes no sense; data, disk or MLflow fail; a verdict is not the expected one.
    """
    log = read_log(read_text(asked.log))
    protocol = _protocol(log, asked)
    expectations = _expectations(asked.expected, protocol)
    dataset = load(protocol.config.data)
    placed = place(log, protocol.config.data.num_train, protocol.config.train.epochs)
    stacks = trainings(protocol, wanted(placed, plain_softmax=log.diverged))
    for line in describe(log):
        say(line)
    seconds = estimate(stacks)
    if seconds > LONG and not asked.agreed:
        raise UserError(f"Training will take about {seconds / 60:.0f} minutes: add '--yes' to go on.")

    study_id = datetime.now().strftime("%Y-%m-%d_%H-%M-%S.%f")  # noqa: DTZ005 - local time, as sweeps' folders have it
    output = asked.output or mlruns / "studies" / study_id
    with writing(output):
        output.mkdir(parents=True, exist_ok=True)
    say(f"Training {sum(len(stack.configs) for stack in stacks)} runs, about {max(seconds, 1):.0f} s.")
    courses: dict[RunConfig, Course] = {}
    with closing(train_all(stacks)) as outcomes:  # closed early, it ends the processes
        for outcome in track(
            outcomes, "programs", total=len(stacks), console=console, transient=True, disable=not console.is_terminal
        ):
            courses |= outcome
    study = assess(log, placed, protocol, courses)

    from convsweep.reproduce.which_charts import write_pictures  # with matplotlib

    images = describe_images(dataset)
    files = [*write_tables(study, output), write_report(study, images, output), *write_pictures(study, output)]
    say(protocol_line(study, images))
    console.print(terminal_table(study))
    for sentence in sentences(study):
        say(sentence)
    say(f"Tables and pictures: {output}")
    _tell_mlflow(study, dataset, files, study_id=study_id, mlruns=mlruns, experiment=experiment)
    _check(expectations, verdicts(study))


def _protocol(log: Log, asked: Asked) -> Protocol:
    axes = [*asked.also]
    overrides: list[str] = []
    for override in asked.overrides:  # `--also KEY=A,B KEY=C,D`: the second is an argument of its own
        (axes if asked.also and "," in override and "[" not in override else overrides).append(override)
    for word in (*overrides, *axes):
        _check_key(word)
    inferred = [f"train.epochs={log.epochs}"]
    num_train = images_of_an_epoch(log)
    if num_train is not None:
        inferred.append(f"data.num_train={num_train}")
    given = {override.partition("=")[0].lstrip("+") for override in overrides}
    chosen = [] if "data" in given else ["data=mnist"]
    own = [*chosen, *(word for word in inferred if word.partition("=")[0] not in given), *overrides]
    variants = {name: compose_run([*own, *words]) for name, words in _grid(axes)}
    return Protocol(compose_run(own), asked.num_seeds, printing=asked.printing, variants=variants)


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


def _expectations(texts: Sequence[str], protocol: Protocol) -> list[tuple[str, Verdict]]:
    names = [candidate.name for candidate in candidates(protocol.config, protocol.variants)]
    expectations = []
    for text in texts:
        name, _, verdict = text.rpartition("=")
        known = next((known for known in VERDICTS if known == verdict), None)
        if name not in names or known is None:
            raise UserError(
                f"'--expect' must be PROGRAM=VERDICT, of {', '.join(names)} and {', '.join(VERDICTS)} (got '{text}')."
            )
        expectations.append((name, known))
    return expectations


def _tell_mlflow(
    study: Study, dataset: Dataset, files: Sequence[Path], *, study_id: str, mlruns: Path, experiment: str
) -> None:
    """Show a run a seed and program in MLflow, under a parent that holds the verdicts and files."""
    # takes two seconds to import: not before all is there that MLflow could keep anybody from
    from convsweep.tracking.store import connect
    from convsweep.tracking.study import open_study

    images = describe_images(dataset)
    params = {"seeds": str(study.protocol.num_seeds), "data": images}
    with open_study(connect(mlruns, experiment), study_id, "reproduce --log", params) as tracked:
        for replication in replications(study):
            tracked.log_replication(*replication)
        tags = {f"convsweep.verdict.{name}": verdict for name, verdict in _tag_names(verdicts(study)).items()}
        identity = {"convsweep.data_digest": dataset.digest, "convsweep.code_digest": code_digest()}
        tracked.log_report(markdown_report(study, images), tags | identity, files)


def _tag_names(found: Mapping[str, Verdict]) -> dict[str, Verdict]:
    """Return verdicts by names that MLflow takes for tags: it refuses ``=``."""
    return {name.replace("=", "_"): verdict for name, verdict in found.items()}


def _check(expectations: Sequence[tuple[str, Verdict]], found: Mapping[str, Verdict]) -> None:
    failed = [
        f"expected the log to be {verdict} with {name} (got {found[name]})."
        for name, verdict in expectations
        if found[name] != verdict
    ]
    if failed:
        raise UserError("\n".join(failed))
