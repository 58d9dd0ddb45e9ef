"""08_which_program: how often ``convsweep reproduce --log`` recognises the program that printed a log."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from convsweep.data import load
from convsweep.hydra_app.compose import compose_run
from convsweep.markdown import blocks, image, table
from convsweep.reproduce.likeness import Judge, Likeness, Numbers
from convsweep.reproduce.logs import read_log
from convsweep.reproduce.places import PRINTINGS, PlacedLog, Printing, place, printed_by, wanted
from convsweep.reproduce.programs import Candidate, candidates, with_seed
from convsweep.reproduce.statistics import ALPHA, Floats
from convsweep.reproduce.trainings import all_courses, in_stacks
from convsweep.reproduce.which_program import favoured, numbers
from experiments.harness.study import Facts, Report, Setting, Study, data_fact, read_results, write_results

OVERRIDES = ("data=mnist", "data.num_train=1000", "data.num_valid=10", "train.epochs=3")
SMALL = ("data.num_train=200", "data.num_test=50")
WINDOW = 100
PRINTED: Printing = "before"  # how all logs are printed
PICTURE = "ruled_out.png"


class Case(NamedTuple):
    """How logs come about, and what the judge is told."""

    images: str  # in whose order
    printing: str  # known: the judge is told the printing rule
    logs_a_set: int  # of each program


class Size(NamedTuple):
    """How much is measured."""

    sets: int
    seeds: int  # of a set

    @property
    def all_seeds(self) -> range:
        """The seeds of all sets."""
        return range(self.sets * self.seeds)

    def of_set(self, number: int) -> range:
        """Return the seeds of a set."""
        start = number % self.sets * self.seeds
        return range(start, start + self.seeds)


IN_ORDER, SHUFFLED = "the file's order", "an order of each seed's own"
CASES = (Case(IN_ORDER, "known", 20), Case(IN_ORDER, "unknown", 4), Case(SHUFFLED, "known", 10))
# A set of seeds may happen to lie badly, and then does so for all logs that it judges: sets count for more than logs
SIZE, SMALL_SIZE = Size(10, 20), Size(2, 6)


def _measure(setting: Setting) -> Facts:
    size = SMALL_SIZE if setting.small else SIZE
    rows: list[tuple[object, ...]] = []
    for images in (IN_ORDER, SHUFFLED):
        shuffle = f"train.shuffle={str(images == SHUFFLED).lower()}"
        config = compose_run([*OVERRIDES, shuffle, *(SMALL if setting.small else ()), *setting.overrides])
        num_train, epochs = config.data.num_train, config.train.epochs
        placed = place(read_log(_template(num_train, epochs)), num_train, epochs)
        programs = candidates(config, {})
        samples = _samples(programs, placed, size)
        for case in CASES:
            if case.images == images:
                rows += _judged(case, size, numbers(placed), samples)
    columns = ["images", "printing", "first_seed", "printed_by", "program", "logs", "ruled_out", "likeliest"]
    write_results(pd.DataFrame(rows, columns=columns), setting.folder)
    return Facts(
        data_fact(load(config.data)),
        f"0 to {size.all_seeds[-1]} of each program in {size.sets} sets of {size.seeds}; a set judges logs of the next "
        "set's first seeds, none dropped",
    )


def _samples(programs: Sequence[Candidate], placed: PlacedLog, size: Size) -> dict[tuple[Printing, str], Floats]:
    """Return what each program's seeds print under each printing rule, by rule and name: ``[all seeds, Q]``."""
    kept = wanted(placed, plain_softmax=True)
    configs = [with_seed(program.config, seed) for program in programs for seed in size.all_seeds]
    courses = all_courses(in_stacks(list(dict.fromkeys(configs)), kept))
    return {
        (printing, program.name): printed_by(
            [courses[with_seed(program.config, seed)] for seed in size.all_seeds],
            placed.quantities,
            printing,
            num_train=placed.num_train,
            tests_on_training_images=program.tests_on_training_images,
            loss_factor=program.loss_factor,
        )
        for printing in PRINTINGS
        for program in programs
    }


def _judged(
    case: Case, size: Size, what: Numbers, samples: Mapping[tuple[Printing, str], Floats]
) -> Iterator[tuple[object, ...]]:
    """Yield a row a set of seeds, program that printed logs, and program that is judged."""
    printings = (PRINTED,) if case.printing == "known" else PRINTINGS
    names = [name for printing, name in samples if printing == PRINTED]
    for number in range(size.sets):
        own = list(size.of_set(number))
        judge = Judge(what, {key: sample[own] for key, sample in samples.items() if key[0] in printings})
        for printed_by_name in names:
            logs = samples[PRINTED, printed_by_name][list(size.of_set(number + 1))[: case.logs_a_set]]
            found = [_by_program(judge.likenesses(log), printings, names) for log in _rounded(logs, what)]
            for name in names:
                ruled_out = sum(of_log[name].p <= ALPHA for of_log in found)
                likeliest = sum(_likeliest(of_log) == name for of_log in found)
                yield case.images, case.printing, own[0], printed_by_name, name, len(found), ruled_out, likeliest


