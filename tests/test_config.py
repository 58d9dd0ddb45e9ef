"""One test a rule of the configuration: what is refused, and in which words."""

import pytest

from convsweep.config import ConfigError, flatten
from convsweep.hydra_app.compose import compose_run
from convsweep.records.identity import run_key

TUTORIAL = {
    "model.num_filters": 8,
    "model.init_scale": 1.0,
    "model.padding": "valid",
    "train.learning_rate": 0.005,
    "train.epochs": 10,
    "train.shuffle": False,
    "train.gradient": "exact",
    "train.ties": "all",
    "train.frozen": (),
}


def test_the_defaults_are_the_tutorials_run():
    values = flatten(compose_run())
    assert {key: values[key] for key in TUTORIAL} == TUTORIAL


def test_data_mnist_is_the_tutorials_data():
    data = compose_run(["data=mnist"]).data
    assert (data.num_train, data.num_test) == (5000, 400)


BROKEN = [
    ("train.learning_rate=0", "'train.learning_rate' must be > 0 (got 0)."),
    ("train.learning_rate=-1.0", "'train.learning_rate' must be > 0 (got -1.0)."),
    ("train.learning_rate=inf", "'train.learning_rate' must be finite (got inf)."),
    ("train.learning_rate=nan", "'train.learning_rate' must be finite (got nan)."),
    ("train.learning_rate=fast", "'train.learning_rate' must be a number (got 'fast')."),
    ("train.learning_rate=null", "'train.learning_rate' must be a number (got None)."),
    ("model.init_scale=0", "'model.init_scale' must be > 0 (got 0)."),
    ("model.init_scale=-inf", "'model.init_scale' must be finite (got -inf)."),
    ("model.num_filters=0", "'model.num_filters' must be >= 1 (got 0)."),
    ("model.num_filters=2.5", "'model.num_filters' must be a whole number (got 2.5)."),
    ("model.num_filters=true", "'model.num_filters' must be a whole number (got True)."),
    ("model.padding=full", "'model.padding' must be one of valid, same (got 'full')."),
    ("train.epochs=0", "'train.epochs' must be >= 1 (got 0)."),
    ("train.epochs=3.0", "'train.epochs' must be a whole number (got 3.0)."),
    ("train.seed=-1", "'train.seed' must be >= 0 (got -1)."),
    ("train.order_seed=-1", "'train.order_seed' must be >= 0 (got -1)."),
    ("train.shuffle=maybe", "'train.shuffle' must be true or false (got 'maybe')."),
    ("train.dtype=float16", "'train.dtype' must be one of float32, float64 (got 'float16')."),
    ("train.gradient=wrong", "'train.gradient' must be one of exact, last_class, as_printed (got 'wrong')."),
    ("train.ties=last", "'train.ties' must be one of all, first, split (got 'last')."),
    ("train.frozen=[pool]", "'train.frozen.0' must be one of conv, dense (got 'pool')."),
    ("train.window=0", "'train.window' must be >= 1 (got 0)."),
    ("data.num_train=4201", "'data.num_train' must be <= 4200 (got 4201)."),
    ("data.num_valid=401", "'data.num_valid' must be <= 400 (got 401)."),
    ("data.num_test=0", "'data.num_test' must be >= 1 (got 0)."),
    ("data.dir=x", "'data.dir' is not a key of this data set, only of others."),
    ("data.name=emnist", "'data.name' must be one of mnist_5k, mnist, fashion_mnist (got 'emnist')."),
    ("tracking.experiment=''", "'tracking.experiment' must not be empty (got '')."),
    ("data=minst", "'data' must be one of fashion_mnist, mnist, mnist_5k (got 'minst'). Did you mean 'mnist'?"),
    (
        "experiment=frist_sweep",
        (
            "'experiment' must be one of 03_choices, 04_init_scale, 06_filters_and_rates, 07_all_of_mnist, first_sweep "
            "(got 'frist_sweep'). Did you mean 'first_sweep'?"
        ),
    ),
    (
        "train.lerning_rate=1",
        "'train.lerning_rate' is not a key of the configuration. Did you mean 'train.learning_rate'?",
    ),
    ("learning_rate=1", "'learning_rate' is not a key of the configuration. Did you mean 'train.learning_rate'?"),
    ("+train.epoch=1", "'train.epoch' is not a key of the configuration. Did you mean 'train.epochs'?"),
    ("+zebra=1", "'zebra' is not a key of the configuration."),
    ("~train.seed", "'train.seed' is missing."),
]


@pytest.mark.parametrize(("override", "problem"), BROKEN)
def test_a_broken_rule_is_told_in_one_line(override, problem):
    overrides = ["data=mnist_5k", override]
    with pytest.raises(ConfigError) as refusal:
        compose_run(overrides)
    assert refusal.value.problems == (problem,)


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        (["data.num_train=60001"], "'data.num_train' must be <= 60000 (got 60001)."),
        (["data.num_test=10001"], "'data.num_test' must be <= 10000 (got 10001)."),
        (["data.num_train=59500"], "'data.num_train' + 'data.num_valid' must be <= 60000 (got 59500 + 1000)."),
    ],
)
def test_no_more_images_can_be_asked_for_than_mnist_has(overrides, problem):
    with pytest.raises(ConfigError) as refusal:
        compose_run(["data=mnist", *overrides])
    assert refusal.value.problems == (problem,)


def test_several_problems_are_told_together():
    with pytest.raises(ConfigError) as refusal:
        compose_run(["train.epochs=0", "model.num_filters=-3"])
    assert len(refusal.value.problems) == 2


def test_a_configuration_cannot_be_changed():
    config = compose_run()
    with pytest.raises(ValueError, match="frozen"):
        config.train.epochs = 3


@pytest.mark.parametrize(
    "change",
    [
        "model.num_filters=9",
        "model.init_scale=1.5",
        "model.padding=same",
        "train.learning_rate=0.006",
        "train.epochs=9",
        "train.seed=1",
        "train.shuffle=true",
        "train.order_seed=1",
        "train.dtype=float64",
        "train.gradient=last_class",
        "train.ties=first",
        "train.frozen=[conv]",
        "train.window=100",
        "data.num_train=4000",
        "data=mnist",
    ],
)
def test_whatever_changes_the_result_changes_the_run_key(change):
    assert run_key(compose_run([change])) != run_key(compose_run())


@pytest.mark.parametrize("change", ["mlruns=elsewhere", "tracking.experiment=other", "hydra.verbose=true"])
def test_where_a_run_takes_place_does_not_change_its_key(change):
    assert run_key(compose_run([change])) == run_key(compose_run())


def test_where_the_images_lie_does_not_change_the_key():
    assert run_key(compose_run(["data=mnist", "data.dir=/a"])) == run_key(compose_run(["data=mnist", "data.dir=/b"]))


def test_a_whole_number_and_its_float_are_the_same_run():
    assert run_key(compose_run(["model.init_scale=1"])) == run_key(compose_run(["model.init_scale=1.0"]))


def test_every_key_has_a_broken_rule_above():
    """``mlruns`` takes any path; the data set's other keys depend on which it is."""
    tested = {override.lstrip("+~").partition("=")[0] for override, _ in BROKEN}
    assert set(flatten(compose_run())) - tested == {"mlruns"}
