"""What stands in ``experiments/``: every number of a page that was measured comes from the record beside it."""

import re
from pathlib import Path

import pandas as pd
import pytest

from convsweep.errors import UserError
from convsweep.hydra_app.compose import compose_run, conf_dir
from convsweep.studies.catalogue import STUDIES, find
from convsweep.studies.index import index
from convsweep.studies.page import outcome

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
COMMITTED = [study for study in STUDIES if (EXPERIMENTS / study.name).is_dir()]
SWEEPS = ("03_choices", "04_init_scale", "06_filters_and_rates", "07_all_of_mnist")
committed = pytest.mark.parametrize("study", COMMITTED, ids=lambda study: study.name)


def read(study):
    folder = EXPERIMENTS / study.name
    return (folder / "README.md").read_text(), study.read(folder)


@committed
def test_a_page_says_of_the_outcome_what_its_record_says(study):
    text, record = read(study)
    assert text.endswith(f"{outcome(study.report(record))}\n")


@committed
def test_a_changed_record_would_be_noticed(study):
    """Each number a twentieth smaller, and the text would be another."""
    text, record = read(study)
    measured = record.select_dtypes("float").columns.difference(["learning_rate", "init_scale", "filters_times"])
    changed = record.assign(**{name: 0.95 * record[name] for name in measured})
    assert not text.endswith(f"{outcome(study.report(changed))}\n")


def test_the_tutorials_verdicts_have_the_means_of_their_results():
    folder = EXPERIMENTS / "02_tutorial"
    if not folder.is_dir():
        pytest.skip("02_tutorial has not been run yet")
    results = pd.read_csv(folder / "results.csv")
    tested = results[(results["experiment"] == "full") & (results["epoch"] == "test")]
    means = tested.groupby("gradient")["loss"].mean()
    verdicts = pd.read_json(folder / "verdicts.json").query("quantity == 'test_loss' and diverged == 0")
    assert len(verdicts) >= 2
    for gradient, mean in zip(verdicts["gradient"], verdicts["mean"], strict=True):
        assert mean == pytest.approx(means[gradient], abs=1e-6)


@committed
def test_the_pages_pictures_are_there(study):
    text, _ = read(study)
    files = re.findall(r"!\[[^]]+\]\(([^)]+)\)", text)
    assert files
    for file in files:
        assert (EXPERIMENTS / study.name / file).read_bytes().startswith(b"\x89PNG")


@committed
def test_a_page_says_how_it_came_about_and_is_no_small_version(study):
    text, _ = read(study)
    for row in ("command", "data", "seeds", "code", "machine", "time"):
        assert re.search(rf"^\| {row} \| .+ \|$", text, re.MULTILINE)
    assert "small version" not in text
    assert "uncommitted" not in text
    assert f"`make experiment NAME={study.name}" in text


def test_the_index_is_that_of_the_records():
    assert (EXPERIMENTS / "README.md").read_text() == index(EXPERIMENTS)


@pytest.mark.parametrize("name", SWEEPS)
def test_every_sweep_has_its_file_which_says_how_to_run_it(name):
    text = (conf_dir() / "experiment" / f"{name}.yaml").read_text()
    assert f"make experiment NAME={name} " in text
    assert f"convsweep train experiment={name} " in text
    assert compose_run([f"experiment={name}"]).data.name == "mnist"


def test_an_unknown_study_is_told_with_all_that_there_are():
    with pytest.raises(UserError, match=r"01_sobel, 02_tutorial.*\(got '03_choice'\)\. Did you mean '03_choices'\?"):
        find("03_choice")
