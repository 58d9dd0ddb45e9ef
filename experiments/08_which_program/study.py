"""08_which_program: how often ``convsweep reproduce --log`` recognises the program that printed a log."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from convsweep.data import load
from convsweep.hydra_app.compose import compose_run
from convsweep.markdown import blocks, image, table
from convsweep.reproduce.courses import Course
from convsweep.reproduce.likeness import Likeness, Rounding, likenesses
from convsweep.reproduce.logs import read_log
from convsweep.reproduce.places import PlacedLog, place, printed_by, wanted
from convsweep.reproduce.programs import Candidate, candidates, with_seed
from convsweep.reproduce.statistics import ALPHA, Floats
from convsweep.reproduce.trainings import all_courses, in_stacks
from experiments.harness.study import Facts, Report, Setting, Study, data_fact, read_results, write_results

OVERRIDES = ("data=mnist", "data.num_train=1000", "data.num_valid=10", "train.epochs=3", "train.shuffle=false")
SMALL = ("data.num_train=200", "data.num_test=50")
SEEDS = 20  # that judge a log
SETS, LOGS_A_SET = 10, 20  # another set of seeds judges other logs: one set may happen to lie badly
SMALL_SETS, SMALL_LOGS = 2, 2
FIRST_HELD_OUT = 1000  # seeds of the logs, never used by the programs that judge them
WINDOW = 100
PICTURE = "ruled_out.png"


def _measure(setting: Setting) -> Facts:
    config = compose_run([*OVERRIDES, *(SMALL if setting.small else ()), *setting.overrides])
    num_train, epochs = config.data.num_train, config.train.epochs
    num_sets, num_logs = (SMALL_SETS, SMALL_LOGS) if setting.small else (SETS, LOGS_A_SET)
    placed = place(read_log(_template(num_train, epochs)), num_train, epochs)
    kept = wanted(placed, plain_softmax=True)
    programs, seeds = candidates(config, {}), range(num_sets * SEEDS)
    held_out = range(FIRST_HELD_OUT, FIRST_HELD_OUT + num_sets * num_logs)
    configs = [with_seed(program.config, seed) for program in programs for seed in (*seeds, *held_out)]
    courses = all_courses(in_stacks(list(dict.fromkeys(configs)), kept))

    def printed(program: Candidate, chosen: range) -> Floats:
        of_seeds: list[Course] = [courses[with_seed(program.config, seed)] for seed in chosen]
        return printed_by(
            of_seeds,
            placed.quantities,
            "before",
            num_train=num_train,
            tests_on_training_images=program.tests_on_training_images,
            loss_factor=program.loss_factor,
        )

    rows = []
    for number in range(num_sets):
        own_seeds = seeds[number * SEEDS : (number + 1) * SEEDS]
        own_logs = held_out[number * num_logs : (number + 1) * num_logs]
        samples = {program.name: printed(program, own_seeds) for program in programs}
        for program in programs:
            found = [likenesses(_rounded(log, placed), samples) for log in printed(program, own_logs)]
            for name in samples:
                ruled_out = sum(of_log[name].p <= ALPHA for of_log in found)
                likeliest = sum(_likeliest(of_log) == name for of_log in found)
                rows.append((own_seeds[0], program.name, name, num_logs, ruled_out, likeliest))
    columns = ["first_seed", "printed_by", "program", "logs", "ruled_out", "likeliest"]
    write_results(pd.DataFrame(rows, columns=columns), setting.folder)
    return Facts(
        data_fact(load(config.data)),
        f"0 to {seeds[-1]} of each program in {num_sets} sets of {SEEDS}; each set judges {num_logs} logs of each "
        f"program, of seeds {held_out[0]} to {held_out[-1]}, none dropped",
    )


def _likeliest(found: Mapping[str, Likeness]) -> str:
    return max(found, key=lambda name: found[name].log_density)


def _template(num_train: int, epochs: int) -> str:
    """Return a log with every number that is printed, of which the places and digits are used alone."""
    steps = [
        f"epoch {epoch} step {step} loss 1.000 accuracy 0.50"
        for epoch in range(1, epochs + 1)
        for step in range(WINDOW, num_train + 1, WINDOW)
    ]
    return "\n".join([*steps, "Test loss: 1.0000 Test accuracy: 0.5000"])


def _rounded(log: Floats, placed: PlacedLog) -> Rounding:
    """Return what a program prints of a run, rounded to the template's digits."""
    half = np.array([printed.half for printed in placed.printed])
    are_losses = np.array([quantity.metric == "loss" for quantity in placed.quantities])
    return Rounding(np.round(log / (2 * half)) * 2 * half, half, are_losses)


