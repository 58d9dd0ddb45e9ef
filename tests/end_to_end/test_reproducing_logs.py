"""``convsweep reproduce --log FILE``, small: what it says, writes and logs, and how it ends."""

import csv
import json

import pytest
from PIL import Image

LOG = """\x1b[1mMNIST\x1b[0m from scratch
Epoch 1
Step 100: loss = 2.1, accuracy = 0.3
Step 200: loss = 1.2, accuracy = 70.5%
Epoch 2
Step 100: loss = 0.8, accuracy = 80%
Step 200: loss = 0.7, accuracy = 0.85
Test loss: 0.9
"""
NUM_PROGRAMS = 26  # all programs that differ from the network asked for, and num_filters=4
SMALL = ("data=mnist_5k", "data.num_valid=10", "data.num_test=50", "--seeds", "3")


@pytest.fixture(scope="module")
def workplace(new_workplace):
    workplace = new_workplace()
    (workplace.folder / "log.txt").write_text(LOG)
    return workplace


@pytest.fixture(scope="module")
def ending(workplace):
    arguments = ("--also", "model.num_filters=4,8", "--output", "study", "--expect", "num_filters=4=inconclusive")
    return workplace.convsweep("reproduce", "--log", "log.txt", *SMALL, *arguments)


@pytest.fixture(scope="module")
def folder(workplace, ending):
    assert ending.status == 0, ending.err
    return workplace.folder / "study"


def test_it_says_what_it_understood_and_what_it_can_not_conclude(ending):
    assert ending.err == ""
    lines = ending.out.splitlines()
    assert lines[0] == "The log: 9 numbers (8 of train, 1 of test) from 5 lines, 2 epochs; means of 100 steps."
    assert lines[1] == (
        "'Step 100: loss = 2.1, accuracy = 0.3' is read as training, epoch 1, step 100: loss 2.1, accuracy 0.3, "
        "the mean of 100 steps."
    )
    assert lines[2] == "'Test loss: 0.9' is read as test, epoch 2: loss 0.9."
    assert lines[3] == "Lines ignored: 'MNIST from scratch'."
    assert lines[4] == "An epoch has 200 images, as the log's steps tell; data.num_train=N says otherwise."
    described = (
        f"{NUM_PROGRAMS} programs, 3 seeds each (the images' order for all); data=mnist_5k: 200 training, 50 test"
    )
    assert described in ending.out
    assert any(line.startswith("Inconclusive: 3 seeds are too few") for line in lines)


def test_it_says_that_other_hyperparameters_are_no_mistakes_as_well(ending):
    line = "Other hyperparameters are tried with the network as asked for, not with the mistakes."
    assert line in ending.out.splitlines()


def test_hyperparameters_that_follow_also_make_a_grid(workplace):
    words = ("--also", "model.num_filters=4,8", "train.learning_rate=0.005,0.01", "train.epochs=2000")
    ending = workplace.convsweep("reproduce", "--log", "log.txt", *SMALL, "--expect", "none=consistent", *words)
    names = "num_filters=4 learning_rate=0.005, num_filters=4 learning_rate=0.01, num_filters=8 learning_rate=0.01"
    assert names in ending.only_line


def test_every_program_has_a_row_and_the_variant_that_is_the_same_has_none(ending):
    for program in ("exact", "last_class", "as_printed", "test_on_train", "num_filters=4", "last_class+pixels_unit"):
        assert any(line.startswith(f"{program} ") for line in ending.out.splitlines())
    assert "num_filters=8" not in ending.out


def test_verdicts_are_a_list_with_one_on_all_numbers_of_each_program(folder):
    rows = json.loads((folder / "verdicts.json").read_text())
    joint = [row for row in rows if row["quantity"] == "all"]
    assert len(joint) == NUM_PROGRAMS
    assert {row["verdict"] for row in joint} == {"inconclusive"}
    assert len(rows) == NUM_PROGRAMS * (1 + 9)
    (row,) = (row for row in rows if row["program"] == "exact" and row["quantity"] == "test loss at epoch 2")
    assert (row["reported_low"], row["reported_high"]) == pytest.approx((0.85, 0.95))


