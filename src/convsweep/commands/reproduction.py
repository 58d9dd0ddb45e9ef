"""What ``convsweep reproduce`` does: train the tutorial's programs, say what came of it, keep it."""

from collections.abc import Sequence
from pathlib import Path

from convsweep.commands.judging import Told, check, expectations, new_place, tell_mlflow, train
from convsweep.config import RunConfig
from convsweep.data import load
from convsweep.errors import UserError
from convsweep.hydra_app.compose import compose_run
from convsweep.records.files import write_texts
from convsweep.reproduce.protocol import RULES, all_trainings
from convsweep.reproduce.replications import replications
from convsweep.reproduce.report import (
    answer,
    foreign_images,
    markdown_report,
    question,
    sentences,
    terminal_table,
    verdicts,
)
from convsweep.reproduce.reproduction import are_the_tutorials, case_of, describe_images, judge_all
from convsweep.reproduce.tables import write_tables
from convsweep.reproduce.which_program import programs_of
from convsweep.reproduce.which_report import terminal_table as programs_terminal_table
from convsweep.reproduce.which_report import verdicts as verdicts_of_programs
from convsweep.terminal import console, say


def reproduce(
    mlruns: Path,
    experiment: str,
    overrides: Sequence[str],
    *,
    num_seeds: int,
    all_programs: bool,
    output: Path | None,
    expected: Sequence[str],
) -> None:
    """Train the tutorial's programs and judge its reported numbers by what their seeds print.

    Args:
        mlruns: Folder of all that was run.
        experiment: The MLflow experiment.
        overrides: Of ``data`` and its keys; ``data=mnist`` if none says another.
        num_seeds: Seeds 0 to this, which is left out.
        all_programs: Whether others than the three gradient rules are judged, too.
        output: Folder for tables and pictures; one below ``mlruns`` if left out.
        expected: ``PROGRAM=VERDICT`` each; of the test loss for the three gradient rules, of all numbers for others.

    Raises:
        UserError: Something asked for makes no sense; data, disk or MLflow fail; a verdict is not the expected one.
    """
    config = _config(overrides)
    case = case_of(config, num_seeds, all_programs=all_programs)
    wished = expectations(expected, [program.name for program in programs_of(case.protocol)])
    stacks, dataset = all_trainings(case), load(config.data)
    if not are_the_tutorials(dataset):
        say(foreign_images(describe_images(dataset)))
    place = new_place(mlruns, experiment, output)
    reproduction = judge_all(case, dataset, train(stacks))

    from convsweep.reproduce.charts import write_pictures  # with matplotlib

    note = markdown_report(reproduction)
    files = [
        *write_tables(reproduction, place.folder),
        *write_texts({"report.md": note}, place.folder),
        *write_pictures(reproduction, place.folder),
    ]
    for line in (question(reproduction), *answer(reproduction)):
        say(line)
    console.print(terminal_table(reproduction))
    console.print(programs_terminal_table(reproduction.programs))
    for sentence in sentences(reproduction):
        say(sentence)
    say(f"Tables and pictures: {place.folder}")
    if not reproduction.tutorials_images:
        say(foreign_images(reproduction.data))
    found = verdicts_of_programs(reproduction.programs) | verdicts(reproduction.comparisons)
    params = {"seeds": str(reproduction.num_seeds), "data": reproduction.data}
    tell_mlflow(place, dataset, Told("reproduce", params, replications(reproduction), note, found, files))
    of_rules = dict.fromkeys(RULES, "the tutorial's test loss")
    check(wished, found, dict.fromkeys(found, "the tutorial's numbers together") | of_rules)


def _config(overrides: Sequence[str]) -> RunConfig:
    for override in overrides:
        key = override.partition("=")[0].lstrip("+~")
        if key != "data" and not key.startswith("data."):
            raise UserError(
                f"'{key}' is the tutorial's to set: reproduce takes data=... and data.key=... (got '{override}')."
            )
    chosen = any(override.startswith("data=") for override in overrides)
    return compose_run(overrides if chosen else ["data=mnist", *overrides])
