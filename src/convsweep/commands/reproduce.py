"""``convsweep reproduce``: run the study, say what came of it, keep it."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import get_args

from rich.progress import track

from convsweep.data import Dataset, load
from convsweep.errors import UserError
from convsweep.hydra_app.compose import compose_run
from convsweep.nn.network import Gradient
from convsweep.records.identity import code_digest
from convsweep.records.journal import writing
from convsweep.reproduce.parallel import RULES, run_all, tasks
from convsweep.reproduce.replications import replications
from convsweep.reproduce.report import (
    Study,
    describe,
    foreign_images,
    markdown,
    question,
    sentences,
    table,
    verdicts,
    write_files,
)
from convsweep.reproduce.reported import reported_numbers
from convsweep.reproduce.statistics import Verdict
from convsweep.reproduce.study import LONG_WINDOW, SHORT_WINDOW, Divergence, Measurement
from convsweep.reproduce.verdicts import by_place, compare, correlations
from convsweep.terminal import console

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
    if not _are_the_tutorials(dataset):
        console.print(foreign_images(describe(dataset)), soft_wrap=True)

    # both take a second or two to import: not before the above is checked
    from convsweep.tracking.store import connect
    from convsweep.tracking.study import open_study

    study_id = datetime.now().strftime("%Y-%m-%d_%H-%M-%S.%f")  # noqa: DTZ005 - local time, as sweeps' folders have it
    store = connect(mlruns, experiment)
    output = output or mlruns / "studies" / study_id
    with writing(output):
        output.mkdir(parents=True, exist_ok=True)
    params = {"seeds": str(num_seeds), "data": describe(dataset)}
    with open_study(store, study_id, "reproduce", params) as tracked:
        study = _run(dataset, num_seeds)
        files = write_files(study, output, num_test=len(dataset.splits.test.labels)) + _draw(study, output)
        console.print(question(study), soft_wrap=True)
        console.print(table(study))
        for sentence in sentences(study):
            console.print(sentence, markup=False, soft_wrap=True)
        for replication in replications(study, num_train=len(dataset.splits.train.labels)):
            tracked.log_replication(*replication)
        tags = {f"convsweep.verdict.{rule}": verdict for rule, verdict in verdicts(study.comparisons).items()}
        identity = {"convsweep.data_digest": dataset.digest, "convsweep.code_digest": code_digest()}
        tracked.log_report(markdown(study), tags | identity, files)
    console.print(f"Tables and pictures: {output}", markup=False, soft_wrap=True)
    if not study.tutorials_images:
        console.print(foreign_images(study.data), soft_wrap=True)
    _check(expectations, verdicts(study.comparisons))


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
    data = compose_run(overrides if chosen else ["data=mnist", *overrides]).data
    for key, number, least in (("num_train", data.num_train, LONG_WINDOW), ("num_test", data.num_test, SHORT_WINDOW)):
        if number < least:
            raise UserError(f"'data.{key}' must be >= {least}, the images of one printed line (got {number}).")
    return load(data)


def _run(dataset: Dataset, num_seeds: int) -> Study:
    """Run everything and judge it; with bars if there is a terminal."""
    measurements: list[Measurement] = []
    divergences: list[Divergence] = []
    stacks = tasks(num_seeds)
    with closing(run_all(stacks, dataset.splits)) as outcomes:  # closed early, it ends the processes
        for outcome in track(
            outcomes,
            f"{num_seeds} seeds, {len(RULES)} gradient rules",
            total=len(stacks),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        ):
            measurements += outcome.measurements
            divergences += outcome.divergences
    reported, ours = reported_numbers(), by_place(measurements)
    return Study(
        data=describe(dataset),
        tutorials_images=_are_the_tutorials(dataset),
        num_seeds=num_seeds,
        reported=reported,
        measurements=measurements,
        divergences=divergences,
        comparisons=compare(reported, ours),
        correlations=correlations(reported, ours),
    )


def _are_the_tutorials(dataset: Dataset) -> bool:
    """Return whether these are the images that the tutorial trains and tests on."""
    splits = dataset.splits
    return (dataset.name, len(splits.train.labels), len(splits.test.labels)) == ("mnist", 5000, 400)


def _draw(study: Study, output: Path) -> list[Path]:
    """Write the pictures; return their paths."""
    from convsweep.reproduce.charts import draw_all

    paths = []
    with writing(output):
        figures = draw_all(study.reported, by_place(study.measurements), f"{study.num_seeds} seeds, {study.data}")
        for name, figure in figures.items():
            paths.append(output / f"{name}.png")
            figure.savefig(paths[-1], dpi=110)
    return paths


def _check(expectations: Sequence[tuple[Gradient, Verdict]], found: Mapping[Gradient, Verdict]) -> None:
    failed = [
        f"expected the tutorial's test loss to be {verdict} with {rule} (got {found[rule]})."
        for rule, verdict in expectations
        if found[rule] != verdict
    ]
    if failed:
        raise UserError("\n".join(failed))