def _by_program(
    found: Mapping[tuple[Printing, str], Likeness], printings: Sequence[Printing], names: Sequence[str]
) -> dict[str, Likeness]:
    """Return each program's likeness under the printing rule that favours it."""
    return {name: found[favoured(found, printings, name), name] for name in names}


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


def _rounded(logs: Floats, what: Numbers) -> Floats:
    """Return what a program prints of runs, rounded to the template's digits."""
    unit = 2 * what.half
    rounded: Floats = np.round(logs / unit) * unit
    return rounded


def _read(folder: Path) -> pd.DataFrame:
    """Return the record; counts are measured, and so are floats."""
    return read_results(folder).astype({"ruled_out": float, "likeliest": float})


def _report(record: pd.DataFrame) -> Report:
    known = _rows(record, CASES[0])
    names, num_logs = _names(known), _num_logs(known)
    shares, likeliest = _square(known, "ruled_out") / num_logs, _square(known, "likeliest") / num_logs
    others = shares[~np.eye(len(names), dtype=bool)]
    matrix = [
        [f"{row + 1} `{name}`", *(f"{100 * share:.0f}" for share in shares[row]), f"{100 * likeliest[row, row]:.0f}"]
        for row, name in enumerate(names)
    ]
    calibration = [[case.images, case.printing, *_calibration(_rows(record, case))] for case in CASES]
    measured = blocks(
        "How often a program's own log is called inconsistent, which is to be at most 5%. A set of seeds judges logs "
        "of all programs, and may happen to lie badly for many: the standard error is that between sets.",
        table(
            [
                "images in",
                "printing rule",
                "logs",
                "called inconsistent",
                "standard error",
                "most often",
                "of its logs",
            ],
            calibration,
        ),
        f"With images in {IN_ORDER} and a known printing rule: a row holds {num_logs} logs that one program printed, a "
        "column how many percent of them rule a program out. The diagonal is to be at most 5; everything else is the "
        "better the nearer to 100. The last column is how many percent of a program's logs make it the likeliest.",
        table(["printed by", *map(str, range(1, len(names) + 1)), "likeliest"], matrix),
        image("How often each program is ruled out, by the program that printed the log", PICTURE),
    )
    answers = [
        f"{share} (standard error {error}) with images in {images}, printing rule {printing}"
        for images, printing, _, share, error, *_ in calibration
    ]
    answer = (
        f"A program's own log is called inconsistent in {'; '.join(answers)}. The other programs are ruled out by "
        f"{others.mean():.1%} of the logs: of the {len(others)} pairs, {int((others > 0.95).sum())} are told apart by "
        f"more than 95% of the logs, {int((others < 0.2).sum())} by less than 20%."
    )
    return Report(measured, answer)


def _calibration(rows: pd.DataFrame) -> list[str]:
    """Return the number of logs, how many are refused by their own program, its error, and whose most often."""
    own = rows[rows["printed_by"] == rows["program"]]
    of_sets = own.groupby("first_seed")[["ruled_out", "logs"]].sum()
    of_set = of_sets["ruled_out"] / of_sets["logs"]
    of_programs = own.groupby("program")[["ruled_out", "logs"]].sum()
    of_program = of_programs["ruled_out"] / of_programs["logs"]
    worst = str(of_program.idxmax())
    error = of_set.std(ddof=1) / np.sqrt(len(of_set))
    return [f"{own['logs'].sum():,}", f"{of_set.mean():.1%}", f"{error:.1%}", f"`{worst}`", f"{of_program.max():.1%}"]


def _rows(record: pd.DataFrame, case: Case) -> pd.DataFrame:
    return record[(record["images"] == case.images) & (record["printing"] == case.printing)]


def _names(rows: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(rows["program"]))


def _square(rows: pd.DataFrame, column: str) -> Floats:
    """Return counts by the program that printed the log and the program that is judged."""
    number = len(_names(rows))
    counts: Floats = rows[column].to_numpy(dtype=float).reshape(-1, number, number).sum(axis=0)
    return counts


def _num_logs(rows: pd.DataFrame) -> int:
    """Return how many logs each program printed."""
    return int(rows.drop_duplicates("first_seed")["logs"].sum())


def _draw(record: pd.DataFrame) -> Mapping[str, Figure]:
    known = _rows(record, CASES[0])
    names = _names(known)
    shares = _square(known, "ruled_out") / _num_logs(known)
    figure = Figure(figsize=(12, 11), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(*shares.shape):
        share = shares[row, column]
        axes.text(
            column,
            row,
            f"{100 * share:.0f}",
            ha="center",
            va="center",
            color="white" if share > 0.6 else "black",
            size=8,
        )
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set(
        xlabel="program that is ruled out",
        ylabel="program that printed the log",
        title="How many percent of a program's logs rule out each program",
    )
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