def test_results_hold_what_every_seed_printed(folder):
    with (folder / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == NUM_PROGRAMS * 3 * 9
    assert {row["window"] for row in rows} == {"0", "100"}


def test_pictures_can_be_opened(folder):
    for name in ("loss.png", "accuracy.png"):
        with Image.open(folder / name) as picture:
            assert picture.width > 800


def test_mlflow_shows_each_seed_of_each_program_below_the_study(workplace, folder):
    (study,) = workplace.runs("study")
    assert study.tags["convsweep.verdict.exact"] == "inconclusive"
    assert study.tags["convsweep.verdict.last_class pixels_unit"] == "inconclusive"  # MLflow takes no + in names
    assert study.files() == {path.name for path in folder.iterdir()}
    runs = workplace.runs("replication")
    assert len(runs) == NUM_PROGRAMS * 3
    assert {run.params["program"] for run in runs} >= {"exact", "num_filters=4"}


@pytest.mark.parametrize(
    ("text", "arguments", "line"),
    [
        (None, (), "'--log' must be a file (got 'log.txt')."),
        ("nothing here", (), "A log must hold a loss or an accuracy with its number, such as 'loss: 0.5' (got none)."),
        (
            LOG,
            ("train.gradient=exact",),
            "'train.gradient' is what the programs differ in (got 'train.gradient=exact')",
        ),
        (LOG, ("rerun=true",), "'rerun' is no part of what a program trains: model, train and data are"),
        (LOG, ("train.epochs=1",), "'train.epochs' must be >= 2, the log's number (got 1)."),
        (LOG, ("data.num_train=150",), "The log's steps and windows must fit 'data.num_train'"),
        (LOG, ("data.num_train=5000",), "'data.num_train' must be <= 4200 (got 5000)."),
        ("Epoch 1 loss: 0.5\nEpoch 1 loss: 0.6", (), "A log must give one train loss a place: is it of one run?"),
        ("Epoch 1/3 loss: 0.5\nEpoch 2/5 loss: 0.4", (), "A log must be of one run: its lines say 'of 3 epochs'"),
        ("zero\0byte loss: 0.5", (), "A log must be text (got 'log.txt', which holds zero bytes)."),
        ("loss: 0.5\n" * 1_100_000, (), "A log must have at most 10 MB (got 11 MB, 'log.txt')."),
        (LOG, ("--also", "train.epochs=1,2"), "'--also' must be KEY=VALUE,VALUE... of model or train, not epochs"),
        (LOG, ("--expect", "exactly=consistent"), "'--expect' must be PROGRAM=VERDICT, of exact, last_class"),
        (LOG, ("--seeds", "2"), "'--seeds' must be >= 3 (got 2)."),
        (LOG, ("train.epochs=2000", "--seeds", "20"), "Training will take about"),
        (LOG, ("model.num_filters=0",), "'model.num_filters' must be >= 1 (got 0)."),
    ],
)
def test_nonsense_is_told_in_one_line_and_trains_nothing(new_workplace, text, arguments, line):
    workplace = new_workplace(store=False)
    if text is not None:
        (workplace.folder / "log.txt").write_text(text)
    ending = workplace.convsweep("reproduce", "--log", "log.txt", "data=mnist_5k", "data.num_test=50", *arguments)
    assert ending.only_line.startswith(line)
    assert {path.name for path in workplace.folder.iterdir()} <= {"log.txt"}


def test_training_for_longer_than_a_minute_is_estimated_first(new_workplace):
    workplace = new_workplace(store=False)
    (workplace.folder / "log.txt").write_text("Epoch 1/200000, Step 100/4000, Loss: 0.5")
    ending = workplace.convsweep("reproduce", "--log", "log.txt", "data=mnist_5k")
    assert ending.status == 1
    assert ending.err.startswith("convsweep: Training will take about ")
    assert ending.err.endswith(" days: add '--yes' to go on.\n")


@pytest.mark.parametrize("arguments", [("--yes",), ("--printing", "after"), ("--also", "model.num_filters=4")])
def test_what_goes_with_a_log_alone_is_refused_without_one(workplace, arguments):
    assert workplace.convsweep("reproduce", *arguments).only_line == f"'{arguments[0]}' goes with '--log FILE'."


def test_none_of_these_programs_comes_first_where_none_can_have_printed_the_log(new_workplace):
    """A training cell run a second time: nobody's first epoch of 200 images has an accuracy of 95%."""
    workplace = new_workplace(store=False)
    lines = [f"Epoch {epoch}/3 loss: {loss} accuracy: 0.95" for epoch, loss in ((1, 0.458), (2, 0.452), (3, 0.447))]
    (workplace.folder / "log.txt").write_text("\n".join(lines))
    small = (*SMALL[:-2], "--output", "study", "--expect", "exact=consistent", "--yes")
    ending = workplace.convsweep("reproduce", "--log", "log.txt", *small)
    answer = "None of these programs: the log can't be one more run of any of the 24."
    before = ending.out[: ending.out.index(answer)].splitlines()
    assert before[-1].startswith("Training 440 runs")
    assert (workplace.folder / "study" / "report.md").read_text().split("\n\n")[1].startswith(answer)
    assert ending.err.splitlines() == [
        "convsweep: none of these programs: the log is inconsistent with all of them.",
        "convsweep: expected the log to be consistent with exact (got inconsistent).",
    ]
    assert ending.status == 1
