"""08_which_program: how often ``convsweep reproduce --log`` recognises the program that printed a log, or none."""

import math
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
from convsweep.reproduce.trainings import Training, all_courses, in_stacks
from convsweep.reproduce.which_program import favoured, numbers
from experiments.harness.study import Facts, Report, Setting, Study, data_fact, read_results, write_results

OVERRIDES = ("data=mnist", "data.num_train=1000", "data.num_valid=10", "train.epochs=3")
SMALL = ("data.num_train=200", "data.num_test=50")
WINDOW = 100
PRINTED: Printing = "before"  # how all logs are printed
PICTURE = "ruled_out.png"


class Unlisted(NamedTuple):
    """A program that is in no list."""

    name: str
    overrides: tuple[str, ...] = ()
    epochs_before: int = 0  # trained, and not printed: as when a notebook's cell runs again
    loss_factor: float = 1.0


UNLISTED = (
    Unlisted("run again after 1 epoch", epochs_before=1),
    Unlisted("run again after 3 epochs", epochs_before=3),
    Unlisted("run again after 10 epochs", epochs_before=10),
    Unlisted("last_class, run again after 3 epochs", ("train.gradient=last_class",), epochs_before=3),
    Unlisted("2 filters", ("model.num_filters=2",)),
    Unlisted("4 filters", ("model.num_filters=4",)),
    Unlisted("16 filters", ("model.num_filters=16",)),
    Unlisted("32 filters", ("model.num_filters=32",)),
    Unlisted("learning rate 0.001", ("train.learning_rate=0.001",)),
    Unlisted("learning rate 0.002", ("train.learning_rate=0.002",)),
    Unlisted("learning rate 0.01", ("train.learning_rate=0.01",)),
    Unlisted("learning rate 0.02", ("train.learning_rate=0.02",)),
    Unlisted("initial values times 3", ("model.init_scale=3.0",)),
    Unlisted("dense layer frozen", ("train.frozen=[dense]",)),
    Unlisted("filters frozen, pixels from 0 to 1", ("train.frozen=[conv]", "data.pixels=unit")),
    Unlisted("last_class, average_gradient", ("train.gradient=last_class", "train.ties=average")),
    Unlisted("last_class, filters_undivided", ("train.gradient=last_class", "model.undivided=[conv]")),
    Unlisted("without_log, pixels from 0 to 1", ("train.gradient=without_log", "data.pixels=unit")),
    Unlisted("losses in bits", loss_factor=1 / math.log(2)),
    Unlisted("half of the losses", loss_factor=0.5),
)
ALL = "all"  # a row's program: all that are judged, together


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
UNLISTED_CASES = [case for case in CASES if case.images == IN_ORDER]
COUNTED = ("outside", "none")
# A set of seeds may happen to lie badly, and then does so for all logs that it judges: sets count for more than logs
SIZE, SMALL_SIZE = Size(10, 20), Size(2, 6)


def _measure(setting: Setting) -> Facts:
    size = SMALL_SIZE if setting.small else SIZE
    rows: list[tuple[object, ...]] = []
    for images in (IN_ORDER, SHUFFLED):
        shuffle = f"train.shuffle={str(images == SHUFFLED).lower()}"
        overrides = (*OVERRIDES, shuffle, *(SMALL if setting.small else ()), *setting.overrides)
        config = compose_run(overrides)
        num_train, epochs = config.data.num_train, config.train.epochs
        placed = place(read_log(_template(num_train, epochs)), num_train, epochs)
        programs = candidates(config, {})
        samples = _samples(programs, placed, size)
        unlisted = _unlisted_logs(overrides, placed, size) if images == IN_ORDER else {}
        for case in CASES:
            if case.images == images:
                rows += _judged(case, size, numbers(placed), samples, unlisted)
    columns = ["images", "printing", "first_seed", "printed_by", "program", "logs", "ruled_out", "outside", "likeliest"]
    write_results(pd.DataFrame(rows, columns=columns), setting.folder)
    return Facts(
        data_fact(load(config.data)),
        f"0 to {size.all_seeds[-1]} of each program in {size.sets} sets of {size.seeds}; a set judges logs of the next "
        "set's first seeds, of programs in no list of its first alone; none dropped",
    )


