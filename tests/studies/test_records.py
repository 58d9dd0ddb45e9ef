"""What stands in ``experiments/``: every number of a page that was measured comes from the record beside it."""

import re

import pandas as pd
import pytest

from convsweep.hydra_app.compose import compose_run, conf_dir
from experiments.harness.discovery import EXPERIMENTS, find, study_names
from experiments.harness.index import index
from experiments.harness.page import outcome
from experiments.harness.study import RESULTS

measured_studies = pytest.mark.parametrize(
    "name", [name for name in study_names() if (EXPERIMENTS / name / RESULTS).exists()]
)
numbered_sweeps = pytest.mark.parametrize(
    "name", sorted(path.stem for path in (conf_dir() / "experiment").glob("[0-9][0-9]_*.yaml"))
)


def read(name):
    """Return a study, the text of its committed page and its committed record."""
    study, folder = find(name), EXPERIMENTS / name
    return study, (folder / "README.md").read_text(), study.read(folder)


@measured_studies
def test_a_page_says_of_the_outcome_what_its_record_says(name):
    study, text, record = read(name)
    assert text.endswith(f"{outcome(study.report(record))}\n")


@measured_studies
def test_a_record_with_other_numbers_gives_another_page(name):
    """Each number a twentieth smaller, and the text must be another."""
    study, text, record = read(name)
    measured = record.select_dtypes("float").columns.difference(["learning_rate", "init_scale", "filters_times"])
    changed = record.assign(**{name: 0.95 * record[name] for name in measured})
    assert not text.endswith(f"{outcome(study.report(changed))}\n")


def test_the_tutorials_verdicts_have_the_means_of_their_results():
    folder = EXPERIMENTS / "02_tutorial"
    results = pd.read_csv(folder / RESULTS)
    tested = results[(results["experiment"] == "full") & (results["epoch"] == "test")]
    means = tested.groupby("gradient")["loss"].mean()
    verdicts = pd.read_json(folder / "verdicts.json").query("quantity == 'test_loss' and diverged == 0")
    assert len(verdicts) >= 2
    for gradient, mean in zip(verdicts["gradient"], verdicts["mean"], strict=True):
        assert mean == pytest.approx(means[gradient], abs=1e-6)


@measured_studies
def test_a_pages_pictures_are_beside_it(name):
    _, text, _ = read(name)
    files = re.findall(r"!\[[^]]+\]\(([^)]+)\)", text)
    assert files
    for file in files:
        assert (EXPERIMENTS / name / file).read_bytes().startswith(b"\x89PNG")


@measured_studies
def test_a_page_says_how_it_came_about_and_is_no_small_version(name):
    _, text, _ = read(name)
    for row in ("command", "data", "seeds", "code", "machine", "time"):
        assert re.search(rf"^\| {row} \| .+ \|$", text, re.MULTILINE)
    assert "small version" not in text
    assert "uncommitted" not in text
    assert f"`make experiment NAME={name}" in text


def test_the_index_is_made_of_the_records():
    assert (EXPERIMENTS / "README.md").read_text() == index()


@numbered_sweeps
def test_a_sweep_with_a_number_belongs_to_the_study_of_its_name(name):
    """Its header says how to run either."""
    assert name in study_names()
    text = (conf_dir() / "experiment" / f"{name}.yaml").read_text()
    assert f"make experiment NAME={name} " in text
    assert f"convsweep train experiment={name} " in text
    assert compose_run([f"experiment={name}"]).data.name == "mnist"
