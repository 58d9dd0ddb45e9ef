"""The programs that a log may come from: the network as asked for, and with the mistakes that people make.

To add one, add it to ``PROGRAMS``; to add several mistakes at once, name them in ``COMBINATIONS``. What a program
changes are keys of the configuration, so that ``convsweep train KEY=VALUE`` trains the same network, or what it prints.

Left out: programs that take a step on several images at a time. The network trains on one image a step.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from convsweep.config import RunConfig, validate


class Program(NamedTuple):
    """One way to write the program."""

    name: str
    sentence: str  # what it does
    cause: str  # the line of code that usually causes it
    effect: str  # what it does to the numbers
    changes: Mapping[str, object] = {}  # values by their dotted keys
    factors: Mapping[str, float] = {}  # what other values are multiplied by
    tests_on_training_images: bool = False
    loss_factor: float = 1.0  # what losses are multiplied by before they are printed


PROGRAMS = (
    Program(
        "exact",
        "The network as asked for, with the correct gradient.",
        "none",
        "none",
    ),
    Program(
        "last_class",
        "The convolution learns from images of class 9 only.",
        "the loop over the outputs lacks `if gradient == 0: continue`, and returns its last turn's input gradient",
        "Losses end higher, and vary more from seed to seed.",
        {"train.gradient": "last_class"},
    ),
    Program(
        "as_printed",
        "As last_class, and the true class's softmax derivative is p(1 - 2p).",
        "`+=` where the derivative's diagonal must be assigned",
        "Losses grow until they are no numbers, within some 1,500 steps.",
        {"train.gradient": "as_printed"},
    ),
    Program(
        "ties_first",
        "Of equal maxima in a pooling block only the first receives the gradient.",
        "`argmax` in place of `==`, as in PyTorch's and TensorFlow's pooling",
        "Filters learn more slowly from blank background: early losses are a little higher.",
        {"train.ties": "first"},
    ),
    Program(
        "average_gradient",
        "Pooling's maximum gets the gradient of average pooling: a quarter to every place.",
        "`np.repeat(gradient, 2, axis=...) / 4` for pooling's backward pass",
        "Filters learn blurred and slowly.",
        {"train.ties": "average"},
    ),
    Program(
        "after_update",
        "The gradient that leaves the dense layer is taken with its updated weights.",
        "`self.weights -= ...` above `self.weights @ gradient`",
        "Filters grow instead of learning: losses rise to no number within some hundred steps.",
        {"train.gradient": "after_update"},
    ),
    Program(
        "without_log",
        "The gradient is that of the true class's probability, not of its logarithm.",
        "`gradient[label] = -1` for `gradient[label] = -1 / out[label]`",
        "Losses fall slowly at first: what is improbable hardly learns.",
        {"train.gradient": "without_log"},
    ),
    Program(
        "true_class",
        "Only the true class's output learns from an image.",
        "the softmax's derivative taken for `p * (1 - p)`, as a sigmoid's is",
        "No output is ever lowered: losses rise to no number within some hundred steps.",
        {"train.gradient": "true_class"},
    ),
    Program(
        "softmax_twice",
        "The softmax's derivative is multiplied in twice, as for a squared error.",
        "`p - y` handed to the softmax's backward pass, though it holds its derivative",
        "Losses fall slowly.",
        {"train.gradient": "softmax_twice"},
    ),
    Program(
        "conv_frozen",
        "The convolution never learns.",
        "`conv.backprop(gradient)` is missing, or its update is not assigned",
        "Losses end much higher, and depend on the filters that were drawn.",
        {"train.frozen": ["conv"]},
    ),
    Program(
        "pixels_unit",
        "Pixels lie between 0 and 1.",
        "`images / 255` for `images / 255 - 0.5`",
        "Losses fall at another pace: blank background says nothing.",
        {"data.pixels": "unit"},
    ),
    Program(
        "pixels_bytes",
        "Pixels lie between 0 and 255.",
        "`images / 255 - 0.5` is missing, or applied to the test alone",
        "The first losses are large, or no number.",
        {"data.pixels": "bytes"},
    ),
    Program(
        "filters_undivided",
        "Initial filters are not divided by 9.",
        "`np.random.randn(num_filters, 3, 3)` without `/ 9`",
        "Losses fall sooner, and vary more from seed to seed.",
        {"model.undivided": ["conv"]},
    ),
    Program(
        "weights_undivided",
        "Initial weights are not divided by the number of inputs.",
        "`np.random.randn(input_len, nodes)` without `/ input_len`",
        "The first losses are far from ln 10.",
        {"model.undivided": ["dense"]},
    ),
    Program(
        "init_times_10",
        "Initial filters and weights are ten times as large.",
        "another divisor in `np.random.randn(...) / 9` and `/ input_len`",
        "The first losses are far from ln 10.",
        factors={"model.init_scale": 10},
    ),
    Program(
        "rate_times_10",
        "The learning rate is ten times as high.",
        "`lr=0.05` for `lr=0.005`",
        "Losses jump, or end in no number.",
        factors={"train.learning_rate": 10},
    ),
    Program(
        "rate_tenth",
        "The learning rate is a tenth.",
        "`lr=0.0005` for `lr=0.005`",
        "Losses fall slowly.",
        factors={"train.learning_rate": 0.1},
    ),
    Program(
        "unshuffled",
        "Every epoch has the images in the order of the file.",
        "`np.random.permutation` is missing, or applied once to a copy",
        "Windows of one epoch rise and fall as those of the next.",
        {"train.shuffle": False},
    ),
    Program(
        "shuffled",
        "Every epoch has the images in an order of its own, which differs from seed to seed.",
        "`np.random.permutation` before each epoch, though the text doesn't say so",
        "Windows of one epoch don't rise and fall as those of the next.",
        {"train.shuffle": True},
    ),
    Program(
        "test_on_train",
        "The test is on training images.",
        "`test_images = mnist.train_images()[:n]`",
        "Test losses are those of images that were learned.",
        tests_on_training_images=True,
    ),
    Program(
        "loss_tenth",
        "Printed losses are averaged over the ten classes, too.",
        "`-np.mean(y * np.log(p))` for `-np.sum(y * np.log(p))`",
        "Losses are a tenth: 0.23 before training.",
        loss_factor=0.1,
    ),
)

# Programs above that are often found together. Not `ties_first` with `pixels_unit`: blank patches are zeros then, their
# outputs tie whatever the filters are, and it makes next to no difference who of them receives the gradient.
COMBINATIONS = (
    ("loss_tenth", "rate_tenth"),  # the loss's gradient has the factor as well
    ("last_class", "pixels_unit"),
    ("last_class", "shuffled"),
    ("ties_first", "shuffled"),
    ("pixels_unit", "shuffled"),  # as a program for PyTorch or TensorFlow has it
)


class Candidate(NamedTuple):
    """A program with all its values."""

    name: str
    sentence: str
    config: RunConfig
    tests_on_training_images: bool
    loss_factor: float  # what losses are multiplied by before they are printed


def candidates(config: RunConfig, variants: Mapping[str, RunConfig]) -> list[Candidate]:
    """Return every program that differs from the ones before it, hyperparameters' variants of ``exact`` last.

    Args:
        config: That of ``exact``.
        variants: Configurations with other hyperparameters, by their names.
    """
    found = [
        Candidate(
            program.name,
            program.sentence,
            configured(program, config),
            program.tests_on_training_images,
            program.loss_factor,
        )
        for program in (*PROGRAMS, *map(combined, COMBINATIONS))
    ]
    exact = found[0]
    found += [
        exact._replace(name=name, sentence=f"As exact, with {name}.", config=other) for name, other in variants.items()
    ]
    distinct: dict[tuple[object, ...], Candidate] = {}
    for candidate in found:
        distinct.setdefault(candidate[2:], candidate)  # two that differ in name and sentence alone are one
    return list(distinct.values())


def combined(names: Sequence[str]) -> Program:
    """Return the program with all of these mistakes.

    >>> combined(("ties_first", "shuffled")).name
    'ties_first+shuffled'
    """
    parts = [program for name in names for program in PROGRAMS if program.name == name]
    return Program(
        "+".join(names),
        " ".join(program.sentence for program in parts),
        "; ".join(program.cause for program in parts),
        " ".join(program.effect for program in parts),
        {key: value for program in parts for key, value in program.changes.items()},
        {key: value for program in parts for key, value in program.factors.items()},
        any(program.tests_on_training_images for program in parts),
        math.prod(program.loss_factor for program in parts),
    )


def configured(program: Program, config: RunConfig) -> RunConfig:
    """Return the configuration of a program, given that of ``exact``."""
    values = config.model_dump()
    for key, value in program.changes.items():
        section, name = key.split(".")
        values[section][name] = value
    for key, factor in program.factors.items():
        section, name = key.split(".")
        values[section][name] = float(f"{values[section][name] * factor:.12g}")  # 0.05, not 0.05000000000000001
    return validate(values)


def with_seed(config: RunConfig, seed: int) -> RunConfig:
    """Return a configuration's run with this seed; if images are shuffled, with an order of its own, too."""
    order = {"order_seed": seed} if config.train.shuffle else {}
    return config.model_copy(update={"train": config.train.model_copy(update={"seed": seed, **order})})
