"""Inputs that people gave to tools of this kind, in the real program: one line and an honest status, or it works."""

import os
import shutil
import sqlite3
import sys
from contextlib import closing

import psutil
import pytest

TINY = ("data.num_train=100", "data.num_valid=20", "data.num_test=20", "train.epochs=1")
OFFLINE = (*TINY, "tracking.enabled=false")
MARKUP = "old [/x] run"

# what Hydra, joblib, NumPy and the file system would answer with a traceback, or not at all -> what is said
REFUSED = {
    ("train", "-m", "train.seed=range(5,5)"): "'train.seed' must give at least one value (got range(5,5)).",
    ("plan", "-m", "train.seed=range(5,5)"): "'train.seed' must give at least one value (got range(5,5)).",
    (
        "train",
        "-m",
        "data=glob(kmnist*)",
    ): "'data' must match one of fashion_mnist, mnist, mnist_5k (got glob(kmnist*)).",
    ("train", "-m", "train.seed=glob(*)"): "'train.seed' must be a folder of conf for glob(...) to choose from",
    ("train", "-m", "train.seed=range(10**9)"): "'train.seed=range(10**9)' cannot be read",
    ("train", "-m", "train.seed=range(1000000000)"): "A sweep must have at most 100,000 jobs (got train.seed=range(",
    ("train", "-m", "train.learning_rate=interval(0.1,0.2)"): "'train.learning_rate' must not be an interval: a grid",
    ("train", "-m", "experiment=first_sweep,03_choices"): (
        "run one after the other, `convsweep train experiment=NAME` (got experiment=first_sweep,03_choices)."
    ),
    ("plan", "-m", "experiment=glob(0*)"): "A job of a sweep cannot choose a file that is a sweep itself",
    ("train", "--cfg", "job", "-m"): "Only one of -m, --run, --cfg and --info can be given (got --cfg -m).",
    ("train", "-m", "--info", "all"): "Only one of -m, --run, --cfg and --info can be given (got -m --info).",
    ("train", "--resolve"): "'--resolve' needs --cfg job (or hydra, or all) beside it (got --resolve).",
    ("train", "--package", "model"): "'--package' needs --cfg job",
    ("train", "--shell-completion"): "Expecting one subcommand",
    ("train", "model.num_filters=1000000000"): "GB (got 1000000000, which takes about 197,084 GB).",
    ("plan", "-m", "model.num_filters=2,1000000000"): "'model.num_filters' must fit into this machine's",
    ("train", "train=null"): "'train' must be a section (got None).",
    ("train", "frozen=conv"): "Did you mean 'train.frozen'?",
    ("train", "-m", "hydra/launcher=joblib", "hydra.launcher.n_jobs=0"): "'hydra.launcher.n_jobs' must not be 0",
    ("train", "-m", "hydra.launcher.n_jobs=0"): "'hydra.launcher.n_jobs' must be >= 1, or -1 for all cores (got 0).",
    ("train", "data=mnist", "data.dir=~/x y"): "write 'data.dir=\"",
    ("compare", "--png", "a.txt"): "'--png' must name a file that ends in .png (got 'a.txt').",
    ("compare", "--png", "out"): "'--png' must name a file that ends in .png (got 'out').",
    ("compare", "--csv", "t.parquet.zst"): "'--csv' must name a file that ends in .csv (got 't.parquet.zst').",
    ("data", "--png", "[/x].txt"): "'--png' must name a file that ends in .png (got '[/x].txt').",
    ("data", "data=mnist", "data.dir=nowhere"): "'data.dir' must be a folder",
}


def at_most(number, commands):
    """Divide commands into portions: every process takes some hundred MB while it starts."""
    return [commands[start : start + number] for start in range(0, len(commands), number)]


class TestRefusals:
    @pytest.fixture(scope="class")
    @classmethod
    def refusals(cls, new_workplace):
        """A workplace where nothing was run, and how each command ended there."""
        workplace = new_workplace(store=False)
        endings = [
            ending
            for commands in at_most(4, list(REFUSED))
            for ending in workplace.at_once(*commands, HYDRA_FULL_ERROR="0")
        ]
        return workplace, dict(zip(REFUSED, endings, strict=True))

    @pytest.mark.parametrize(("command", "says"), REFUSED.items(), ids=map(" ".join, REFUSED))
    def test_nonsense_is_refused_in_one_line(self, refusals, command, says):
        assert says in refusals[1][command].only_line

    def test_nothing_is_written_by_what_is_refused(self, refusals):
        assert list(refusals[0].folder.iterdir()) == []


class TestStores:
    """What is wrong with MLflow's store is said with the way out, whole."""

    ADDRESSES = {
        "postgresql+pg8000://me@127.0.0.1/x": "it needs the package 'pg8000' (`pip install` it)",
        "./a folder": "set `MLFLOW_ALLOW_FILE_STORE=true`",
        "nonsense://": "See https://www.mlflow.org/docs/latest/tracking.html",
        "sqlite://": "MLflow's store must be a file",
    }

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
        ending = workplace.convsweep("train", *TINY, "train.seed=1")
        assert command in ending.out
        assert "`convsweep sync` sends the rest" in ending.only_line
        program = workplace.start(
            ["sh", "-c", command],
            PATH=f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}",  # noqa: PTH120 - a word
        )
        assert program.end().status == 0
        assert workplace.convsweep("sync").status == 0
        assert len(workplace.runs()) == 2


class TestNames:
    """Names from outside are shown as they are, and lead nowhere else."""

    @pytest.fixture(scope="class")
    @classmethod
    def odd(cls, new_workplace):
        """A workplace with two sweeps whose folders end alike and hold a quote, run at once; a run is renamed."""
        workplace = new_workplace()
        first = ("train", "-m", *TINY, "train.seed=0,1", 'hydra.sweep.dir="S/bob\'s sweep"')
        second = ("train", "-m", *TINY, "train.seed=2,3", 'hydra.sweep.dir="T/bob\'s sweep"', "hydra.job.chdir=true")
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
            ("train", *OFFLINE, "tracking.experiment=../../[/x]", "mlruns='[/y] runs'"),
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
    assert "1 job: 1 to draw figures of." in bare_workplace.convsweep("plan", *command[1:]).out
    again = bare_workplace.convsweep(*command)
    assert "lacks filters.png: to be drawn again. Nothing is trained for it." in again.out
    assert "Drawing 1 job in 1 stack" in again.out
    assert "goes on" not in again.out
    assert (record / "figures" / "filters.png").exists()


def test_the_memory_that_a_run_may_take_is_this_machines(bare_workplace):
    total = psutil.virtual_memory().total
    says = f"'model.num_filters' must fit into this machine's {total / 1e9:,.0f} GB"
    assert says in bare_workplace.convsweep("plan", "model.num_filters=100000000").only_line
