"""Sweeps against the real store: what they log, what they leave on disk, and that jobs don't disturb each other."""

import json
from collections import Counter

import numpy as np
import pytest

from convsweep.data import load
from convsweep.hydra_app.compose import compose_run

FIGURES = {"confusion_matrix", "feature_maps", "filters", "learning_curves", "most_confidently_wrong"}
HYPERPARAMETERS = {"learning_rate", "num_filters", "init_scale", "epochs", "seed"}
TROUBLED = "train.learning_rate=0.005,0.02,1000,0.01"  # in order: sound, can't be written, diverges, sound


def steps(run, key):
    return [step for step, _ in run.metric(key)]


@pytest.fixture(scope="module")
def troubled(new_workplace, key_of):
    """A sweep with one job that fails and one that diverges, neither of them last; and how it ended."""
    workplace = new_workplace()
    # a file where a folder must be
    record = workplace.mlruns / "runs" / key_of("train.learning_rate=0.02")
    record.mkdir(parents=True)
    (record / "figures").touch()
    ending = workplace.sweep(TROUBLED)
    return workplace, ending


@pytest.fixture(scope="module")
def runs(troubled):
    """Its runs by their learning rate."""
    return {run.params["learning_rate"]: run for run in troubled[0].runs()}


def test_an_axis_that_is_given_twice_counts_once(workplace):
    assert workplace.sweep("train.seed=0,1,2", "model.num_filters=2,3", "train.seed=3,4").status == 0
    assert workplace.sweeps()[0]["axes"] == ["train.seed", "model.num_filters"]
    assert [run.name for run in workplace.runs("sweep")] == ["sweep seed x num_filters"]
    assert {run.name for run in workplace.runs()} == {"seed3 f2", "seed3 f3", "seed4 f2", "seed4 f3"}
    (heading,) = [
        line for line in workplace.convsweep("compare", "--runs").out.splitlines() if line.split()[:1] == ["run"]
    ]
    assert heading.split() == ["run", "seed", "filters", "valid", "test", "loss", "loss", "seconds", "outcome"]