def _read(folder: Path) -> pd.DataFrame:
    """Return the record; counts are measured, and so are floats."""
    return read_results(folder).astype({"ruled_out": float, "likeliest": float})


def _report(record: pd.DataFrame) -> Report:
    names, num_logs = list(dict.fromkeys(record["program"])), _num_logs(record)
    of_set = [
        np.diag(_square(rows, "ruled_out")).sum() / (len(names) * _num_logs(rows))
        for _, rows in record.groupby("first_seed")
    ]
    ruled_out, likeliest = _square(record, "ruled_out"), _square(record, "likeliest")
    shares, own = ruled_out / num_logs, np.diag(ruled_out)
    others = shares[~np.eye(len(names), dtype=bool)]
    worst = int(own.argmax())
    rows = [
        [f"`{name}`", *(f"{100 * share:.0f}" for share in shares[row]), f"{100 * likeliest[row, row] / num_logs:.0f}"]
        for row, name in enumerate(names)
    ]
    measured = blocks(
        f"A row holds {num_logs} logs that one program printed, a column how many percent of them rule a program out. "
        "The diagonal is to be at most 5; everything else is the better the nearer to 100. The last column is how many "
        "percent of a program's logs make it the likeliest. The printing rule is taken as known.",
        table(["printed by", *(f"`{name}`" for name in names), "likeliest"], rows),
        image("How often each program is ruled out, by the program that printed the log", PICTURE),
    )
    refused, logs = int(own.sum()), num_logs * len(names)
    answer = (
        f"A program's own log is called inconsistent in {refused:,} of {logs:,} cases ({refused / logs:.1%}; most "
        f"often of `{names[worst]}`, {shares[worst, worst]:.1%}; "
        f"by set of seeds {min(of_set):.1%} to {max(of_set):.1%}). "
        f"The other programs are ruled out by {others.mean():.0%} of the logs: of the {len(others)} pairs, "
        f"{int((others > 0.95).sum())} are told apart by more than 95% of the logs, "
        f"{int((others < 0.2).sum())} by less than 20%."
    )
    return Report(measured, answer)


def _square(record: pd.DataFrame, column: str) -> Floats:
    """Return counts by the program that printed the log and the program that is judged."""
    number = record["program"].nunique()
    counts: Floats = record[column].to_numpy(dtype=float).reshape(-1, number, number).sum(axis=0)
    return counts


def _num_logs(record: pd.DataFrame) -> int:
    """Return how many logs each program printed."""
    return int(record.drop_duplicates("first_seed")["logs"].sum())


def _draw(record: pd.DataFrame) -> Mapping[str, Figure]:
    names = list(dict.fromkeys(record["program"]))
    shares = _square(record, "ruled_out") / _num_logs(record)
    figure = Figure(figsize=(8, 6.6), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(*shares.shape):
        share = shares[row, column]
        axes.text(
            column, row, f"{share:.0%}", ha="center", va="center", color="white" if share > 0.6 else "black", size=8
        )
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="program that is ruled out", ylabel="program that printed the log")
    return {PICTURE: figure}


STUDY = Study(
    title="Which program printed this log?",
    question="How often is the program that printed a log recognised, and how often are others ruled out?",
    expected="A program's own log is ruled out in at most 5% of cases. Large mistakes are told from all else by nearly "
    "every log; who receives pooling's gradient is hard to tell from one log of this length.",
    measure=_measure,
    report=_report,
    draw=_draw,
    read=_read,
)
