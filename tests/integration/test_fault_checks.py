"""The checks of ``benchmarks/faults.py`` can fail: each kind of damage to a finished sweep is found and named."""

import shutil

import pytest

from benchmarks.trials import checks
from convsweep.hydra_app.compose import compose_run
from convsweep.records.identity import run_key
from convsweep.records.sweep import Sweep, SweepJob, write_sweep
from convsweep.runs.stack import Job, run_stack

TINY = ("data.num_train=20", "data.num_valid=10", "data.num_test=10", "train.window=10", "train.epochs=2")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The ``mlruns`` of a sweep of one job."""
    mlruns = tmp_path_factory.mktemp("finished") / "mlruns"
    config = compose_run([*TINY, f"mlruns={mlruns}"])
    key = run_key(config)
    assert run_stack([Job(0, config, key, "some_sweep")]) == {}
    sweep = Sweep(
        id="some_sweep",
        multirun=True,
        command=(),
        axes=(),
        experiment="convsweep",
        folder="",
        rerun=False,
        created=0.0,
        user="",
        host="",
        git_commit=None,
        state="finished",
        ended=1.0,
        jobs=(SweepJob(0, "job", key, 40),),
    )
    write_sweep(mlruns, sweep)
    return mlruns


@pytest.fixture
def damaged(finished, tmp_path):
    """A copy of it, for a test to damage: the run's directory."""
    shutil.copytree(finished, tmp_path / "mlruns")
    (run,) = (tmp_path / "mlruns" / "runs").iterdir()
    return run


def kinds(finished, run):
    """Return the kinds of problems that are found in a damaged copy."""
    found = checks.check(run.parents[1], checks.sweep_facts(finished), with_mlflow=False)
    return {problem.kind for problem in found}


def test_a_finished_sweep_has_no_problems(finished, damaged):
    assert kinds(finished, damaged) == set()


def test_a_missing_result_is_a_lost_result(finished, damaged):
    (damaged / "result.json").unlink()
    assert kinds(finished, damaged) == {checks.LOST}


def test_a_checkpoint_of_another_epoch_is_a_lost_result(finished, damaged):
    shutil.copy(damaged / "checkpoints" / "epoch_000.npz", damaged / "checkpoints" / "epoch_001.npz")
    assert kinds(finished, damaged) == {checks.LOST}


def test_a_run_of_another_seed_differs(finished, damaged, tmp_path):
    mlruns = tmp_path / "other"
    config = compose_run([*TINY, "train.seed=1", f"mlruns={mlruns}"])
    run_stack([Job(0, config, damaged.name, "some_sweep")])
    shutil.rmtree(damaged)
    shutil.copytree(mlruns / "runs" / damaged.name, damaged)
    assert kinds(finished, damaged) == {checks.DIFFERENT}


def test_a_half_drawn_figure_differs(finished, damaged):
    figure = damaged / "figures" / "filters.png"
    figure.write_bytes(figure.read_bytes()[:100])
    assert kinds(finished, damaged) == {checks.DIFFERENT}


def test_a_temporary_file_is_stray(finished, damaged):
    (damaged / ".config.yaml.123.tmp").touch()
    assert kinds(finished, damaged) == {checks.STRAY}


def test_a_temporary_file_is_stray_even_if_an_undisturbed_sweep_leaves_it(finished, damaged, tmp_path):
    untidy = shutil.copytree(finished, tmp_path / "untidy")
    for run in (untidy / "runs" / damaged.name, damaged):
        (run / ".config.yaml.123.tmp").touch()
    assert kinds(untidy, damaged) == {checks.STRAY}


def test_a_new_kind_of_file_is_allowed_once_undisturbed_sweeps_have_it(finished, damaged, tmp_path):
    """What may lie in a folder is what an undisturbed sweep leaves there: nobody keeps a list of it."""
    newer = shutil.copytree(finished, tmp_path / "newer")
    for mlruns in (newer, damaged.parents[1]):
        (mlruns / "sweeps" / "some_sweep" / "page-version").touch()
    assert kinds(newer, damaged) == set()
    assert kinds(finished, damaged) == {checks.STRAY}


def test_a_file_that_the_sweep_lacks_is_a_problem(finished, damaged, tmp_path):
    newer = shutil.copytree(finished, tmp_path / "newer")
    (newer / "sweeps" / "some_sweep" / "report.html").touch()
    assert kinds(newer, damaged) == {checks.UNFINISHED}


def test_a_folder_of_a_sweep_without_a_record_is_stray(finished, damaged):
    (damaged.parents[1] / "sweeps" / "2026-01-01").mkdir()
    assert kinds(finished, damaged) == {checks.STRAY}


def test_a_second_sweep_is_a_problem(finished, damaged):
    sweeps = damaged.parents[1] / "sweeps"
    shutil.copytree(sweeps / "some_sweep", sweeps / "again")
    assert kinds(finished, damaged) == {checks.UNFINISHED}