class TestGrid:
    """What a sweep of four sound jobs leaves in the store and on disk."""

    def test_it_is_one_parent_with_four_children(self, grid):
        (parent,) = grid.runs("sweep")
        children = grid.runs()
        assert len(children) == 4
        assert {child.tags["mlflow.parentRunId"] for child in children} == {parent.id}
        assert {child.tags["convsweep.sweep"] for child in children} == {parent.tags["convsweep.sweep"]}

    def test_all_of_them_are_finished_in_the_experiment(self, grid):
        everything = grid.runs() + grid.runs("sweep")
        assert Counter((run.status, run.experiment) for run in everything) == {("FINISHED", "convsweep"): 5}

    def test_the_runs_are_named_by_what_varies(self, grid):
        assert {run.name for run in grid.runs()} == {"lr0.005 f4", "lr0.005 f8", "lr0.02 f4", "lr0.02 f8"}
        assert [run.name for run in grid.runs("sweep")] == ["sweep learning_rate x num_filters"]

    def test_the_params_are_the_hyperparameters_and_nothing_else(self, grid):
        """MLflow's charts offer every param as an axis, so constants are tags."""
        assert [set(run.params) for run in grid.runs()] == [HYPERPARAMETERS] * 4
        combinations = {(run.params["learning_rate"], run.params["num_filters"]) for run in grid.runs()}
        assert combinations == {("0.005", "4"), ("0.005", "8"), ("0.02", "4"), ("0.02", "8")}
        assert {(run.params["init_scale"], run.params["epochs"], run.params["seed"]) for run in grid.runs()} == {
            ("1", "2", "0")
        }

    def test_every_other_value_of_the_configuration_is_a_tag(self, grid):
        for run in grid.runs():
            assert run.tags["config.data.name"] == "mnist_5k"
            assert run.tags["config.data.num_train"] == "2000"
            assert run.tags["config.train.ties"] == "all"
            assert run.tags["config.train.shuffle"] == "false"
            assert run.tags["config.train.frozen"] == "none"
            assert run.tags["config.model.padding"] == "valid"

    def test_every_run_carries_its_own_key(self, grid):
        keys = {run.tags["convsweep.run_key"] for run in grid.runs()}
        assert len(keys) == 4
        assert keys == {record.name for record in grid.records()}

    def test_a_run_says_how_it_ended_and_that_it_was_trained_here(self, grid):
        outcomes = {(run.tags["convsweep.outcome"], run.tags["convsweep.reused"]) for run in grid.runs()}
        assert outcomes == {("finished", "false")}

    def test_validation_is_logged_before_training_and_after_each_epoch(self, grid):
        for run in grid.runs():
            assert steps(run, "valid/accuracy") == steps(run, "valid/loss") == [0, 2000, 4000]

    def test_training_is_logged_once_a_window(self, grid):
        for run in grid.runs():
            assert steps(run, "train/loss") == steps(run, "train/accuracy") == list(range(500, 4001, 500))

    def test_validation_accuracy_is_logged_first(self, grid):
        """MLflow's compare page preselects the metric that was logged first."""
        assert {run.history[0][0] for run in grid.runs()} == {"valid/accuracy"}

    def test_what_is_measured_once_stands_at_step_0(self, grid):
        """MLflow draws a single value as a bar at step 0, and as a lone dot at any other."""
        for run in grid.runs():
            assert steps(run, "test/accuracy") == steps(run, "test/loss") == steps(run, "seconds") == [0]

    def test_the_network_has_learned(self, grid):
        for run in grid.runs():
            accuracies = dict(run.metric("valid/accuracy"))
            assert accuracies[0] < 0.3
            assert accuracies[4000] > 0.7

    def test_the_images_are_logged_as_a_data_set_with_their_digest(self, grid):
        config = compose_run(["data.num_train=2000", "data.num_valid=100", "data.num_test=100"])
        expected = ("mnist_5k", load(config.data).digest[:16])
        assert {dataset for run in grid.runs() for dataset in run.datasets} == {expected}
        assert all(len(run.datasets) == 1 for run in grid.runs())

    def test_the_artifacts_hold_what_is_needed_to_look_closer(self, grid):
        for run in grid.runs():
            expected = {"config.yaml", "predictions.npz", "result.json", "environment/environment.json"}
            expected |= {f"checkpoints/epoch_{epoch:03d}.npz" for epoch in range(3)}
            expected |= {f"figures/{name}.png" for name in FIGURES}
            assert run.files() - {"environment/uncommitted.diff"} == expected

    def test_the_figures_are_pictures(self, grid):
        for run in grid.runs():
            for name in FIGURES:
                assert (run.artifacts / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG\r\n")

    def test_every_run_has_its_model_in_the_experiments_artifacts(self, grid):
        """MLflow keeps models beside the runs, tied to them in the database."""
        models = list((grid.mlruns / "artifacts").glob("*/models/*/artifacts/MLmodel"))
        owners = {
            line.split()[-1].strip("'")
            for model in models
            for line in model.read_text().splitlines()
            if "run_id:" in line
        }
        assert owners == {run.id for run in grid.runs()}

    def test_a_record_holds_the_files_it_promises(self, grid):
        for record in grid.records():
            names = {str(path.relative_to(record)) for path in record.rglob("*") if path.is_file()}
            promised = {"config.yaml", "events.jsonl", "attempts.jsonl", "predictions.npz", "result.json"}
            promised |= {f"checkpoints/epoch_{epoch:03d}.npz" for epoch in range(3)}
            promised |= {f"figures/{name}.png" for name in FIGURES}
            assert names == promised

    def test_record_and_store_agree_to_the_last_bit(self, grid, events_of):
        for run in grid.runs():
            expected = []
            for event in events_of(grid.record(run)):
                split = {"window": "train"}.get(event["event"], event.get("split"))
                if split is not None:
                    step = 0 if split == "test" else event["step"]
                    expected += [(f"{split}/accuracy", step, event["accuracy"]), (f"{split}/loss", step, event["loss"])]
            logged = [point for point in run.history if point[0] != "seconds"]
            assert sorted(logged) == sorted(expected)

    def test_the_result_is_the_last_evaluation(self, grid):
        for run in grid.runs():
            result = json.loads((grid.record(run) / "result.json").read_text())
            assert (result["outcome"], result["epoch"], result["step"]) == ("finished", 2, 4000)
            for split in ("valid", "test"):
                assert result[f"{split}_accuracy"] == run.metric(f"{split}/accuracy")[-1][1]
                assert result[f"{split}_loss"] == run.metric(f"{split}/loss")[-1][1]

    def test_no_temporary_file_is_left(self, grid):
        names = {path.name for path in grid.mlruns.rglob(".*") if path.is_file()}
        assert names == set()


def test_four_programs_can_make_the_store_at_once(bare_workplace):
    """MLflow alone can't: its migrations break each other, and runs land in the experiment "Default"."""
    tiny = ("train", "data.num_train=200", "data.num_valid=50", "data.num_test=50", "train.epochs=1")
    endings = bare_workplace.at_once(*([*tiny, f"train.seed={seed}"] for seed in range(4)))
    assert [ending.status for ending in endings] == [0] * 4, endings
    assert [(run.status, run.experiment) for run in bare_workplace.runs()] == [("FINISHED", "convsweep")] * 4
    assert {run.params["seed"] for run in bare_workplace.runs()} == {"0", "1", "2", "3"}


class TestTrouble:
    """Jobs that fail or diverge, and their neighbours."""

    def test_a_failing_job_fails_alone(self, runs):
        statuses = {learning_rate: run.status for learning_rate, run in runs.items()}
        assert statuses == {"0.005": "FINISHED", "0.02": "FAILED", "1000": "FINISHED", "0.01": "FINISHED"}

    def test_the_sweep_is_failed_then(self, troubled):
        workplace, ending = troubled
        assert ending.status == 1
        assert [parent.status for parent in workplace.runs("sweep")] == ["FAILED"]

    def test_a_failed_job_is_told_in_one_line_that_names_the_place(self, troubled, key_of):
        assert key_of("train.learning_rate=0.02") in troubled[1].only_line

    def test_a_diverging_job_ends_as_a_result(self, runs):
        assert runs["1000"].tags["convsweep.outcome"] == "diverged"
        assert runs["1000"].metric("test/accuracy") == []
        assert runs["1000"].metric("valid/accuracy")[0][0] == 0

    def test_its_record_names_the_step(self, troubled, runs, events_of):
        record = troubled[0].record(runs["1000"])
        last = events_of(record)[-1]
        result = json.loads((record / "result.json").read_text())
        assert last["event"] == result["outcome"] == "diverged"
        assert 1 <= last["step"] == result["step"] <= 200
        assert result["test_accuracy"] is None

    def test_its_figures_are_drawn_from_what_there_is(self, runs):
        assert {path.stem for path in (runs["1000"].artifacts / "figures").iterdir()} == FIGURES

    def test_the_other_jobs_are_what_they_are_without_it(self, troubled, runs, workplace, digests_of):
        assert workplace.train("train.learning_rate=0.01").status == 0
        (alone,) = workplace.runs()
        assert digests_of(workplace.record(alone)) == digests_of(troubled[0].record(runs["0.01"]))

    def test_nothing_but_finite_numbers_is_logged(self, runs):
        """MLflow would store infinity as 1.8e308, and plot it."""
        values = [value for run in runs.values() for _, _, value in run.history]
        assert values
        assert np.all(np.abs(values) < 1e100)


def test_initial_parameters_beyond_all_bounds_diverge_before_the_first_step(workplace):
    ending = workplace.train("model.init_scale=1e30")
    assert ending.status == 0, ending.err
    (run,) = workplace.runs()
    assert (run.status, run.tags["convsweep.outcome"]) == ("FINISHED", "diverged")
    assert "diverged" in ending.out


@pytest.mark.parametrize(
    ("overrides", "complaints"),
    [
        (["train.learning_rate=0.005,-1"], ["'train.learning_rate' must be > 0 (got -1)."]),
        (
            ["train.seed=0,1", "train.epoch=3"],
            ["'train.epoch' is not a key of the configuration. Did you mean 'train.epochs'?"],
        ),
        (
            ["data=mnist_5k,mnits"],
            ["'data' must be one of fashion_mnist, mnist, mnist_5k (got 'mnits'). Did you mean 'mnist'?"],
        ),
        (
            ["train.learning_rate=0.005,0,-1", "model.num_filters=8,x"],
            [
                "'train.learning_rate' must be > 0 (got 0).",
                "'model.num_filters' must be a whole number (got 'x').",
                "'train.learning_rate' must be > 0 (got -1).",
            ],
        ),
    ],
    ids=["value", "key", "group", "several"],
)
def test_one_bad_job_stops_a_sweep_before_the_first(bare_workplace, overrides, complaints):
    ending = bare_workplace.convsweep("train", "-m", *overrides)
    assert ending.status == 1
    assert ending.out == ""
    assert sorted(ending.err.splitlines()) == sorted(f"convsweep: {complaint}" for complaint in complaints)
    assert list(bare_workplace.folder.iterdir()) == []
