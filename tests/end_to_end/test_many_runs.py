"""What a sweep of many runs is given to keep disk and MLflow small: checkpoints, artifacts, mirrors side by side."""

import psutil
import pytest

LONG = ("data.num_train=1000", "data.num_valid=50", "data.num_test=50", "train.epochs=25", "train.seed=0,1,2")


def checkpoints(record):
    return sorted(path.name for path in (record / "checkpoints").iterdir())


def is_mirror(process):
    try:
        return "convsweep.tracking.mirror_process" in process.cmdline()
    except psutil.Error:  # it has just ended
        return False


@pytest.fixture(scope="module")
def all_kept(new_workplace):
    """The sweep as it comes to its end undisturbed, with all of its checkpoints."""
    workplace = new_workplace()
    ending = workplace.convsweep("train", "-m", *LONG, "tracking.enabled=false")
    assert ending.status == 0, ending.err
    return workplace


def test_a_killed_sweep_that_keeps_last_checkpoints_only_goes_on_and_ends_in_the_same_bits(
    workplace, all_kept, digests_of, events_of
):
    one_stack = "hydra.launcher.n_jobs=1"  # all three are as far when they are killed
    command = ("train", "-m", *LONG, one_stack, "checkpoints=last", "tracking.artifacts=none")
    with workplace.running(*command) as program:
        program.until(lambda: workplace.all_begun(3))
        program.kill()
    ending = workplace.convsweep(*command)
    assert ending.status == 0, ending.err
    assert "3 to go on with" in ending.out
    assert [record.name for record in workplace.records()] == [record.name for record in all_kept.records()]
    for record, whole in zip(workplace.records(), all_kept.records(), strict=True):
        assert checkpoints(record) == ["epoch_025.npz"]
        assert len(checkpoints(whole)) == 26
        last = {place: digest for place, digest in digests_of(whole).items() if place[0] == "epoch_025"}
        assert digests_of(record) == last
        told = [
            {name: value for name, value in event.items() if name != "only_checkpoint"} for event in events_of(record)
        ]
        without_digests = [{name: event[name] for name in event if name != "checkpoint"} for event in told]
        expected = [{name: event[name] for name in event if name != "checkpoint"} for event in events_of(whole)]
        assert without_digests == expected
    assert [run.files() for run in workplace.runs()] == [set()] * 3
    assert {run.status for run in workplace.runs()} == {"FINISHED"}

    # the same command with another choice trains nothing, and sends what was left out
    results = [(record / "result.json").stat().st_mtime_ns for record in workplace.records()]
    ending = workplace.convsweep(*command[:-1], "tracking.artifacts=all")
    assert ending.status == 0, ending.err
    assert "all 3 jobs are finished" in ending.out
    assert [(record / "result.json").stat().st_mtime_ns for record in workplace.records()] == results
    for run in workplace.runs():
        assert {"result.json", "checkpoints/epoch_025.npz"} <= run.files()
    assert len(workplace.sweeps()) == 1


def test_what_was_trained_without_mlflow_is_sent_by_two_mirrors_and_both_commands_say_how_far_it_is(workplace):
    assert workplace.sweep("train.seed=range(24)", "tracking.enabled=false").status == 0
    (sweep,) = workplace.sweeps()
    ending = workplace.convsweep("watch")
    assert "in MLflow" not in ending.out
    ending = workplace.convsweep("sync", "--mirrors", "2")
    assert ending.status == 0, ending.err
    assert f"{sweep['id']}: 24 of 24 jobs sent; 24 of 24 runs in MLflow." in ending.out
    assert [run.status for run in workplace.runs()] == ["FINISHED"] * 24
    assert len(workplace.runs("sweep")) == 1
    assert "24 of 24 runs in MLflow." in workplace.convsweep("watch").out
    assert "sent" not in workplace.convsweep("sync", "--mirrors", "2").out


def test_a_sweep_with_three_mirrors_is_told_once_and_leaves_no_process(workplace):
    with workplace.running("train", "-m", *LONG, "train.epochs=100", "tracking.mirrors=3") as program:
        program.until(lambda: sum(map(is_mirror, program.family())) == 3)
        family = program.family()
        assert program.end().status == 0
    _, alive = psutil.wait_procs(family, timeout=60)
    assert alive == []
    runs = workplace.runs()
    assert [run.status for run in runs] == ["FINISHED"] * 3
    for run in runs:
        places = [(key, step) for key, step, _ in run.history]
        assert len(places) == len(set(places))
    assert "3 of 3 runs in MLflow." in workplace.convsweep("watch").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("train", "checkpoints=first"), "'checkpoints' must be one of all, last (got 'first')."),
        (("train", "tracking.artifacts=some"), "'tracking.artifacts' must be one of all, best, none (got 'some')."),
        (("train", "-m", "tracking.mirrors=0"), "'tracking.mirrors' must be >= 1 (got 0)."),
    ],
)
def test_a_wrong_choice_is_refused_in_one_line_and_nothing_is_written(bare_workplace, arguments, said):
    assert bare_workplace.convsweep(*arguments).only_line == said
    assert list(bare_workplace.folder.iterdir()) == []
