"""``tracking.artifacts``: whose files and models MLflow holds, and nothing else that it shows."""

import random

import pytest
from store_content import read_content
from sweeps_on_disk import kill, mirror_to_its_end

from convsweep.config import validate
from convsweep.errors import UserError
from convsweep.tracking.mirror import sync

BEST = {"train.seed=0", "train.seed=1"}  # the other run diverged


def by_name(recorded):
    return {run["name"]: run for run in read_content(recorded.database)}


def with_files(recorded):
    """The runs that have files, and those that have a model; the sweep's own page apart."""
    runs = by_name(recorded)
    del runs["sweep seed"]
    return (
        {name for name, run in runs.items() if run["artifacts"]},
        {name for name, run in runs.items() if run["models"]},
    )


def without_files(content):
    """What MLflow shows beside files and models."""
    left_out = {"artifacts", "models", "outputs"}
    return [
        {key: value for key, value in run.items() if key not in left_out}
        | {"tags": {key: value for key, value in run["tags"].items() if key != "convsweep.sent"}}
        for run in content
    ]


@pytest.mark.parametrize(("artifacts", "expected"), [("none", set()), ("best", BEST)])
def test_mlflow_holds_the_files_of_the_chosen_runs_and_shows_all_else_of_all(
    recorded, follow_once, content_of, artifacts, expected
):
    recorded.write(artifacts=artifacts)
    assert follow_once(recorded) == (True, [])
    assert with_files(recorded) == (expected, expected)
    content = read_content(recorded.database)
    assert without_files(content) == without_files(content_of)
    assert sorted(by_name(recorded)["sweep seed"]["artifacts"]) == ["comparison.png", "report.html"]
    assert follow_once(recorded) == (True, [])
    assert read_content(recorded.database) == content


@pytest.mark.parametrize("before", ["none", "best"])
def test_files_that_were_left_out_are_sent_when_all_are_asked_for(recorded, follow_once, content_of, before):
    recorded.write(artifacts=before)
    assert follow_once(recorded) == (True, [])
    recorded.write(artifacts="all")
    assert follow_once(recorded) == (True, [])
    assert read_content(recorded.database) == content_of


def test_files_that_are_there_stay_when_none_are_asked_for_any_more(recorded, follow_once, content_of):
    assert follow_once(recorded) == (True, [])
    recorded.write(artifacts="none")
    assert follow_once(recorded) == (True, [])
    names = [set(run["artifacts"]) for run in content_of]
    assert [set(run["artifacts"]) for run in read_content(recorded.database)] == names


def test_files_of_the_best_wait_until_the_sweep_has_finished(recorded, follow_once):
    recorded.write(artifacts="best", state="killed")
    assert follow_once(recorded) == (True, [])
    assert with_files(recorded) == (set(), set())
    recorded.write(artifacts="best")
    assert follow_once(recorded) == (True, [])
    assert with_files(recorded) == (BEST, BEST)


def test_the_best_is_sent_whole_whatever_was_killed_in_between(recorded, killable, follow_once):
    recorded.write(artifacts="best")
    assert follow_once(recorded) == (True, [])
    expected = read_content(recorded.database)
    for path in recorded.mlruns.glob("mlflow.db*"):
        path.unlink()
    rng = random.Random(4)
    for trial in range(12):
        process = killable(mirror_to_its_end, recorded.mlruns, recorded.sweep.id)
        process.join(0.1 + trial * 0.05 + rng.uniform(0, 0.1))
        kill(process)
    process = killable(mirror_to_its_end, recorded.mlruns, recorded.sweep.id)
    process.join()
    assert process.exitcode == 0
    assert read_content(recorded.database) == expected


def test_a_single_run_is_its_own_best(recorded, follow_once):
    recorded.write(multirun=False, jobs=recorded.sweep.jobs[:1], artifacts="best")
    assert follow_once(recorded) == (True, [])
    (run,) = read_content(recorded.database)
    assert (len(run["models"]), "result.json" in run["artifacts"]) == (1, True)


def test_sync_honours_what_the_sweep_was_launched_with(recorded):
    recorded.write(artifacts="best")
    (synced,) = sync(recorded.mlruns)
    assert (synced.num_sent, synced.problems) == (3, ())
    assert with_files(recorded) == (BEST, BEST)


def test_a_server_gets_the_files_of_the_best_only(recorded, new_server, follow_once, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", new_server.address)
    new_server.start()
    recorded.write(artifacts="best")
    for _ in range(2):
        assert follow_once(recorded) == (True, [])
        folders = {path.parents[1].name for path in (new_server.folder / "artifacts").rglob("artifacts/result.json")}
        assert len(folders) == len(BEST)


def test_registering_a_model_that_was_left_out_is_refused_in_one_line(recorded, follow_once):
    from convsweep.compare.comparison import compare_runs
    from convsweep.compare.runs import load_runs
    from convsweep.tracking.registry import register_best

    recorded.write(artifacts="none")
    assert follow_once(recorded) == (True, [])
    comparisons = compare_runs(load_runs(recorded.mlruns, recorded.sweep))
    with pytest.raises(
        UserError, match=r"needs the best run's model .* \(got a sweep with 'tracking.artifacts=none'\)"
    ):
        register_best(recorded.mlruns, comparisons)


def test_it_enters_no_run_key(recorded):
    from convsweep.records.identity import run_key

    config = recorded.jobs[0].config
    values = config.model_dump(mode="json")
    values["tracking"] |= {"artifacts": "none", "mirrors": 4}
    assert run_key(validate(values)) == run_key(config)
