"""Settings that ask for something of runs or sweeps that are there already: obeyed, or refused in one line."""

import sys

import pytest
from hydra.core.global_hydra import GlobalHydra

from convsweep.commands.main import commands
from convsweep.errors import UserError
from convsweep.records.journal import read_result

TINY = ("data.num_train=60", "data.num_valid=20", "data.num_test=20", "train.epochs=2")


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Run a command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["convsweep"])

    def run(name, *arguments):
        GlobalHydra.instance().clear()
        commands([name, *arguments, "tracking.enabled=false"], standalone_mode=False)

    return run


def kernels(tmp_path):
    return {read_result(path.parent).blas_kernel for path in tmp_path.glob("mlruns/runs/*/result.json")}


class TestOtherKernelsThanBefore:
    """``hydra.launcher.blas_kernel`` names others than those that finished runs were computed with."""

    SWEEP = ("-m", "train.seed=0,1", *TINY)

    def test_a_finished_sweep_is_not_what_was_asked_for_until_it_is_trained_anew(self, command, tmp_path, capsys):
        command("train", *self.SWEEP, "hydra.launcher.blas_kernel=Haswell")
        assert kernels(tmp_path) == {"Haswell"}
        command("train", *self.SWEEP, "hydra.launcher.blas_kernel=haswell")
        assert "all 2 jobs are finished" in capsys.readouterr().out
        larger = ("-m", "train.seed=0,1,2", *TINY)
        for name in ("train", "plan"):
            with pytest.raises(UserError) as error:
                command(name, *larger, "hydra.launcher.blas_kernel=Nehalem")
            assert str(error.value) == (
                "'hydra.launcher.blas_kernel=Nehalem' needs runs that no other kernels have worked at, or rerun=true, "
                "which trains all anew (got Haswell for 2 of 3 runs)."
            )
        assert len(list(tmp_path.glob("mlruns/sweeps/*"))) == 1
        command("train", *larger, "hydra.launcher.blas_kernel=Nehalem", "rerun=true")
        assert kernels(tmp_path) == {"Nehalem"}

    def test_a_run_that_was_interrupted_is_not_gone_on_with(self, command, tmp_path):
        command("train", *self.SWEEP, "hydra.launcher.blas_kernel=Haswell")
        for path in tmp_path.glob("mlruns/runs/*/result.json"):
            path.unlink()
        with pytest.raises(UserError, match=r"\(got Haswell for 2 of 2 runs\)"):
            command("train", *self.SWEEP, "hydra.launcher.blas_kernel=Nehalem")


def test_a_sweep_that_stays_in_its_first_folder_says_so(command, tmp_path, capsys):
    command("train", "-m", "train.seed=0,1", *TINY, "hydra.sweep.dir=first")
    assert "folder" not in capsys.readouterr().out
    command("train", "-m", "train.seed=0,1", *TINY, "hydra.sweep.dir=second")
    said = f"The folder of this sweep's jobs stays '{tmp_path}/first' (asked for '{tmp_path}/second')."
    assert said in capsys.readouterr().out
    assert not (tmp_path / "second").exists()


def test_hydras_own_sweeper_with_our_launcher_trains_one_after_the_other_and_refuses_its_settings(command, tmp_path):
    with pytest.raises(UserError, match=r"'hydra\.launcher\.n_jobs=2' needs -m and "):
        command("train", "-m", "hydra/sweeper=basic", "hydra.launcher.n_jobs=2", "train.seed=0,1", *TINY)
    assert not (tmp_path / "mlruns" / "runs").exists()
    of_joblib = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    command("train", "-m", "hydra/sweeper=basic", *of_joblib, "train.seed=0,1", *TINY)
    assert len(list(tmp_path.glob("mlruns/runs/*/result.json"))) == 2


@pytest.mark.parametrize("launcher", ["stacked", "basic"])
def test_folders_may_refer_to_what_hydra_knows_of_a_job_only_later(command, tmp_path, launcher):
    words = ("-m", "train.seed=0,1", *TINY, f"hydra/launcher={launcher}", "hydra.sweep.subdir=x_${hydra.job.num}")
    command("plan", *words)
    command("train", *words)
    assert len(list(tmp_path.glob("mlruns/sweeps/*/x_[01]/.hydra"))) == 2


def test_a_runs_folder_may_have_its_key_and_keeps_hydras_files_when_it_is_trained_anew(command, tmp_path):
    command("train", *TINY, "hydra.run.dir=out/${run_key:}")
    (record,) = tmp_path.glob("mlruns/runs/*")
    assert (tmp_path / "out" / record.name / ".hydra").is_dir()
    command("train", *TINY, "train.seed=5")
    command("train", *TINY, "train.seed=5", "rerun=true")
    (other,) = (path for path in tmp_path.glob("mlruns/runs/*") if path != record)
    assert (other / ".hydra" / "config.yaml").is_file()
