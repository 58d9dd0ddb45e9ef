"""Inputs that people gave to tools of this kind, in the real program: one line and an honest status, or it works."""

import os
import shutil
import sqlite3
import sys
from contextlib import closing

import pytest

TINY = ("data.num_train=100", "data.num_valid=20", "data.num_test=20", "train.epochs=1")
OFFLINE = (*TINY, "tracking.enabled=false")
MARKUP = "old [/x] run"

REFUSED = {  # a few of those in tests/integration/test_nonsense.py, through the real program
    ("train", "-m", *OFFLINE, "experiment=first_sweep,03_choices"): "run one after the other",
    ("train", "--cfg", "job", "-m"): "Only one of -m, --run, --cfg and --info can be given (got --cfg -m).",
    ("train", "model.num_filters=1000000000"): "GB (got 1000000000, which takes about 197,084 GB).",
}


def test_nonsense_is_refused_in_one_line_and_writes_nothing(bare_workplace):
    endings = bare_workplace.at_once(*REFUSED, HYDRA_FULL_ERROR="0")
    for ending, says in zip(endings, REFUSED.values(), strict=True):
        assert says in ending.only_line
    assert list(bare_workplace.folder.iterdir()) == []


ADDRESSES = {
    "postgresql+pg8000://me@127.0.0.1/x": "it needs the package 'pg8000' (`pip install` it)",
    "./a folder": "set `MLFLOW_ALLOW_FILE_STORE=true`",
    "nonsense://": "See https://www.mlflow.org/docs/latest/tracking.html",
    "sqlite://": "MLflow's store must be a file",
}


class TestStores:
    """What is wrong with MLflow's store is said with the way out, whole."""

    @pytest.mark.parametrize(("address", "says"), ADDRESSES.items())
    def test_a_store_that_cannot_be_used_is_told_with_the_way_out(self, trained, address, says):
        assert says in trained.convsweep("sync", MLFLOW_TRACKING_URI=address).only_line

    @pytest.fixture(scope="class")
    @classmethod
    def trained(cls, new_workplace):
        workplace = new_workplace(store=False)
        assert workplace.convsweep("train", *OFFLINE).status == 0
        return workplace

    def test_the_command_that_brings_a_deleted_experiment_back_can_be_copied(self, workplace):
        assert workplace.convsweep("train", *TINY).status == 0
        with closing(sqlite3.connect(workplace.mlruns / "mlflow.db")) as store, store:
            store.execute("UPDATE experiments SET lifecycle_stage = 'deleted' WHERE name = 'convsweep'")
        line = workplace.convsweep("ui").only_line
        command = line.split("`")[1]
        assert line.startswith("The experiment 'convsweep' was deleted in MLflow: ")
        program = workplace.start(
            ["sh", "-c", command],
            PATH=f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}",  # noqa: PTH120 - a word
        )
        assert program.end().status == 0
        assert workplace.convsweep("sync").status == 0


