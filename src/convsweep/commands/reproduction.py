"""What ``convsweep reproduce`` does: run all seeds under all gradient rules, say what came of it, keep it."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import get_args

from rich.progress import track

from convsweep.data import Dataset
from convsweep.errors import UserError
from convsweep.hydra_app.compose import compose_run
from convsweep.nn.network import Gradient
from convsweep.records.files import writing
from convsweep.records.identity import code_digest
from convsweep.reproduce.parallel import RULES, run_all, tasks
from convsweep.reproduce.protocol import Outcome
from convsweep.reproduce.replications import replications
from convsweep.reproduce.report import (
    foreign_images,
    markdown_report,
    question,
    sentences,
    terminal_table,
    verdicts,
    write_report,
)
from convsweep.reproduce.reproduction import Reproduction, are_the_tutorials, assess, describe_images, load_images
from convsweep.reproduce.statistics import Verdict
from convsweep.reproduce.tables import write_tables
from convsweep.terminal import console, say

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


def reproduce(
    mlruns: Path,
    experiment: str,
    overrides: Sequence[str],
    *,
    num_seeds: int,
    output: Path | None,
    expected: Sequence[str],
) -> None:
    """Run the tutorial's experiments under every gradient rule and judge its reported numbers by them.

    Args:
        mlruns: Folder of all that was run.
        experiment: The MLflow experiment.
        overrides: Of ``data`` and its keys; ``data=mnist`` if none says another.
        num_seeds: Seeds 0 to this, which is left out.
        output: Folder for tables and pictures; one below ``mlruns`` if left out.
        expected: ``RULE=VERDICT`` each, of the primary quantity.

    Raises:
        UserError: Something asked for makes no sense; data, disk or MLflow fail; a verdict is not the expected one.
    """
    if num_seeds < 2:
        raise UserError(f"'--seeds' must be >= 2 (got {num_seeds}).")
    expectations = [_expectation(text) for text in expected]
    dataset = _load(overrides)
    if not are_the_tutorials(dataset):
        say(foreign_images(describe_images(dataset)))

    study_id = datetime.now().strftime("%Y-%m-%d_%H-%M-%S.%f")  # noqa: DTZ005 - local time, as sweeps' folders have it
    output = output or mlruns / "studies" / study_id
    with writing(output):
        output.mkdir(parents=True, exist_ok=True)
    with closing(_outcomes(dataset, num_seeds)) as outcomes:  # closed early, it ends the processes
        reproduction = assess(dataset, num_seeds, outcomes)

    from convsweep.reproduce.charts import write_pictures  # with matplotlib

    files = [
        *write_tables(reproduction, output),
        write_report(reproduction, output),
        *write_pictures(reproduction, output),
    ]
    say(question(reproduction))
    console.print(terminal_table(reproduction))
    for sentence in sentences(reproduction):
        say(sentence)
    say(f"Tables and pictures: {output}")
    if not reproduction.tutorials_images:
        say(foreign_images(reproduction.data))
    _tell_mlflow(reproduction, dataset.digest, files, study_id=study_id, mlruns=mlruns, experiment=experiment)
    _check(expectations, verdicts(reproduction.comparisons))


def _tell_mlflow(
    reproduction: Reproduction, data_digest: str, files: Sequence[Path], *, study_id: str, mlruns: Path, experiment: str
) -> None:
    """Show a run a seed and rule in MLflow, under a parent that holds the verdicts and files."""
    # takes two seconds to import: not before all is there that MLflow could keep anybody from
    from convsweep.tracking.store import connect
    from convsweep.tracking.study import open_study

    params = {"seeds": str(reproduction.num_seeds), "data": reproduction.data}
    with open_study(connect(mlruns, experiment), study_id, "reproduce", params) as tracked:
        for replication in replications(reproduction):
            tracked.log_replication(*replication)
        found = verdicts(reproduction.comparisons)
        tags = {f"convsweep.verdict.{rule}": verdict for rule, verdict in found.items()}
        identity = {"convsweep.data_digest": data_digest, "convsweep.code_digest": code_digest()}
        tracked.log_report(markdown_report(reproduction), tags | identity, files)


def _expectation(text: str) -> tuple[Gradient, Verdict]:
    rule, _, verdict = text.partition("=")
    known_rule = next((known for known in RULES if known == rule), None)
    known_verdict = next((known for known in VERDICTS if known == verdict), None)
    if known_rule is None or known_verdict is None:
        raise UserError(
            f"'--expect' must be RULE=VERDICT, of {', '.join(RULES)} and {', '.join(VERDICTS)} (got '{text}')."
        )
    return known_rule, known_verdict


def _load(overrides: Sequence[str]) -> Dataset:
    for override in overrides:
        key = override.partition("=")[0].lstrip("+~")
        if key != "data" and not key.startswith("data."):
            raise UserError(
                f"'{key}' is the tutorial's to set: reproduce takes data=... and data.key=... (got '{override}')."
            )
    chosen = any(override.startswith("data=") for override in overrides)
    return load_images(compose_run(overrides if chosen else ["data=mnist", *overrides]).data)


def _outcomes(dataset: Dataset, num_seeds: int) -> Generator[Outcome]:
    """Run everything; with a progress bar if there is a terminal."""
    stacks = tasks(num_seeds)
    with closing(run_all(stacks, dataset.splits)) as outcomes:
        yield from track(
            outcomes,
            f"{num_seeds} seeds, {len(RULES)} gradient rules",
            total=len(stacks),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )


def _check(expectations: Sequence[tuple[Gradient, Verdict]], found: Mapping[Gradient, Verdict]) -> None:
    failed = [
        f"expected the tutorial's test loss to be {verdict} with {rule} (got {found[rule]})."
        for rule, verdict in expectations
        if found[rule] != verdict
    ]
    if failed:
        raise UserError("\n".join(failed))
