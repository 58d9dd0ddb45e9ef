"""Small versions of the studies, run as their users run them: each ends with a page made of what it measured."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from convsweep.data import load
from convsweep.hydra_app.compose import compose_run
from convsweep.studies.catalogue import find
from convsweep.studies.init_scale import train_with_filters
from convsweep.studies.page import outcome


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("studies")


def run(folder, *arguments):
    """Run the command in a folder of its own; two threads of BLAS on products this small are slower than one."""
    return subprocess.run(
        [sys.executable, "-m", "convsweep.studies", *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def small(folder, name, *overrides):
    """Run a small version and return its record, after a look at the page."""
    done = run(folder, name, "--small", "--output", name, *overrides)
    assert done.returncode == 0, done.stderr
    study = find(name)
    record = study.read(folder / name)
    text = (folder / name / "README.md").read_text()
    assert text.endswith(f"{outcome(study.report(record))}\n")
    assert "its numbers mean nothing" in text
    assert not list(folder.glob(".*"))  # nothing half-written is left
    return record


def test_sobel_gives_the_tutorials_worked_examples(folder):
    record = small(folder, "01_sobel").set_index(["image", "kernel", "operation"])
    assert record["outputs"]["example", "vertical", "valid"] == "29 -192 -35 -22"
    assert record["outputs"]["example", "horizontal", "valid"] == "-113 -86 173 40"
    assert record["outputs"]["example", "none", "max-pooling"] == "80 31 90 95"
    assert record.loc[("photograph", "vertical", "same"), ["rows", "columns"]].tolist() == [600, 512]
    assert record.loc[("photograph", "vertical", "valid"), ["rows", "columns"]].tolist() == [598, 510]
    assert (record["apart"] == 0).all()


def test_the_tutorials_page_has_the_means_of_its_results(folder):
    pytest.importorskip("convsweep.reproduce")
    record = small(folder, "02_tutorial")
    results = pd.read_csv(folder / "02_tutorial" / "results.csv")
    tested = results[(results["experiment"] == "full") & (results["epoch"] == "test")]
    for gradient in ("exact", "last_class"):
        chosen = (record["gradient"] == gradient) & (record["quantity"] == "test_loss")
        assert record.loc[chosen, "mean"].item() == pytest.approx(
            tested.loc[tested["gradient"] == gradient, "loss"].mean(), abs=1e-6
        )


def test_choices_are_crossed_and_paired_by_seed(folder):
    record = small(folder, "03_choices", "data=mnist_5k")
    assert record.groupby("train.gradient")["seed"].apply(list).to_dict() == {"exact": [0, 1], "last_class": [0, 1]}
    assert (record["train.order_seed"] == record["seed"]).all()
    assert record["test/loss"].nunique() == len(record)  # no choice is without effect


def test_undivided_filters_are_trained_as_the_sweep_trains(folder):
    """Filters multiplied by 1 give the sweep's own runs, to the bit."""
    record = small(folder, "04_init_scale", "data=mnist_5k")
    sweep = record[record["filters_times"] == 1]
    assert record["filters_times"].value_counts().to_dict() == {1: 2 * 2, 9: 2}
    overrides = ["data.num_train=300", "data.num_valid=50", "data.num_test=100"]
    again = train_with_filters(1.0, load(compose_run(overrides).data).splits, sweep)
    same = sweep[sweep["init_scale"] == 1]
    for column in ("valid/loss", "valid/accuracy", "test/loss", "test/accuracy"):
        np.testing.assert_array_equal(again[column], same[column])


def test_the_best_configuration_is_chosen_on_valid(folder):
    record = small(folder, "06_filters_and_rates", "data=mnist_5k")
    by_filters = record.groupby("num_filters")["valid/accuracy"].mean()
    text = (folder / "06_filters_and_rates" / "README.md").read_text()
    assert f"The best on `valid` is {by_filters.idxmax()} filters, learning rate 0.005, 1 epoch" in text


def test_all_of_mnist_tells_a_result_an_epoch(folder, mnist_dir):
    """On MNIST's own files, as few as the small version takes: they are found, and the reader's folder isn't told."""
    record = small(folder, "07_all_of_mnist", f"data.dir={mnist_dir}")
    assert record.groupby("epochs").size().to_dict() == {1: 2, 2: 2}
    text = (folder / "07_all_of_mnist" / "README.md").read_text()
    assert "data.dir=FOLDER" in text
    assert str(mnist_dir) not in text


class TestRefusals:
    """What is refused, in one line, with nothing written."""

    @pytest.mark.parametrize(
        ("arguments", "complaint"),
        [
            (["08_more"], "'NAME' must be one of 01_sobel, 02_tutorial, 03_choices"),
            (["03_choices", "--small"], "'--small' needs '--output'"),
            (["03_choices", "train.seed=0"], "A study fixes its settings"),
            (["03_choices", "data.dir=nowhere"], "'data.dir' must hold"),
        ],
    )
    def test_it_is_told(self, tmp_path, arguments, complaint):
        done = run(tmp_path, *arguments)
        assert done.returncode == 1
        assert done.stderr.startswith(f"convsweep: {complaint}")
        assert done.stderr.count("\n") == 1
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
