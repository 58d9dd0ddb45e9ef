"""Studies are found by their folders."""

import shutil
import subprocess
import sys

import pytest

from convsweep.errors import UserError
from experiments.harness.discovery import EXPERIMENTS, find, study_names


def test_every_folder_with_a_study_is_found_in_order():
    folders = [path.name for path in EXPERIMENTS.iterdir() if path.name != "harness" and (path / "study.py").exists()]
    assert study_names() == sorted(folders)
    assert len(folders) >= 7


def test_a_new_study_is_a_new_folder_and_nothing_else(tmp_path, environment):
    """A copy of the harness with one folder in it, of a name that nothing knows: the study runs."""
    copy = tmp_path / "experiments"
    shutil.copytree(EXPERIMENTS / "harness", copy / "harness")
    (copy / "42_new").mkdir()
    shutil.copy(EXPERIMENTS / "01_sobel" / "study.py", copy / "42_new")
    subprocess.run(
        [sys.executable, "-m", "experiments.harness", "42_new"],
        cwd=tmp_path,
        env=environment,  # the current folder comes before the checkout
        check=True,
        capture_output=True,
    )
    assert {path.name for path in (copy / "42_new").iterdir()} > {"study.py", "README.md", "results.csv"}
    assert "| command | `make experiment NAME=42_new` |" in (copy / "42_new" / "README.md").read_text()


def test_the_message_on_an_unknown_study_names_all_that_there_are():
    with pytest.raises(UserError, match=r"01_sobel, 02_tutorial.*\(got '03_choice'\)\. Did you mean '03_choices'\?"):
        find("03_choice")
