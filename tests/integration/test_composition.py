"""What Hydra composes of ``conf/`` and overrides, and the words in which it refuses them."""

import pytest
from configurations import make_config

from convsweep.config import ConfigError
from convsweep.hydra_app.compose import compose_run
from convsweep.records.identity import run_key


def test_the_defaults_that_tests_use_are_those_of_conf(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert compose_run() == make_config({"mlruns": str(tmp_path / "mlruns")})


def test_data_mnist_is_the_tutorials_data():
    data = compose_run(["data=mnist"]).data
    assert (data.num_train, data.num_test) == (5000, 400)


BROKEN = [
    ("train.learning_rate=inf", "'train.learning_rate' must be finite (got inf)."),
    ("train.learning_rate=nan", "'train.learning_rate' must be finite (got nan)."),
    ("train.learning_rate=fast", "'train.learning_rate' must be a number (got 'fast')."),
    ("train.learning_rate=null", "'train.learning_rate' must be a number (got None)."),
    ("model.init_scale=-inf", "'model.init_scale' must be finite (got -inf)."),
    ("model.num_filters=2.5", "'model.num_filters' must be a whole number (got 2.5)."),
    ("model.num_filters=true", "'model.num_filters' must be a whole number (got True)."),
    ("train.epochs=3.0", "'train.epochs' must be a whole number (got 3.0)."),
    ("train.shuffle=maybe", "'train.shuffle' must be true or false (got 'maybe')."),
    ("train.frozen=[pool]", "'train.frozen.0' must be one of conv, dense (got 'pool')."),
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
    with pytest.raises(ConfigError) as refusal:
        compose_run(["data=mnist_5k", override])
    assert refusal.value.problems == (problem,)


def test_more_training_images_than_mnist_has_are_refused():
    with pytest.raises(ConfigError) as refusal:
        compose_run(["data=mnist", "data.num_train=59500"])
    assert refusal.value.problems == ("'data.num_train' + 'data.num_valid' must be <= 60000 (got 59500 + 1000).",)


def test_hydras_own_settings_do_not_change_the_run_key():
    assert run_key(compose_run(["hydra.verbose=true"])) == run_key(compose_run())


def test_a_whole_number_and_its_float_are_the_same_run():
    assert run_key(compose_run(["model.init_scale=1"])) == run_key(compose_run(["model.init_scale=1.0"]))
