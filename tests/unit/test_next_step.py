"""What to run next: commands that a shell takes, and what they promise."""

import shlex
from pathlib import Path

import numpy as np
import pytest
from compared_runs import invented
from configurations import MNIST, make_config, small_sweep
from scipy import stats

from convsweep.compare.comparison import compare_runs
from convsweep.compare.next_step import next_step as next_step_in
from convsweep.compare.statistics.power import seeds_to_tell
from convsweep.hydra_app.compose import compose_run
from convsweep.naming import decisive
from convsweep.records.journal import Journal
from convsweep.records.sweep import SweepJob

NOWHERE = Path("mlruns")  # the folder by default, where nothing is


def next_step(comparisons, sweep):
    """Return what to run next where records are in the folder by default."""
    return next_step_in(comparisons, sweep, NOWHERE)


def sweep_of(runs, *command, multirun=True):
    """Return the record of a sweep with a job for each run."""
    jobs = tuple(SweepJob(number, run.name, run.run_key, 100) for number, run in enumerate(runs))
    return small_sweep([], command=command, multirun=multirun)._replace(jobs=jobs)


def grid(accuracies):
    """Return runs, given as accuracies by filter count, one a seed."""
    return [
        invented(valid, seed=seed, model__num_filters=filters)
        for filters, of_seeds in accuracies.items()
        for seed, valid in enumerate(of_seeds)
    ]


CLOSE = grid({4: (0.90, 0.91, 0.92), 8: (0.91, 0.93, 0.925)})  # behind by 0.01, 0.02 and 0.005


def test_the_same_command_with_more_seeds_is_asked_for():
    step = next_step(
        compare_runs(CLOSE), sweep_of(CLOSE, "-m", "model.num_filters=4,8", "train.seed=0,1,2", "rerun=true")
    )
    # 0.011667 sqrt(n) / 0.0076376 >= t(0.95, n - 1) + t(0.8, n - 1) from n = 5 on, where it is 3.42 and 3.07
    assert step.commands == ("convsweep train -m model.num_filters=4,8 'train.seed=range(0,5)'",)
    assert (step.purpose, step.num_runs) == ("tell the other one from the best, probably", 4)
    assert step.seconds == pytest.approx(4 * 0.6)  # invented runs take 0.4 and 0.8 s


def test_jobs_without_a_result_come_first():
    """Whatever else could be learned: the sweep's own command trains them."""
    asked_for = sweep_of(CLOSE, "experiment=mine", "a key='it is'")
    step = next_step(compare_runs(CLOSE[:-1]), asked_for)
    assert step.commands == ("convsweep train experiment=mine 'a key='\"'\"'it is'\"'\"''",)
    assert (step.purpose, step.num_runs) == ("have a result of every job", 1)


def test_without_a_sweep_a_configuration_that_lacks_seeds_has_a_command_of_its_own():
    """Which composes to the very configuration that lacks seeds."""
    runs = [*CLOSE, invented(0.99, seed=7, model__num_filters=16)]
    step = next_step(compare_runs(runs), None)
    assert (step.purpose, step.num_runs) == ("compare all of them with the same seeds", 3)
    seeds = []
    for command in step.commands:
        first, second, third, *words = shlex.split(command)
        assert (first, second, third) == ("convsweep", "train", "-m")
        *values, own = words
        config = compose_run([*values, "train.seed=0"])
        (same,) = {
            run.values["model.num_filters"] for run in runs if run.values | {"train.seed": 0} == decisive(config)
        }
        seeds.append((same, own))
    assert sorted(seeds) == [(16, "train.seed=0,1,2")]


def test_with_and_without_shuffling_the_order_is_fixed_so_that_both_can_have_the_same_seeds():
    """Without shuffling there is no order; runs of order 1 have no seed in common with those."""
    runs = [
        invented(0.9, seed=seed, model__num_filters=4, train__shuffle=shuffle, train__order_seed=1)
        for shuffle in (False, True)
        for seed in (0, 1)
    ]
    words = ["-m", "train.shuffle=false,true", "train.order_seed=1", "train.seed=0,1"]
    step = next_step(compare_runs(runs), sweep_of(runs, *words))
    assert step.commands == ("convsweep train -m train.shuffle=false,true train.seed=0,1 train.order_seed=0",)
    assert step.num_runs == 2  # the shuffled ones


def test_commands_name_the_folder_of_records_where_it_is_not_the_one_by_default():
    step = next_step_in(compare_runs(CLOSE), sweep_of(CLOSE, "-m", "mlruns=before"), Path("d e/my runs"))
    assert shlex.split(step.commands[0])[-1] == "mlruns='d e/my runs'"
    assert "mlruns=before" not in step.commands[0]


