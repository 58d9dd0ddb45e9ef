"""One test a rule of the configuration: what is refused, and in which words. No Hydra."""

import math
from typing import get_args

import pytest
from configurations import DEFAULTS, MNIST, make_config, values_with
from pydantic import ValidationError

from convsweep.config import ConfigError, IdxFiles, Mnist5k, flatten, validate
from convsweep.nn.network import Gradient

TUTORIAL = {
    "model.num_filters": 8,
    "model.init_scale": 1.0,
    "model.padding": "valid",
    "model.undivided": (),
    "train.learning_rate": 0.005,
    "train.epochs": 10,
    "train.shuffle": False,
    "train.gradient": "exact",
    "train.ties": "all",
    "train.frozen": (),
    "data.pixels": "centred",
}


def test_the_defaults_are_the_tutorials_run():
    values = flatten(make_config())
    assert {key: values[key] for key in TUTORIAL} == TUTORIAL


BROKEN = [
    ("train.learning_rate", 0, "'train.learning_rate' must be > 0 (got 0)."),
    ("train.learning_rate", -1.0, "'train.learning_rate' must be > 0 (got -1.0)."),
    ("train.learning_rate", math.inf, "'train.learning_rate' must be finite (got inf)."),
    ("train.learning_rate", math.nan, "'train.learning_rate' must be finite (got nan)."),
    ("train.learning_rate", "fast", "'train.learning_rate' must be a number (got 'fast')."),
    ("train.learning_rate", None, "'train.learning_rate' must be a number (got None)."),
    ("model.init_scale", 0, "'model.init_scale' must be > 0 (got 0)."),
    ("model.init_scale", -math.inf, "'model.init_scale' must be finite (got -inf)."),
    ("model.num_filters", 0, "'model.num_filters' must be >= 1 (got 0)."),
    ("model.num_filters", 2.5, "'model.num_filters' must be a whole number (got 2.5)."),
    ("model.num_filters", True, "'model.num_filters' must be a whole number (got True)."),
    ("model.undivided", ["pool"], "'model.undivided.0' must be one of conv, dense (got 'pool')."),
    ("data.pixels", "signed", "'data.pixels' must be one of centred, unit, bytes (got 'signed')."),
    ("model.padding", "full", "'model.padding' must be one of valid, same (got 'full')."),
    ("train.epochs", 0, "'train.epochs' must be >= 1 (got 0)."),
    ("train.epochs", 3.0, "'train.epochs' must be a whole number (got 3.0)."),
    ("train.seed", -1, "'train.seed' must be >= 0 (got -1)."),
    ("train.order_seed", -1, "'train.order_seed' must be >= 0 (got -1)."),
    ("train.shuffle", "maybe", "'train.shuffle' must be true or false (got 'maybe')."),
    ("train.dtype", "float16", "'train.dtype' must be one of float32, float64 (got 'float16')."),
    (
        "train.gradient",
        "wrong",
        f"'train.gradient' must be one of {', '.join(get_args(Gradient))} (got 'wrong').",
    ),
    ("train.ties", "last", "'train.ties' must be one of all, first, split, average (got 'last')."),
    ("train.frozen", ["pool"], "'train.frozen.0' must be one of conv, dense (got 'pool')."),
    ("train.frozen", "conv", "'train.frozen' must be a list (got 'conv')."),
    ("train.window", 0, "'train.window' must be >= 1 (got 0)."),
    ("train", 3, "'train' must be a section (got 3)."),
    ("data.num_train", 4201, "'data.num_train' must be <= 4200 (got 4201)."),
    ("data.num_valid", 401, "'data.num_valid' must be <= 400 (got 401)."),
    ("data.num_test", 0, "'data.num_test' must be >= 1 (got 0)."),
    ("data.dir", "x", "'data.dir' is not a key of this data set, only of others."),
    ("data.name", "emnist", "'data.name' must be one of mnist_5k, mnist, fashion_mnist (got 'emnist')."),
    ("tracking.experiment", "", "'tracking.experiment' must not be empty (got '')."),
    ("tracking.enabled", "yes", "'tracking.enabled' must be true or false (got 'yes')."),
    ("tracking.artifacts", "some", "'tracking.artifacts' must be one of all, best, none (got 'some')."),
    ("tracking.mirrors", 0, "'tracking.mirrors' must be >= 1 (got 0)."),
    ("rerun", 1, "'rerun' must be true or false (got 1)."),
    ("checkpoints", "first", "'checkpoints' must be one of all, last (got 'first')."),
    ("mlruns", None, "'mlruns' must be a path (got None)."),
    (
        "train.lerning_rate",
        1,
        "'train.lerning_rate' is not a key of the configuration. Did you mean 'train.learning_rate'?",
    ),
    ("learning_rate", 1, "'learning_rate' is not a key of the configuration. Did you mean 'train.learning_rate'?"),
    ("zebra", 1, "'zebra' is not a key of the configuration."),
]


