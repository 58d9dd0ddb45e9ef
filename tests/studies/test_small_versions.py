"""Small versions of the studies, run as their users run them: each ends with a page made of what it measured."""

import functools
import importlib
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from convsweep.data import load
from convsweep.hydra_app.compose import compose_run
from experiments.harness.discovery import find, study_names
from experiments.harness.page import outcome


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("studies")


@pytest.fixture(scope="module")
def run(environment):
    """Run the command in a folder of its own."""

    def in_folder(folder, *arguments):
        command = [sys.executable, "-m", "experiments.harness", *arguments]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    return in_folder


def run_small(run, folder, name, *overrides):
    """Run a small version, check its page and return its record."""
    # what MLflow is shown of a sweep is tested elsewhere, and costs two seconds each
    done = run(folder, name, "--small", "--output", name, "tracking.enabled=false", *overrides)
    if done.stderr.startswith(f"convsweep: '{name}' needs PyTorch"):
        pytest.skip("needs PyTorch")
    assert done.returncode == 0, done.stderr
    study = find(name)
    record = study.read(folder / name)
    text = (folder / name / "README.md").read_text()
    assert text.endswith(f"{outcome(study.report(record))}\n")
    assert "its numbers mean nothing" in text
    assert not list(folder.glob(".*"))  # nothing half-written is left
    return record


@pytest.fixture(scope="module")
def small(run, folder):
    """Return the record of a study's small version, which runs once."""
    return functools.cache(functools.partial(run_small, run, folder))


@pytest.mark.parametrize("name", study_names())
def test_a_small_version_ends_with_the_page_of_its_record(small, name):
    assert len(small(name)) > 0


def test_sobel_gives_the_tutorials_worked_examples(small):
    record = small("01_sobel").set_index(["image", "kernel", "operation"])
    assert record["outputs"]["example", "vertical", "valid"] == "29 -192 -35 -22"
    assert record["outputs"]["example", "horizontal", "valid"] == "-113 -86 173 40"
    assert record["outputs"]["example", "none", "max-pooling"] == "80 31 90 95"
    assert record.loc[("photograph", "vertical", "same"), ["rows", "columns"]].tolist() == [600, 512]
    assert record.loc[("photograph", "vertical", "valid"), ["rows", "columns"]].tolist() == [598, 510]
    assert (record["apart"] == 0).all()


def test_the_tutorials_page_has_the_means_of_its_results(folder, small):
    record = small("02_tutorial")
    results = pd.read_csv(folder / "02_tutorial" / "results.csv")
    tested = results[(results["experiment"] == "full") & (results["epoch"] == "test")]
    for gradient in ("exact", "last_class"):
        chosen = (record["gradient"] == gradient) & (record["quantity"] == "test_loss")
        assert record.loc[chosen, "mean"].item() == pytest.approx(
            tested.loc[tested["gradient"] == gradient, "loss"].mean(), abs=1e-6
        )


def test_choices_are_crossed_and_paired_by_seed(small):
    record = small("03_choices")
    assert record.groupby("train.gradient")["seed"].apply(list).to_dict() == {"exact": [0, 1], "last_class": [0, 1]}
    assert (record["train.order_seed"] == record["seed"]).all()
    assert record["test/loss"].nunique() == len(record)  # no choice is without effect


def test_undivided_filters_are_trained_as_the_sweep_trains(small):
    """Filters multiplied by 1 give the sweep's own runs, to the bit."""
    record = small("04_init_scale")
    sweep = record[record["filters_times"] == 1]
    assert record["filters_times"].value_counts().to_dict() == {1: 2 * 2, 9: 2}
    overrides = ["data.num_train=300", "data.num_valid=50", "data.num_test=100"]
    train_with_filters = importlib.import_module("experiments.04_init_scale.study").train_with_filters
    again = train_with_filters(1.0, load(compose_run(overrides).data).splits, sweep)
    same = sweep[sweep["init_scale"] == 1]
    for column in ("valid/loss", "valid/accuracy", "test/loss", "test/accuracy"):
        np.testing.assert_array_equal(again[column], same[column])


def test_the_best_configuration_is_chosen_on_valid(folder, small):
    record = small("06_filters_and_rates")
    by_filters = record.groupby("num_filters")["valid/accuracy"].mean()
    text = (folder / "06_filters_and_rates" / "README.md").read_text()
    assert f"The best on `valid` is {by_filters.idxmax()} filters, learning rate 0.005, 1 epoch" in text


def test_all_of_mnist_has_a_result_for_each_number_of_epochs(small):
    assert small("07_all_of_mnist").groupby("epochs").size().to_dict() == {1: 2, 2: 2}


def test_mnists_own_files_are_found_and_their_folder_is_not_named(run, tmp_path, mnist_dir):
    run_small(run, tmp_path, "07_all_of_mnist", f"data.dir={mnist_dir}")
    text = (tmp_path / "07_all_of_mnist" / "README.md").read_text()
    assert "`data=mnist`: 300 / 50 / 100 images" in text
    assert "data.dir=FOLDER" in text
    assert str(mnist_dir) not in text


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["08_more"], "'NAME' must be one of 01_sobel, 02_tutorial, 03_choices"),
        (["03_choices", "--small"], "'--small' needs '--output'"),
        (["03_choices", "train.seed=0"], "A study fixes its settings"),
        (["03_choices", "data.dir=nowhere", "--output", "out"], "'data.dir' must be a folder (got "),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line_and_nothing_is_written(run, tmp_path, arguments, complaint):
    done = run(tmp_path, *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith(f"convsweep: {complaint}")
    assert done.stderr.count("\n") == 1
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
