"""The plan of stacks: which jobs share one, how large they are, in which order."""

from convsweep.hydra_app.compose import compose_run
from convsweep.runs.plan import plan_stacks


def configs(*overrides):
    return [compose_run(["data.num_train=100", *own.split()]) for own in overrides]


def test_jobs_that_differ_in_what_members_may_differ_in_share_a_stack():
    jobs = configs("train.seed=1", "train.learning_rate=0.1", "model.init_scale=3", "train.epochs=4", "")
    (stack,) = plan_stacks(jobs, processes=1)
    assert sorted(stack) == [0, 1, 2, 3, 4]


def test_jobs_that_differ_in_anything_else_do_not():
    jobs = configs(
        "",
        "model.num_filters=4",
        "model.padding=same",
        "train.shuffle=true",
        "train.order_seed=1",
        "train.dtype=float64",
        "train.gradient=last_class",
        "train.ties=first",
        "train.frozen=[conv]",
        "train.window=50",
        "data.num_train=90",
        "data.num_test=90",
    )
    assert sorted(plan_stacks(jobs, processes=1)) == [[number] for number in range(len(jobs))]


def test_where_a_run_is_kept_does_not_matter():
    jobs = configs("", "mlruns=elsewhere", "tracking.experiment=other")
    assert len(plan_stacks(jobs, processes=1)) == 1


def test_a_stack_is_as_large_as_the_cache_allows():
    """128 filters in float32, 64 in float64; one model at least."""
    jobs = configs(*(f"train.seed={seed}" for seed in range(40)))
    assert [len(stack) for stack in plan_stacks(jobs, processes=1)] == [14, 13, 13]
    double = configs(*(f"train.seed={seed} train.dtype=float64" for seed in range(8)))
    assert [len(stack) for stack in plan_stacks(double, processes=1)] == [8]
    large = configs(*(f"train.seed={seed} model.num_filters=200" for seed in range(3)))
    assert [len(stack) for stack in plan_stacks(large, processes=1)] == [1, 1, 1]


def test_a_small_sweep_is_divided_between_the_processes():
    jobs = configs(*(f"train.seed={seed}" for seed in range(8)))
    assert [len(stack) for stack in plan_stacks(jobs, processes=2)] == [4, 4]
    assert [len(stack) for stack in plan_stacks(jobs, processes=16)] == [1] * 8


def test_what_takes_longest_goes_first_and_equal_lengths_go_together():
    jobs = configs(*(f"train.seed={seed} train.epochs={1 + seed % 2}" for seed in range(32)))
    stacks = plan_stacks(jobs, processes=1)
    assert [{jobs[number].train.epochs for number in stack} for stack in stacks] == [{2}, {1}]