@pytest.mark.parametrize(("key", "value", "problem"), BROKEN)
def test_a_broken_rule_is_told_in_one_line(key, value, problem):
    with pytest.raises(ConfigError) as refusal:
        make_config({key: value})
    assert refusal.value.problems == (problem,)


def test_every_key_has_a_broken_rule_above():
    assert set(flatten(make_config())) <= {key for key, _, _ in BROKEN}


# than records that are still to be read
NEWER = ("model.undivided", "data.pixels", "tracking.artifacts", "tracking.mirrors", "checkpoints")


@pytest.mark.parametrize("key", [key for key in flatten(make_config()) if key not in NEWER])
def test_a_missing_key_is_told_in_one_line(key):
    values = values_with({})
    section, _, name = key.rpartition(".")
    del (values[section] if section else values)[name]
    with pytest.raises(ConfigError, match=rf"^'{key}' is missing\.$"):
        validate(values)


def test_configurations_written_before_a_key_was_added_can_still_be_read():
    values = values_with({})
    for key in NEWER:
        section, _, name = key.rpartition(".")
        del (values[section] if section else values)[name]
    assert validate(values) == make_config()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"num_train": 60_001}, "'data.num_train' must be <= 60000 (got 60001)."),
        ({"num_test": 10_001}, "'data.num_test' must be <= 10000 (got 10001)."),
        ({"num_train": 59_500}, "'data.num_train' + 'data.num_valid' must be <= 60000 (got 59500 + 1000)."),
    ],
)
def test_no_more_images_can_be_asked_for_than_mnist_has(changes, problem):
    with pytest.raises(ConfigError) as refusal:
        make_config({"data": MNIST | changes})
    assert refusal.value.problems == (problem,)


def test_a_data_set_made_by_hand_keeps_the_same_rules():
    """Or its ``valid`` is empty, and a run's accuracy on it a division by zero."""
    with pytest.raises(
        ValidationError, match=r"'data.num_train' \+ 'data.num_valid' must be <= 60000 \(got 60000 \+ 1"
    ):
        IdxFiles.model_validate(MNIST | {"num_train": 60_000, "num_valid": 1})
    assert IdxFiles.model_validate(MNIST | {"num_train": 59_999, "num_valid": 1}).num_train == 59_999
    with pytest.raises(ValidationError, match="less than or equal to 400"):
        Mnist5k(name="mnist_5k", num_train=4200, num_valid=401, num_test=400)


def test_several_problems_are_told_together():
    with pytest.raises(ConfigError) as refusal:
        make_config({"train.epochs": 0, "model.num_filters": -3})
    assert len(refusal.value.problems) == 2


@pytest.mark.parametrize("values", [None, 3, "text", [], {}, {"train": DEFAULTS["train"]}])
def test_anything_that_is_no_configuration_is_refused(values):
    with pytest.raises(ConfigError):
        validate(values)


def test_a_configuration_cannot_be_changed():
    config = make_config()
    with pytest.raises(ValueError, match="frozen"):
        config.train.epochs = 3  # type: ignore[misc] # just that is tested
