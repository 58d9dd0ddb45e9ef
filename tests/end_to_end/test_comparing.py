"""``convsweep compare``, on a sweep of two learning rates and two filter counts that was really run."""

import pandas as pd
import pytest
from PIL import Image


@pytest.fixture(scope="module")
def endings(grid, best):
    """What is said of the sweep in several ways, by their names."""
    (worst,) = sorted(grid.runs(), key=lambda run: run.metric("valid/accuracy")[-1][1])[:1]
    commands = {
        "sweep": ["compare", "--csv", "tables/sweep.csv", "--png", "pictures/sweep.png"],
        "runs": ["compare", "--runs"],
        "unknown sweep": ["compare", "--sweep", "yesterday"],
        "two": ["compare", "best", worst.name],
        "two named": ["compare", best.name, worst.name],
        "one": ["compare", "best"],
        "the same twice": ["compare", "best", best.name],
        "unknown name": ["compare", "best", "[/x] it's"],
        "two with an option": ["compare", "best", worst.name, "--runs"],
    }
    return dict(zip(commands, grid.at_once(*commands.values()), strict=True)), worst


@pytest.fixture(scope="module")
def told(endings):
    """What was said of the whole sweep."""
    assert endings[0]["sweep"].status == 0, endings[0]["sweep"].err
    return endings[0]["sweep"].out


@pytest.fixture(scope="module")
def without_sweep(new_workplace):
    """A single run, and what is said of it: by default, and asked for all."""
    workplace = new_workplace()
    assert workplace.train("tracking.enabled=false").status == 0
    return workplace, *workplace.at_once(["compare"], ["compare", "--all"])


def ranked(grid):
    """Return what varies, the accuracy and the loss of the sweep's runs as MLflow has them, best on ``valid`` first."""
    found = [(run.metric("valid/accuracy")[-1][1], run.metric("valid/loss")[-1][1], run.params) for run in grid.runs()]
    return sorted(found, key=lambda run: (-run[0], run[1]))


def rows(text):
    """Return the words of a table's rows, those lines that begin with their number, without the names."""
    words = [line.split() for line in text.splitlines()]
    return [[row[0], *row[3:]] for row in words if row and row[0].isdecimal()]


def test_configurations_come_with_the_best_on_valid_first(told, grid):
    expected = [
        [str(place), params["learning_rate"], params["num_filters"], f"{100 * accuracy:.2f}%"]
        for place, (accuracy, _, params) in enumerate(ranked(grid), start=1)
    ]
    assert [row[:4] for row in rows(told)] == expected
    assert [row[6] for row in rows(told)] == ["1"] * 4  # seeds


def test_with_one_seed_each_they_are_compared_by_their_answers(told):
    assert "as trained here with one seed each" in told
    assert rows(told)[0][-1] == "best"
    assert {" ".join(row[7:]) for row in rows(told)[1:]} <= {"can't tell", "not the best"}


def test_it_names_the_best_and_where_its_record_is(told, grid, best):
    assert f"Best on valid: {best.name}: " in told
    assert str(grid.record(best).relative_to(grid.folder)) in told


def test_single_runs_are_listed_with_their_losses(endings, grid):
    expected = [
        [str(place), params["learning_rate"], params["num_filters"], f"{100 * accuracy:.2f}%", f"{loss:.4f}"]
        for place, (accuracy, loss, params) in enumerate(ranked(grid), start=1)
    ]
    assert [[*row[:4], row[5]] for row in rows(endings[0]["runs"].out)] == expected
    assert all(row[-1] == "finished" for row in rows(endings[0]["runs"].out))


def test_the_csv_file_holds_the_same_runs_to_the_last_digit(told, grid, best):
    assert "Table: tables/sweep.csv" in told
    table = pd.read_csv(grid.folder / "tables" / "sweep.csv")
    assert table["run_key"][0] == best.tags["convsweep.run_key"]
    by_key = table.set_index("run_key")
    assert set(by_key.index) == {run.tags["convsweep.run_key"] for run in grid.runs()}
    for run in grid.runs():
        row = by_key.loc[run.tags["convsweep.run_key"]]
        assert row["valid/loss"] == run.metric("valid/loss")[-1][1]
        assert row["test/accuracy"] == run.metric("test/accuracy")[-1][1]
        assert row["train.ties"] == "all"


def test_the_picture_is_one(told, grid):
    assert "Picture: pictures/sweep.png" in told
    with Image.open(grid.folder / "pictures" / "sweep.png") as picture:
        assert len(picture.convert("L").getcolors()) > 10


def test_two_runs_are_set_side_by_side(endings, best):
    found, worst = endings
    assert (found["two"].status, found["two"].err) == (0, "")
    assert f"{worst.name} against {best.name}" in found["two"].out
    assert "valid images that only one of" in found["two"].out
    # one was chosen as the best, so that p values, which hold for pairs that were named beforehand, would mislead
    assert "ahead by luck, too" in found["two"].out
    assert " p = " not in found["two"].out
    assert "McNemar's p = " in found["two named"].out
    lines = {line.split()[0]: line.split()[1:] for line in found["two"].out.splitlines() if line.strip()}
    differing = {name for name in ("learning_rate", "num_filters") if best.params[name] != worst.params[name]}
    assert {name: lines[name] for name in differing} == {
        name: [best.params[name], worst.params[name]] for name in differing
    }
    assert not ({"learning_rate", "num_filters", "init_scale", "epochs"} - differing) & lines.keys()


@pytest.mark.parametrize(
    ("case", "rule"),
    [
        ("unknown sweep", "There is no sweep 'yesterday'"),
        ("one", "Give two or more to compare"),
        ("the same twice", "What is compared must differ"),
        ("unknown name", "There is no run, configuration or sweep '[/x] it's'"),
        ("two with an option", "takes no option but --mlruns"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(endings, case, rule):
    ending = endings[0][case]
    assert ending.status != 0
    assert rule in ending.err.splitlines()[-1]
    assert (ending.out, ending.traceback) == ("", False)


def test_nothing_was_ever_run(bare_workplace):
    assert "`convsweep train -m ...` runs one" in bare_workplace.convsweep("compare").only_line
    assert list(bare_workplace.folder.iterdir()) == []


def test_there_is_no_sweep_yet(without_sweep):
    assert without_sweep[1].only_line.startswith("There is no sweep in 'mlruns' yet")


def test_single_runs_are_compared_when_asked_for_all(without_sweep):
    workplace, _, ending = without_sweep
    assert ending.status == 0
    assert f"/{workplace.records()[0].name}" in ending.out