def test_a_command_of_its_own_names_the_folder_that_images_were_read_from(tmp_path):
    """A record says which; as a path it is quoted, for Hydra and for the shell."""
    data = {f"data.{key}": value for key, value in MNIST.items()} | {"data.dir": "/some where/mnist"}
    Journal(tmp_path, make_config(data)).close()
    runs = [*CLOSE, invented(0.99, seed=0, model__num_filters=16, directory=tmp_path)]
    (command,) = next_step(compare_runs(runs), None).commands
    assert "data.dir='/some where/mnist'" in shlex.split(command)


def test_runs_of_several_comparisons_are_counted_together():
    """One command trains them all; which comparison it would decide is said."""
    runs = [*CLOSE, *(run._replace(held_out="others", run_key=run.run_key[::-1]) for run in CLOSE)]
    step = next_step(compare_runs(runs), sweep_of(runs, "-m", "train.seed=0,1,2"))
    assert step.num_runs == 2 * 4
    assert step.purpose == "tell the other one from the best, probably (judged on mnist_5k)"


def test_nothing_is_asked_for_while_a_launch_is_at_work():
    runs = [*CLOSE, invented(outcome="running", seed=3, model__num_filters=8)]
    assert next_step(compare_runs(runs), sweep_of(runs, "-m")) is None


def test_single_runs_are_asked_for_more_seeds():
    runs = [invented(0.9, seed=3, model__num_filters=4, directory="nowhere")]
    assert (
        next_step(compare_runs(runs), sweep_of(runs, "model.num_filters=4", multirun=False)) is None
    )  # nothing to compare


def test_nothing_is_asked_for_if_all_others_can_be_told_from_the_best():
    runs = grid({4: (0.50, 0.51, 0.505), 8: (0.91, 0.93, 0.925)})
    (comparison,) = compare_runs(runs)
    assert comparison.candidates == []
    assert next_step([comparison], sweep_of(runs, "-m")) is None


def test_where_seeds_promise_nothing_it_is_said():
    runs = grid({4: (0.90, 0.94, 0.92), 8: (0.94, 0.90, 0.9225)})
    step = next_step(compare_runs(runs), sweep_of(runs, "-m", "model.num_filters=4,8", "train.seed=0,1,2"))
    assert step.purpose == "look closer, though 20 seeds may not tell them apart either"
    assert step.commands == ("convsweep train -m model.num_filters=4,8 'train.seed=range(0,20)'",)


def test_seeds_are_added_with_every_order_that_there_is():
    """Four runs of each, two seeds with two orders, become twelve: 11 would tell the two apart."""
    ahead = {(0, 0): 0.01, (0, 1): 0.03, (1, 0): 0.0, (1, 1): 0.005}
    runs = [
        invented(0.9 + gain, seed=seed, model__num_filters=filters, train__shuffle=True, train__order_seed=order)
        for filters in (4, 8)
        for (seed, order), gain in (dict.fromkeys(ahead, 0.0) if filters == 4 else ahead).items()
    ]
    step = next_step(compare_runs(runs), sweep_of(runs, "-m", "train.order_seed=0,1", "train.seed=0,1"))
    assert step.commands == ("convsweep train -m train.order_seed=0,1 'train.seed=range(0,6)'",)
    assert step.num_runs == 2 * (12 - 4)


@pytest.mark.parametrize("num_comparisons", [1, 17])
@pytest.mark.parametrize("mean", [0.5, 1, 2])
def test_so_many_seeds_find_a_difference_four_times_in_five(num_comparisons, mean):
    """If the seeds there are tell the true mean and spread; and one seed less would find it less often than that."""
    sample = mean + np.array([-1, 1, 0, -1, 1])
    number = seeds_to_tell(sample, num_comparisons=num_comparisons, most=200)
    assert number is not None
    found = []
    for n in (number - 1, number):
        new = np.random.default_rng(0).normal(mean, sample.std(ddof=1), (20_000, n))
        t = new.mean(axis=1) / new.std(axis=1, ddof=1) * np.sqrt(n)
        found.append((t > stats.t.isf(0.05 / num_comparisons, n - 1)).mean())
    assert found[1] > 0.79
    assert found[0] < 0.81 or number == len(sample) + 1


def test_no_number_of_seeds_shows_that_the_worse_one_is_better():
    assert seeds_to_tell([-0.1, -0.2], num_comparisons=1, most=100) is None
    assert seeds_to_tell([0.1, -0.1], num_comparisons=1, most=100) is None
    assert seeds_to_tell([0.1, 0.2, 0.15], num_comparisons=1, most=3) is None
