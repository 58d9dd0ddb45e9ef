"""The axes of a sweep, from the command line and from files of conf/experiment, as the real commands take them."""

import json
import sys

import pytest
from hydra.core.global_hydra import GlobalHydra

from convsweep.commands.main import commands
from convsweep.errors import UserError

TINY = ("data.num_train=60", "data.num_valid=20", "data.num_test=20", "train.epochs=1", "tracking.enabled=false")
OF_HYDRA = "'hydra.sweeper.params' must hold no setting of Hydra's own: jobs share them"


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Run a command in an empty folder, with more files to choose an ``experiment`` from."""
    experiments = tmp_path / "more conf" / "experiment"
    experiments.mkdir(parents=True)
    (tmp_path / "workplace").mkdir()
    monkeypatch.chdir(tmp_path / "workplace")
    monkeypatch.setattr(sys, "argv", ["convsweep"])

    def run(name, *arguments, **files):
        for file, text in files.items():
            (experiments / f"{file}.yaml").write_text(f"# @package _global_\n{text}")
        GlobalHydra.instance().clear()
        search = f"hydra.searchpath=['file://{tmp_path}/more conf']"
        commands([name, *arguments, *((search,) if files else ())], standalone_mode=False)

    return run


def the_sweep(folder):
    (path,) = (folder / "workplace" / "mlruns" / "sweeps").glob("*/sweep.json")
    return json.loads(path.read_text())


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ("mlruns: '/a,/b'", "'mlruns' must be the same for all jobs, as it decides no number (got /a; /b)."),
        (
            "hydra.launcher.n_jobs: '1,2'",
            f"{OF_HYDRA} (got hydra.launcher.n_jobs=1,2).",
        ),
        (
            "hydra.job.chdir: true",
            f"{OF_HYDRA} (got hydra.job.chdir=True).",
        ),
    ],
)
def test_an_axis_of_a_file_that_decides_no_number_is_refused(command, tmp_path, params, says):
    file = f"hydra: {{mode: MULTIRUN, sweeper: {{params: {{train.seed: '0,1', {params}}}}}}}\n"
    with pytest.raises(UserError) as error:
        command("train", "experiment=mine", *TINY, mine=file)
    assert str(error.value) == says
    assert list((tmp_path / "workplace").iterdir()) == []


def test_jobs_that_choose_files_with_other_places_are_refused(command, tmp_path):
    """The sweep would have taken the first one's."""
    files = {name: f"train: {{seed: {seed}}}\ntracking: {{experiment: {name}}}\n" for seed, name in enumerate("ab")}
    with pytest.raises(UserError) as error:
        command("train", "-m", "experiment=a,b", *TINY, **files)
    assert str(error.value) == (
        "'tracking.experiment' must be the same for all jobs, as it decides no number (got a; b)."
    )
    assert list((tmp_path / "workplace").iterdir()) == []


def test_data_sets_of_several_places_can_be_an_axis(command, capsys):
    command("plan", "-m", "data=mnist,fashion_mnist")
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()[:2]] == [
        ["0", "mnist:"],
        ["1", "fashion_mnist:"],
    ]


@pytest.mark.parametrize("again", ["train.seed=7,8,9", "++train.seed=7,8,9"])
def test_an_axis_of_the_command_line_replaces_that_of_the_file(command, tmp_path, again):
    """Names, axes and jobs: each has it once."""
    file = "hydra: {mode: MULTIRUN, sweeper: {params: {train.seed: '0,1', model.num_filters: '2,3'}}}\n"
    command("train", "experiment=mine", "model.num_filters=2", again, *TINY, mine=file)
    sweep = the_sweep(tmp_path)
    assert sweep["axes"] == ["train.seed"]
    assert [job[1] for job in sweep["jobs"]] == ["seed7", "seed8", "seed9"]


def test_a_single_run_is_named_by_a_key_that_is_given_twice_once(command, tmp_path):
    command("train", "train.seed=1", "train.seed=2", *TINY)
    sweep = the_sweep(tmp_path)
    assert [job[1] for job in sweep["jobs"]] == ["seed2 num_train=60 num_valid=20 num_test=20 e1"]
    assert sweep["axes"].count("train.seed") == 1