def _unlisted_logs(overrides: Sequence[str], placed: PlacedLog, size: Size) -> dict[str, Floats]:
    """Return what programs that are in no list print, by name: ``[sets, Q]``, a run of each set's first seed."""
    stacks: list[Training] = []
    printed = []
    for program in UNLISTED:
        epochs = placed.epochs + program.epochs_before
        config = compose_run([*overrides, f"train.epochs={epochs}", *program.overrides])
        quantities = tuple(
            quantity._replace(place=quantity.place._replace(epoch=quantity.place.epoch + program.epochs_before))
            for quantity in placed.quantities
        )
        configs = [with_seed(config, size.of_set(number)[0]) for number in range(size.sets)]
        stacks += in_stacks(configs, wanted(placed._replace(quantities=quantities, epochs=epochs), plain_softmax=True))
        printed.append((configs, quantities))
    courses = all_courses(stacks)
    return {
        program.name: printed_by(
            [courses[config] for config in configs],
            quantities,
            PRINTED,
            num_train=placed.num_train,
            tests_on_training_images=False,
            loss_factor=program.loss_factor,
        )
        for program, (configs, quantities) in zip(UNLISTED, printed, strict=True)
    }


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
    case: Case,
    size: Size,
    what: Numbers,
    samples: Mapping[tuple[Printing, str], Floats],
    unlisted: Mapping[str, Floats],
) -> Iterator[tuple[object, ...]]:
    """Yield a row a set of seeds, program that printed logs, and program that is judged; of unlisted programs one."""
    nearest_outside = 1 / (size.seeds + 1)  # p of a log that is farther off than all seeds, by rank
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
                outside = sum(of_log[name].p_own <= nearest_outside for of_log in found)
                likeliest = sum(_likeliest(of_log) == name for of_log in found)
                first = (case.images, case.printing, own[0], printed_by_name, name)
                yield *first, len(found), ruled_out, outside, likeliest
        for printed_by_name, logs in unlisted.items():
            (log,) = _rounded(logs[[(number + 1) % size.sets]], what)
            of_log = _by_program(judge.likenesses(log), printings, names)
            none = all(likeness.p <= ALPHA for likeness in of_log.values())
            outside_all = all(likeness.p_own <= nearest_outside for likeness in of_log.values())
            yield case.images, case.printing, own[0], printed_by_name, ALL, 1, int(none), int(outside_all), 0


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
    return read_results(folder).astype({"ruled_out": float, "outside": float, "likeliest": float})


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
        "How often a program's own log is called inconsistent, which is to be at most 5%. That has to be measured: "
        "ranks over pairs, each of which leaves a seed out, guarantee twice their level only (jackknife+; Barber, "
        "Candes, Ramdas and Tibshirani 2021). A set of seeds judges logs of all programs, and may happen to lie badly "
        "for many: the standard error is that between sets.",
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
        f"Logs of {len(UNLISTED)} programs that are in no list, with images in {IN_ORDER}. Outside: the log lies "
        "farther from every listed program's seeds than any of these from the others. None: the answer is that none of "
        "the listed programs can have printed it.",
        table(
            ["printed by", "logs", *(f"{what}, rule {case.printing}" for case in UNLISTED_CASES for what in COUNTED)],
            _of_unlisted(record),
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
        f"more than 95% of the logs, {int((others < 0.2).sum())} by less than 20%. {' '.join(_none_of_these(record))}"
    )
    return Report(measured, answer)


def _of_unlisted(record: pd.DataFrame) -> list[list[object]]:
    """Return a row for each program that is in no list: its logs, and under each case those outside and of none."""
    rows = []
    for name in dict.fromkeys(record[record["program"] == ALL]["printed_by"]):
        of_cases = [_unlisted(record, case, name) for case in UNLISTED_CASES]
        counts = [int(of_case[column].sum()) for of_case in of_cases for column in ("outside", "ruled_out")]
        rows.append([name, len(of_cases[0]), *counts])
    return rows


def _none_of_these(record: pd.DataFrame) -> Iterator[str]:
    """Yield a sentence a case: how many logs of programs in no list are told to be of none."""
    for case in UNLISTED_CASES:
        rows = _unlisted(record, case)
        outside = rows[rows["outside"] == 1]
        yield (
            f"Of {len(rows)} logs of programs in no list, printing rule {case.printing}, {len(outside)} lie outside "
            f"the seeds of all programs. Of these {outside['ruled_out'].mean():.1%} are told to be of none of the "
            f"listed programs, of all {rows['ruled_out'].mean():.1%}."
        )


def _unlisted(record: pd.DataFrame, case: Case, name: str | None = None) -> pd.DataFrame:
    rows = record[(record["program"] == ALL) & (record["printing"] == case.printing)]
    return rows if name is None else rows[rows["printed_by"] == name]


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
    of_case = (record["images"] == case.images) & (record["printing"] == case.printing)
    return record[of_case & (record["program"] != ALL)]


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
    question="How often is the program that printed a log recognised, and how often are others, or all, ruled out?",
    expected="A program's own log is ruled out in at most 5% of cases. Of logs of programs in no list that lie outside "
    "all programs' seeds, at least 95% are told to be of none. Large mistakes are told from all else by nearly every "
    "log; who receives pooling's gradient is hard to tell from one log of this length.",
    measure=_measure,
    report=_report,
    draw=_draw,
    read=_read,
)
