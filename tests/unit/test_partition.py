"""Which jobs share a stack, how large stacks are, in which order they are trained."""

from configurations import MNIST, make_config
from hypothesis import given
from hypothesis import strategies as st

from convsweep.config import flatten
from convsweep.runs.partition import FILTERS_AT_ONCE, MEMBERS_OWN, divide_into_stacks, training_cost


def configs(*changes):
    return [make_config({"data.num_train": 100, **own}) for own in changes]


def seeds(number, **changes):
    return configs(*({"train.seed": seed, **{f"train.{k}": v for k, v in changes.items()}} for seed in range(number)))


def test_jobs_that_differ_in_what_members_may_differ_in_share_a_stack():
    jobs = configs(
        {"train.seed": 1},
        {"train.learning_rate": 0.1},
        {"model.init_scale": 3.0},
        {"model.undivided": ["conv"]},
        {"train.epochs": 4},
        {},
    )
    (stack,) = divide_into_stacks(jobs, processes=1)
    assert sorted(stack) == [0, 1, 2, 3, 4, 5]


def test_jobs_with_orders_of_images_of_their_own_share_a_stack_where_that_is_asked_for():
    jobs = configs({"train.shuffle": True}, {"train.shuffle": True, "train.order_seed": 1})
    assert len(divide_into_stacks(jobs, processes=1)) == 2
    assert len(divide_into_stacks(jobs, processes=1, own=MEMBERS_OWN | {"order_seed"})) == 1


def test_jobs_that_differ_in_anything_else_do_not_share_a_stack():
    jobs = configs(
        {},
        {"model.num_filters": 4},
        {"model.padding": "same"},
        {"train.shuffle": True},
        {"train.order_seed": 1},
        {"train.dtype": "float64"},
        {"train.gradient": "last_class"},
        {"train.ties": "first"},
        {"train.frozen": ["conv"]},
        {"train.window": 50},
        {"data.num_train": 90},
        {"data.num_test": 90},
        {"data.pixels": "unit"},
        {"data": MNIST},
    )
    assert sorted(divide_into_stacks(jobs, processes=1)) == [[number] for number in range(len(jobs))]


def test_jobs_that_are_kept_in_different_places_share_a_stack():
    jobs = configs({}, {"mlruns": "elsewhere"}, {"tracking.experiment": "other"}, {"tracking.enabled": False})
    assert len(divide_into_stacks(jobs, processes=1)) == 1


def test_a_stack_is_as_large_as_the_cache_allows():
    """128 filters in float32, 64 in float64; one model at least."""
    assert [len(stack) for stack in divide_into_stacks(seeds(40), processes=1)] == [14, 13, 13]
    assert [len(stack) for stack in divide_into_stacks(seeds(8, dtype="float64"), processes=1)] == [8]
    large = configs(*({"train.seed": seed, "model.num_filters": 200} for seed in range(3)))
    assert [len(stack) for stack in divide_into_stacks(large, processes=1)] == [1, 1, 1]


def test_a_small_sweep_is_divided_between_the_processes():
    assert [len(stack) for stack in divide_into_stacks(seeds(8), processes=2)] == [4, 4]
    assert [len(stack) for stack in divide_into_stacks(seeds(8), processes=16)] == [1] * 8


def test_the_stack_that_takes_longest_goes_first_and_equal_lengths_go_together():
    jobs = configs(*({"train.seed": seed, "train.epochs": 1 + seed % 2} for seed in range(32)))
    stacks = divide_into_stacks(jobs, processes=1)
    assert [{jobs[number].train.epochs for number in stack} for stack in stacks] == [{2}, {1}]


changes = st.fixed_dictionaries(
    {},
    optional={
        "train.seed": st.integers(0, 5),
        "train.learning_rate": st.sampled_from([0.001, 0.1]),
        "train.epochs": st.integers(1, 9),
        "train.dtype": st.sampled_from(["float32", "float64"]),
        "train.shuffle": st.booleans(),
        "model.init_scale": st.sampled_from([0.5, 1.0]),
        "model.num_filters": st.sampled_from([1, 8, 48, 300]),
        "data.num_train": st.sampled_from([1, 100]),
        "mlruns": st.sampled_from(["here", "there"]),
    },
)
OWN = {"train.seed", "train.learning_rate", "train.epochs", "model.init_scale"}


@given(sweep=st.lists(changes, min_size=1, max_size=40), processes=st.integers(1, 64))
def test_stacks_are_a_partition_of_the_jobs_alike_in_what_they_share_and_of_bounded_size(sweep, processes):
    jobs = [make_config(change) for change in sweep]
    stacks = divide_into_stacks(jobs, processes)
    assert sorted(number for stack in stacks for number in stack) == list(range(len(jobs)))
    assert all(stacks)
    for stack in stacks:
        shared = [
            {key: value for key, value in flatten(jobs[number]).items() if key not in OWN | {"mlruns"}}
            for number in stack
        ]
        assert all(values == shared[0] for values in shared)
        filters = sum(jobs[number].model.num_filters for number in stack)
        allowed = FILTERS_AT_ONCE // (2 if jobs[stack[0]].train.dtype == "float64" else 1)
        assert filters <= allowed or len(stack) == 1
    costs = [sum(training_cost(jobs[number]) for number in stack) for stack in stacks]
    assert costs == sorted(costs, reverse=True)
