"""``convsweep reproduce``, small: what it says, writes and logs, and how it ends."""

import csv
import json
import math
import signal
import sys
from contextlib import ExitStack

import psutil
import pytest
from PIL import Image

SMALL = ("reproduce", "data=mnist_5k", "data.num_train=600", "data.num_test=200", "--seeds", "3")
RULES = ("exact", "last_class", "as_printed")
NOT_THE_TUTORIALS = "These are not the tutorial's images (data=mnist_5k: 600 training, 200 test images)"


@pytest.fixture(scope="module")
def workplace(new_workplace):
    return new_workplace()


@pytest.fixture(scope="module")
def ending(workplace):
    return workplace.convsweep(*SMALL, "--output", "study", "--expect", "exact=inconsistent")


@pytest.fixture(scope="module")
def done(workplace, ending):
    """The workplace, after the study."""
    assert ending.status == 0, ending.err
    return workplace


@pytest.fixture(scope="module")
def folder(done):
    return done.folder / "study"


@pytest.fixture(scope="module")
def verdicts(folder):
    return json.loads((folder / "verdicts.json").read_text())


@pytest.fixture(scope="module")
def results(folder):
    with (folder / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


class TestWhatItSays:
    """The terminal."""

    def test_it_ends_well_and_in_silence_on_the_other_channel(self, ending):
        assert (ending.status, ending.err) == (0, "")

    def test_the_first_and_the_last_line_say_that_the_images_are_others(self, ending):
        lines = ending.out.splitlines()
        assert lines[0].startswith(NOT_THE_TUTORIALS)
        assert lines[-1] == lines[0]

    def test_a_row_a_rule_and_main_quantity(self, ending):
        for rule in RULES:
            for quantity in ("test loss", "test accuracy", "windows"):
                assert any(line.startswith(rule) and f" {quantity} " in line for line in ending.out.splitlines())

    def test_the_table_fits_a_terminal(self, ending):
        rows = [line for line in ending.out.splitlines() if line.startswith((*RULES, "any", "gradient"))]
        assert max(len(line.rstrip()) for line in rows if "diverged in" not in line) <= 80

    def test_divergence_and_conclusion_are_told(self, ending):
        assert "as_printed diverged in 3 of 3 seeds" in ending.out
        assert "The tutorial's test loss, 0.2451, is inconsistent with exact" in ending.out


class TestFiles:
    """The folder given by --output."""

    def test_they_are_all_there(self, folder):
        assert {path.name for path in folder.iterdir()} == {
            "verdicts.json",
            "programs.json",
            "correlations.json",
            "results.csv",
            "report.md",
            "test.png",
            "epoch_10.png",
            "first_windows.png",
        }

    def test_pictures_can_be_opened(self, folder):
        for path in folder.glob("*.png"):
            with Image.open(path) as picture:
                assert picture.width > 800

    def test_one_row_a_seed_rule_and_reported_place(self, results):
        """Of 600 and 200 images: 2 untrained windows; 6 dense-only; 5 early ones, one of epoch 10, and the test."""
        assert len(results) == 3 * 3 * (2 + 6 + 5 + 1 + 1)
        assert {row["seed"] for row in results} == {"0", "1", "2"}

    def test_verdicts_are_those_of_the_rows(self, verdicts, results):
        """Mean and SD of every quantity, recomputed from results.csv, to its six decimals."""
        checked = 0
        for verdict in verdicts:
            name, _, place = verdict["quantity"].partition("@")
            of_test = name.removeprefix("test_") if name.startswith("test_") else None
            if not place and not of_test:
                continue  # a distance
            epoch, _, step = place.rpartition(":")
            values = [
                row[of_test or name]
                for row in results
                if (row["experiment"], row["gradient"]) == (verdict["experiment"], verdict["gradient"])
                and (row["epoch"] == "test" if of_test else (row["epoch"], row["step"]) == (epoch, step))
            ]
            assert len(values) == verdict["n"] == 3
            if not verdict["diverged"]:
                numbers = [float(value) for value in values]
                mean = sum(numbers) / 3
                sd = math.sqrt(sum((number - mean) ** 2 for number in numbers) / 2)
                assert (verdict["mean"], verdict["sd"]) == pytest.approx((mean, sd), abs=2e-6)
                checked += 1
        assert checked > 70

    def test_what_diverged_has_no_loss(self, results):
        tests = [row for row in results if row["gradient"] == "as_printed" and row["epoch"] == "test"]
        assert [row["loss"] for row in tests] == ["", "", ""]


class TestStore:
    """MLflow's database."""

    def test_the_parent_has_verdicts_note_and_artifacts(self, done, folder, verdicts):
        (study,) = done.runs("study")
        assert study.status == "FINISHED"
        primary = {
            row["gradient"]: row["verdict"]
            for row in verdicts
            if (row["experiment"], row["quantity"]) == ("full", "test_loss")
        }
        assert {rule: study.tags[f"convsweep.verdict.{rule}"] for rule in RULES} == primary
        assert study.tags["mlflow.note.content"] == (folder / "report.md").read_text()
        assert study.files() == {path.name for path in folder.iterdir()}

    def test_each_seed_under_each_rule_is_a_run_below_it(self, done):
        (study,) = done.runs("study")
        runs = done.runs("replication")
        assert {(run.params["gradient"], run.params["seed"]) for run in runs} == {
            (rule, seed) for rule in RULES for seed in ("0", "1", "2")
        }
        assert {run.status for run in runs} == {"FINISHED"}
        assert {run.tags["mlflow.parentRunId"] for run in runs} == {study.id}

    def test_their_metrics_are_those_of_the_files(self, done, results):
        for run in done.runs("replication"):
            (test,) = (
                row
                for row in results
                if (row["gradient"], row["seed"], row["epoch"]) == (run.params["gradient"], run.params["seed"], "test")
            )
            if run.params["gradient"] == "as_printed":
                assert run.tags["convsweep.outcome"] == "diverged"
                assert not run.metric("test/loss")
                continue
            ((_, loss),) = run.metric("test/loss")
            assert loss == pytest.approx(float(test["loss"]), abs=1e-6)
            steps = [step for step, _ in run.metric("train/loss")]
            assert steps == [epoch * 600 + 500 for epoch in range(10)]
            assert [step for step, _ in run.metric("dense_only/accuracy")] == [100, 200, 300, 400, 500, 600]

    def test_ui_has_a_view_of_them(self, done):
        """Asked of MLflow in a process of its own: in this one its warnings would be errors."""
        program = (
            "import base64, json, zlib; from pathlib import Path; "
            "from convsweep.tracking.open_views import open_view; "
            "from convsweep.tracking.store import open_existing, search; "
            "store = open_existing(Path('mlruns'), 'convsweep'); "
            "key = open_view(store, 'reproduction', None).partition('viewStateShareKey=')[2].partition('&')[0]; "
            "tags = store.client.get_experiment(store.experiment_id).tags; "
            "state = json.loads(tags['mlflow.sharedViewState.' + key])['state'].removeprefix('deflate;'); "
            "condition = json.loads(zlib.decompress(base64.b64decode(state)))['searchFilter']; "
            "print(*sorted(run.info.run_id for run in search(store, condition)))"
        )
        asked = done.start([sys.executable, "-c", program]).end()
        assert asked.out.split() == sorted(run.id for run in done.runs("replication"))

    def test_compare_sees_none_of_them(self, done):
        assert "There are no runs in 'mlruns' yet" in done.convsweep("compare", "--all").only_line


class TestEndings:
    """Exit status, and one line of what is wrong."""

    def test_an_unexpected_verdict_fails_after_all_is_written(self, workplace):
        ended = workplace.convsweep(*SMALL, "--output", "other", "--expect", "exact=consistent")
        assert (ended.status, ended.only_line) == (
            1,
            "expected the tutorial's test loss to be consistent with exact (got inconsistent).",
        )
        assert (workplace.folder / "other" / "verdicts.json").exists()

    @pytest.mark.parametrize(
        ("arguments", "line"),
        [
            (("--seeds", "1"), "'--seeds' must be >= 3 (got 1)."),
            (("--strict", "--seeds", "5"), "'--strict' means 39 seeds: leave '--seeds' out (got 5)."),
            (
                ("--expect", "last_clas=consistent"),
                (
                    "'--expect' must be PROGRAM=VERDICT, of exact, last_class, as_printed and consistent, "
                    "inconsistent, inconclusive (got 'last_clas=consistent')."
                ),
            ),
            (
                ("train.epochs=3",),
                (
                    "'train.epochs' is the tutorial's to set: reproduce takes data=... and data.key=... "
                    "(got 'train.epochs=3')."
                ),
            ),
            (("data=mnist_5k", "data.num_train=99"), "'data.num_train' must be >= 500, the images of one printed line"),
            (("data.dir=nowhere",), "'data.dir' must be a folder (got "),
            (
                ("data=mnist", "data.mirrors=[]"),
                (
                    "'data=mnist' could not be downloaded (no mirror given). "
                    "Set data.dir to a folder with MNIST's four IDX files, or use data=mnist_5k, which needs no "
                    "network."
                ),
            ),
        ],
        ids=["one seed", "strict", "expectation", "key", "few images", "no files", "no network"],
    )
    def test_nonsense_is_told_in_one_line_and_leaves_nothing(self, new_workplace, tmp_path, arguments, line):
        workplace = new_workplace(store=False)
        assert workplace.convsweep("reproduce", *arguments, XDG_CACHE_HOME=str(tmp_path)).only_line.startswith(line)
        assert list(workplace.folder.iterdir()) == []

    def test_an_interrupted_study_ends_with_all_its_processes_and_says_nothing_to_mlflow(self, new_workplace):
        with ExitStack() as programs:
            under_way = []
            for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
                workplace = new_workplace()
                program = programs.enter_context(workplace.running("reproduce", "data=mnist_5k", "--seeds", "39"))
                under_way.append((workplace, program, number, status))
            for workplace, program, number, status in under_way:
                program.until(lambda program=program: len(program.family()) > 2)
                family = program.family()
                program.send(number)
                ended = program.end()
                assert ended.status == status
                assert "starts anew" in ended.only_line
                assert workplace.runs("study") == []
                psutil.wait_procs(family, timeout=60)
                assert not any(process.is_running() for process in family)
