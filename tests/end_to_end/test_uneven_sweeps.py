"""A sweep of which records are missing: what `compare` says of it, and that the command it names decides it."""

import json
import shlex
import shutil

import pytest

AXES = ("train.learning_rate=0.0005,0.001,0.005,0.01", "train.seed=0,1,2,3,4")


def record_of(workplace, rate, seed):
    """Return the record of the job with this rate and seed."""
    (sweep,) = workplace.sweeps()
    (key,) = (key for _, name, key, _ in sweep["jobs"] if name == f"lr{rate} seed{seed}")
    return workplace.mlruns / "runs" / key


def compared(workplace):
    """Return what `compare` prints, and the JSON that it writes."""
    ending = workplace.convsweep("compare", "--json", "found.json")
    assert ending.status == 0, ending.err
    return ending.out, json.loads((workplace.folder / "found.json").read_text())


@pytest.fixture(scope="module")
def finished(new_workplace):
    """A sweep of four learning rates with five seeds each, all of it finished."""
    workplace = new_workplace()
    assert workplace.sweep("tracking.enabled=false", *AXES).status == 0
    return workplace


@pytest.fixture
def sweep(finished, new_workplace):
    """A copy of that sweep."""
    workplace = new_workplace()
    shutil.copytree(finished.mlruns, workplace.mlruns, dirs_exist_ok=True)
    return workplace


def test_records_that_are_missing_leave_the_seeds_that_all_have(sweep):
    for rate, seed in (("0.005", 4), ("0.01", 0)):
        shutil.rmtree(record_of(sweep, rate, seed))
    said, document = compared(sweep)
    (comparison,) = document["comparisons"]
    assert [one["seed"] for one in comparison["seeds_in_common"]] == [1, 2, 3]
    assert "not compared" not in {one["relation"] for one in comparison["configurations"]}
    assert {one["n"] for one in comparison["configurations"]} == {3}
    highest = max(comparison["configurations"], key=lambda one: one["valid_accuracy"]["mean"])
    assert (comparison["decided"], highest["relation"]) == (True, "best")
    assert "They were compared on the 3 seeds that all of them have." in said


def test_a_better_configuration_that_lacks_seeds_leaves_it_undecided_until_the_named_command_has_run(sweep):
    _, document = compared(sweep)
    winner = document["comparisons"][0]["configurations"][0]["name"]
    best_seed = max(document["comparisons"][0]["configurations"][0]["runs"], key=lambda run: run["valid_accuracy"])[
        "seed"
    ]
    for seed in {0, 1, 2, 3, 4} - {best_seed}:
        shutil.rmtree(record_of(sweep, winner.removeprefix("lr"), seed))
    said, document = compared(sweep)
    (comparison,) = document["comparisons"]
    assert (comparison["decided"], comparison["best_run"]) == (False, None)
    assert f"Not decided: {winner} (" in said
    assert "best" not in {one["relation"] for one in comparison["configurations"]}
    for refused in (["predict", "best", "digit.png"], ["compare", "--register"], ["compare", "best", "lr0.001"]):
        assert "Not decided" in sweep.convsweep(*refused).err
    (command,) = document["next"]["commands"]
    assert document["next"]["num_runs"] == 4
    program, *words = shlex.split(command)
    assert program == "convsweep"
    assert f"  {command}" in said.splitlines()
    assert sweep.convsweep(*words).status == 0
    said, document = compared(sweep)
    assert document["comparisons"][0]["decided"]
    assert document["comparisons"][0]["configurations"][0]["name"] == winner
    assert said.count("Best on valid: ") == 1


def test_jobs_that_are_the_same_training_all_have_a_result(new_workplace):
    """Without shuffling, a seed of the order changes nothing: a comparison keeps one run of two."""
    workplace = new_workplace()
    axes = ("train.order_seed=0,1", "train.seed=0,1", "model.num_filters=4,8")
    assert workplace.sweep("tracking.enabled=false", *axes).status == 0
    said, document = compared(workplace)
    assert "to have a result of every job" not in said.lower()
    if document["next"] is not None:
        assert document["next"]["num_runs"] > 0


def test_more_seeds_are_trained_by_the_command_that_is_named_and_nothing_again(sweep):
    """It asks for seeds that would tell more apart; what has finished is taken over."""
    _, document = compared(sweep)
    step = document["next"]
    (command,) = step["commands"]
    before = set(sweep.records())
    assert sweep.convsweep(*shlex.split(command)[1:]).status == 0
    assert len(set(sweep.records()) - before) == step["num_runs"]
    _, document = compared(sweep)
    assert document["comparisons"][0]["num_seeds_in_common"] > 5
    # a configuration of both sweeps is that of the one with more seeds; the best one was chosen, though named by hand
    first, second, *_, last = (one["name"] for one in document["comparisons"][0]["configurations"])
    by_hand, others = sweep.at_once(["compare", first, last], ["compare", second, last])
    assert (by_hand.status, others.status) == (0, 0), by_hand.err + others.err
    assert "ahead by luck, too" in by_hand.out
    assert " p = " not in by_hand.out
    assert "paired t test" in others.out
