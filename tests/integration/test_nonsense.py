"""Nothing to do, or nonsense to do: one line with the rule, the value given and the way out; nothing is written."""

import sys

import pytest
from hydra.core.global_hydra import GlobalHydra

from convsweep.commands.main import commands
from convsweep.errors import UserError

OF_SWEEPS = "needs -m and 'hydra/sweeper=grid', the default: it does nothing otherwise (got a run by itself)."
# what Hydra, joblib, NumPy and the file system would answer with a traceback, or not at all -> what is said
REFUSED = {
    ("train", "-m", "train.seed=range(5,5)"): "'train.seed' must give at least one value (got range(5,5)).",
    ("plan", "-m", "train.seed=range(5,5)"): "'train.seed' must give at least one value (got range(5,5)).",
    (
        "train",
        "-m",
        "data=glob(kmnist*)",
    ): "'data' must match one of fashion_mnist, mnist, mnist_5k (got glob(kmnist*)).",
    # axes over what decides no number
    ("train", "-m", "tracking.experiment=a,b"): (
        "'tracking.experiment' must be the same for all jobs, as it decides no number (got a; b)."
    ),
    ("plan", "-m", "train.seed=0,1", "mlruns=/a,/b"): (
        "'mlruns' must be the same for all jobs, as it decides no number (got /a; /b)."
    ),
    ("train", "-m", "hydra/launcher=basic", "mlruns=/a,/b"): "'mlruns' must be the same for all jobs",
    ("train", "-m", "hydra/launcher=joblib", "++tracking.mirrors=1,2"): "'tracking.mirrors' must be the same for all",
    ("train", "-m", "rerun=true,false"): "'rerun' must be the same for all jobs, as it decides no number (got true; ",
    ("train", "-m", "checkpoints=all,last"): "'checkpoints' must be the same for all jobs",
    ("train", "-m", "data=mnist", "data.dir=/a,/b"): "'data.dir' must be the same for all jobs",
    ("train", "-m", "hydra.launcher.n_jobs=1,2"): "Sweeping over Hydra's configuration is not supported",
    ("train", "-m", "train.seed=glob(*)"): "'train.seed' must be a folder of conf for glob(...) to choose from",
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
    # settings that would do nothing
    ("train", "hydra.launcher.blas_kernel=Haswell"): f"'hydra.launcher.blas_kernel=Haswell' {OF_SWEEPS}",
    ("plan", "hydra.launcher.blas_kernel=Haswell"): f"'hydra.launcher.blas_kernel=Haswell' {OF_SWEEPS}",
    ("train", "hydra.launcher.n_jobs=2"): f"'hydra.launcher.n_jobs=2' {OF_SWEEPS}",
    ("train", "hydra/launcher=joblib"): f"'hydra/launcher=joblib' {OF_SWEEPS}",
    ("train", "hydra.sweeper.max_batch_size=2"): f"'hydra.sweeper.max_batch_size=2' {OF_SWEEPS}",
    ("train", "hydra.sweep.dir=here"): f"'hydra.sweep.dir=here' {OF_SWEEPS}",
    ("train", "-m", "hydra.run.dir=here"): "A sweep's folder is 'hydra.sweep.dir', and 'hydra.run.dir' a run's (got ",
    ("train", "-m", "hydra.job.chdir=true"): "'hydra.job.chdir' needs 'hydra/launcher=basic' or joblib",
    ("plan", "-m", "+hydra.job.env_set.OMP_DYNAMIC=1"): "'hydra.job.env_set' needs 'hydra/launcher=basic' or joblib",
    ("train", "-m", "hydra.launcher.slurm.partition=fast"): (
        "'hydra.launcher.slurm.partition' needs 'hydra.launcher.executor=slurm' (got local)."
    ),
    ("train", "-m", "hydra.launcher.blas_kernel=Nonsense"): (
        "'hydra.launcher.blas_kernel' must be kernels that NumPy's BLAS has for the processor, "
    ),
    ("plan", "-m", "hydra.sweeper.max_batch_size=0"): "'hydra.sweeper.max_batch_size' must be >= 1, or null for all",
    ("train", "data=mnist", "data.dir=~/x y"): "cannot be read; write 'data.dir=/",
    ("compare", "--png", "a.txt"): "'--png' must name a file that ends in .png (got 'a.txt').",
    ("compare", "--png", "out"): "'--png' must name a file that ends in .png (got 'out').",
    ("compare", "--csv", "t.parquet.zst"): "'--csv' must name a file that ends in .csv (got 't.parquet.zst').",
    ("data", "--png", "[/x].txt"): "'--png' must name a file that ends in .png (got '[/x].txt').",
    ("data", "data=mnist", "data.dir=nowhere"): "'data.dir' must be a folder",
}


@pytest.mark.parametrize(("command", "says"), REFUSED.items(), ids=map(" ".join, REFUSED))
def test_nonsense_is_refused_in_one_line_and_writes_nothing(tmp_path, monkeypatch, command, says):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")  # which would let Hydra print errors itself
    monkeypatch.setattr(sys, "argv", ["convsweep"])
    GlobalHydra.instance().clear()
    name, *arguments = command
    untracked = ["tracking.enabled=false"] if name == "train" else []
    with pytest.raises(UserError) as error:
        commands([name, *arguments, *untracked], standalone_mode=False)
    assert says in str(error.value)
    assert len(str(error.value).splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_within_a_sweep_is_refused_under_hydras_own_sweeper_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["convsweep"])
    GlobalHydra.instance().clear()
    with pytest.raises(UserError) as error:
        commands(
            ["train", "-m", "hydra/sweeper=basic", "experiment=first_sweep,03_choices", "tracking.enabled=false"],
            standalone_mode=False,
        )
    assert "A job of a sweep cannot choose a file that is a sweep itself" in str(error.value)
    assert "(got a file with axes model.init_scale, model.num_filters, train.learning_rate, train.seed)" in str(
        error.value
    )
    assert not (tmp_path / "mlruns" / "runs").exists()