class TestNames:
    """Names from outside are shown as they are, and lead nowhere else."""

    @pytest.fixture(scope="class")
    @classmethod
    def odd(cls, new_workplace):
        """A workplace with two sweeps whose folders end alike and hold a quote, run at once; a run is renamed."""
        workplace = new_workplace()
        first = ("train", "-m", *TINY, "train.seed=0,1", 'hydra.sweep.dir="S/bob\'s sweep"')
        second = ("train", "-m", *TINY, "train.seed=2,3", 'hydra.sweep.dir="T/bob\'s sweep"', "hydra.job.chdir=true")
        second += ("hydra/launcher=basic",)
        for ending in workplace.at_once(first, second):
            assert (ending.status, ending.err) == (0, "")
        with closing(sqlite3.connect(workplace.mlruns / "mlflow.db")) as store, store:
            store.execute("UPDATE runs SET name = ?", (MARKUP,))
            store.execute("UPDATE tags SET value = ? WHERE key = 'mlflow.runName'", (MARKUP,))
        return workplace

    def test_sweeps_in_folders_of_the_same_name_are_two(self, odd):
        assert sorted(len(sweep["jobs"]) for sweep in odd.sweeps()) == [2, 2]
        assert {run.status for run in odd.runs() + odd.runs("sweep")} == {"FINISHED"}
        assert len({run.tags["convsweep.sweep"] for run in odd.runs()}) == 2

    def test_jobs_that_change_their_folder_write_where_the_command_was_given(self, odd):
        assert [path for path in odd.folder.rglob("mlruns") if path.is_dir()] == [odd.mlruns]
        assert len(odd.records()) == 4

    def test_markup_quotes_and_paths_are_shown_as_they_are(self, odd):
        commands = [
            ("compare", "--csv", "[baseline] lr.csv", "--png", "[red].png"),
            ("compare", "--sweep", "bob's [/x]"),
            ("data", "--png", "three[red].png"),
            ("train", *OFFLINE, 'tracking.experiment="../../[/x]"', "mlruns='[/y] runs'"),
        ]
        shown, missing, drawn, trained = odd.at_once(*commands)
        assert "Table: [baseline] lr.csv\nPicture: [red].png" in shown.out
        assert "There is no sweep 'bob's [/x]' in 'mlruns'" in missing.only_line
        assert "Picture: three[red].png" in drawn.out
        assert [ending.status for ending in (shown, drawn, trained)] == [0, 0, 0], trained.err
        written = {path.name for path in odd.folder.iterdir()}
        assert written == {
            "S",
            "T",
            "mlruns",
            "[baseline] lr.csv",
            "[red].png",
            "three[red].png",
            "[",
        }


class TestData:
    """`data.dir` as people give it, through the commands."""

    def test_torchvisions_root_trains_and_is_left_alone(self, bare_workplace, mnist_dir):
        raw = bare_workplace.folder / "root" / "MNIST" / "raw"
        shutil.copytree(mnist_dir, raw)
        before = {path: path.stat().st_mtime_ns for path in raw.rglob("*")}
        shown, trained, other = bare_workplace.at_once(
            ("data", "data=mnist", "data.dir=root"),
            ("train", *OFFLINE, "data=mnist", "data.dir=root"),
            ("train", *OFFLINE, "data=fashion_mnist", "data.dir=root/MNIST/raw"),
        )
        assert (shown.status, trained.status) == (0, 0), shown.err + trained.err
        assert "must hold Fashion-MNIST's training images, and holds MNIST's training images (data=mnist)" in (
            other.only_line
        )
        assert {path: path.stat().st_mtime_ns for path in raw.rglob("*")} == before

    def test_without_network_and_home_the_ways_out_are_named(self, bare_workplace):
        (bare_workplace.folder / "home").touch()
        commands = [("data", "data=mnist"), ("train", "-m", *OFFLINE, "data=mnist", "train.seed=1,2")]
        for ending in bare_workplace.at_once(*commands, XDG_CACHE_HOME=str(bare_workplace.folder / "home")):
            assert "cannot be written: Not a directory. Set data.dir to a folder" in ending.only_line
            assert "or use data=mnist_5k" in ending.only_line


def test_python_dash_m_runs_the_program_with_every_launcher(bare_workplace):
    """The workers of joblib import the main module by another name, and must not run it."""
    command = [sys.executable, "-m", "convsweep", "train", "-m", *OFFLINE, "train.seed=0,1"]
    for launcher in ("stacked", "joblib"):
        program = bare_workplace.start([*command, f"hydra/launcher={launcher}", "rerun=true"])
        ending = program.end()
        assert (ending.status, ending.err) == (0, "")
    assert len(bare_workplace.records()) == 2


def test_one_job_is_told_in_the_singular_and_figures_are_drawn_without_training(bare_workplace):
    command = ("train", "-m", *OFFLINE, "train.seed=1")
    first = bare_workplace.convsweep(*command)
    assert "1 job: 1 to train" in first.out
    assert "Training 1 job in 1 stack, 1 at a time" in first.out
    (record,) = bare_workplace.records()
    (record / "figures" / "filters.png").unlink()
    assert "1 job: 1 to make files of again." in bare_workplace.convsweep("plan", *command[1:]).out
    again = bare_workplace.convsweep(*command)
    assert "lacks filters.png: to be made again. Nothing is trained for it." in again.out
    assert "Completing 1 job in 1 stack" in again.out
    assert "goes on" not in again.out
    assert (record / "figures" / "filters.png").exists()
