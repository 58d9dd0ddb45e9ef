"""05_pytorch: the same training in PyTorch, and how far from it each of our rules ends."""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from threadpoolctl import threadpool_limits

from convsweep.config import RunConfig
from convsweep.data import load
from convsweep.errors import UserError
from convsweep.hydra_app.compose import compose_run
from convsweep.markdown import blocks, image, table
from convsweep.nn.layers import Ties, convolve, cross_entropy
from convsweep.nn.network import CNN, Gradient, Parameters, initial_parameters
from convsweep.nn.patches import Floats, normalize, to_blocks
from convsweep.nn.training import Batch, Means, Splits, initialization_rng, learn, predict, summarize
from convsweep.pictures.style import BLUE, GREY, ORANGE
from experiments.harness.study import Facts, Report, Setting, Study, data_fact, write_results

SMALL = ("data.num_train=150", "data.num_test=50", "train.epochs=1")
MILESTONES = (1, 10, 100, 1000, 5000, 10_000, 50_000)
IMAGES_FOR_GRADIENTS = 10
AGREEMENT = {"float64": 1e-9, "float32": 1e-2}  # agreement: `Row.relative` after all steps is at most this


class Rule(NamedTuple):
    """Our network with one tie rule and one gradient rule."""

    ties: Ties
    gradient: Gradient


RULES = (Rule("first", "exact"), Rule("split", "exact"), Rule("all", "exact"), Rule("all", "last_class"))


class Row(NamedTuple):
    """One rule at one step, beside PyTorch at the same step; fields that are not measured there are None."""

    dtype: str
    rule: str  # PyTorch, or tie rule and gradient rule
    step: int
    largest: float | None = None  # largest difference of a parameter
    relative: float | None = None  # distance from PyTorch's parameters / their distance from the start
    test_loss: float | None = None  # at the last step, nats
    test_accuracy: float | None = None
    gradient_error: float | None = None  # at step 0: distance of the filters' gradient from the derivative / its length
    gradient_ratio: float | None = None  # at step 0: length of the filters' gradient / length of the derivative
    tied_blocks: float | None = None  # at step 0: share of pooling blocks in which all four values are the maximum


def _measure(setting: Setting) -> Facts:
    if find_spec("torch") is None:
        raise UserError(f"'{setting.name}' needs PyTorch: pip install 'convsweep[torch]'.")
    config = compose_run(["data=mnist", *(SMALL if setting.small else ()), *setting.overrides])
    dataset = load(config.data)
    with threadpool_limits(1):
        rows = [*_gradients(config, dataset.splits.train), *_trainings(config, dataset.splits)]
    write_results(pd.DataFrame(rows), setting.folder)
    return Facts(data_fact(dataset), f"{config.train.seed} (initial parameters); the images keep the file's order")


def _trainings(config: RunConfig, splits: Splits) -> Iterator[Row]:
    """Train PyTorch's network and ours side by side, in both dtypes; compare at the milestones."""
    from . import torch_network  # no absolute import can name a package whose name begins with a digit

    rate, num_train = config.train.learning_rate, len(splits.train.labels)
    last = config.train.epochs * num_train
    milestones = [step for step in MILESTONES if step < last] + [last]
    for dtype in AGREEMENT:
        initial = _initial(config, dtype)
        peer = torch_network.build(initial)
        ours = {rule: CNN([initial], [rate], ties=rule.ties, gradient=rule.gradient) for rule in RULES}
        done = 0
        for step in milestones:
            chosen = np.arange(done, step) % num_train  # epoch after epoch in the order of the data
            batch = Batch(splits.train.images[chosen], splits.train.labels[chosen])
            torch_network.learn(peer, batch, rate)
            theirs = torch_network.parameters_of(peer)
            for rule, network in ours.items():
                learn(network, batch)
                row = Row(dtype, _name(rule), step, *_differences(network.parameters(), theirs, initial))
                if step == last:
                    test = _test(predict(network, splits.test.images), splits.test)
                    row = row._replace(test_loss=test.loss, test_accuracy=test.accuracy)
                yield row
            done = step
        logits = torch_network.predict(peer, splits.test.images)[None]  # [1, N, C]
        test = _test(logits, splits.test)
        yield Row(dtype, "PyTorch", last, test_loss=test.loss, test_accuracy=test.accuracy)


def _gradients(config: RunConfig, train: Batch) -> Iterator[Row]:
    """Compare each rule's filter gradient with the derivative of the loss, before the first step."""
    initial = _initial(config, "float64")
    batch = Batch(train.images[:IMAGES_FOR_GRADIENTS], train.labels[:IMAGES_FOR_GRADIENTS])
    expected = _central_differences(initial, batch)  # [F, 3, 3]
    for rule in RULES:
        found = np.zeros_like(expected)
        for i in range(len(batch.labels)):
            # one step of rate 1 from the start: what it takes off the filters is the gradient
            network = CNN([initial], [1.0], ties=rule.ties, gradient=rule.gradient)
            learn(network, Batch(batch.images[i : i + 1], batch.labels[i : i + 1]))
            found += initial.filters - network.parameters().filters
        error = np.linalg.norm(found - expected) / np.linalg.norm(expected)
        ratio = np.linalg.norm(found) / np.linalg.norm(expected)
        yield Row("float64", _name(rule), 0, gradient_error=float(error), gradient_ratio=float(ratio))
    yield Row("float64", "all rules", 0, tied_blocks=_tied_blocks(initial, batch))


def _central_differences(initial: Parameters, batch: Batch, step: float = 1e-6) -> Floats:
    """Return the derivative of the summed loss by each filter weight, ``[F, 3, 3]``, by central differences."""
    members = []  # [2 * F * 9]: each weight moved up, then down
    for index in np.ndindex(initial.filters.shape):
        for sign in (1, -1):
            filters = initial.filters.copy()
            filters[index] += sign * step
            members.append(initial._replace(filters=filters))
    network = CNN(members, [0.0] * len(members))
    losses = cross_entropy(predict(network, batch.images), batch.labels).sum(axis=1)  # [2 * F * 9]
    derivative: Floats = (losses[0::2] - losses[1::2]).reshape(initial.filters.shape) / (2 * step)
    return derivative


def _tied_blocks(initial: Parameters, batch: Batch) -> float:
    tied = []
    for picture in normalize(batch.images, np.float64):
        maps = to_blocks(convolve(picture, initial.filters, "valid"))  # [F, 4, B]
        tied.append((maps == maps.max(axis=1, keepdims=True)).all(axis=1).mean())
    return float(np.mean(tied))


def _initial(config: RunConfig, dtype: str) -> Parameters:
    rng = initialization_rng(config.train.seed)
    return initial_parameters(config.model.num_filters, config.model.init_scale, rng=rng, dtype=dtype)


def _differences(ours: Parameters, theirs: Parameters, initial: Parameters) -> tuple[float, float]:
    """Return the largest difference of a parameter, and the distance of all as ``Row.relative``."""
    flat = [np.concatenate([array.ravel() for array in of]).astype(np.float64) for of in (ours, theirs, initial)]
    apart, moved = flat[0] - flat[1], flat[1] - flat[2]
    return float(np.abs(apart).max()), float(np.linalg.norm(apart) / np.linalg.norm(moved))


def _test(logits: Floats, test: Batch) -> Means:
    (means,) = summarize(logits, test.labels)
    return means


def _name(rule: Rule) -> str:
    return f"ties={rule.ties}" + ("" if rule.gradient == "exact" else f" gradient={rule.gradient}")


def _report(results: pd.DataFrame) -> Report:
    trained = results[results["step"] > 0]
    steps = sorted(trained["step"].unique())
    start = results[results["step"] == 0].set_index("rule")
    names = [_name(rule) for rule in RULES]
    relative = trained.dropna(subset=["relative"]).set_index(["dtype", "rule", "step"])["relative"]
    distance_rows = [
        [f"`{name}`", dtype, *(f"{relative[dtype, name, step]:.1e}" for step in steps)]
        for dtype in AGREEMENT
        for name in names
    ]
    ends = trained[trained["step"] == steps[-1]]
    end_rows = [
        [
            "PyTorch" if row["rule"] == "PyTorch" else f"`{row['rule']}`",
            row["dtype"],
            f"{row['test_loss']:.6f}",
            f"{row['test_accuracy']:.4f}",
            "" if row["rule"] == "PyTorch" else f"{row['largest']:.1e}",
        ]
        for row in ends.to_dict("records")
    ]
    gradient_rows = [
        [f"`{name}`", f"{float(start['gradient_error'][name]):.1e}", f"{float(start['gradient_ratio'][name]):.2f}"]
        for name in names
    ]
    measured = blocks(
        "How far our parameters are from PyTorch's, relative to how far PyTorch's are from the start (length of the "
        "difference of all parameters):",
        table(["rule", "dtype", *(f"step {step:,}" for step in steps)], distance_rows),
        image("Distance from PyTorch's parameters by step", "distance.png"),
        f"After {steps[-1]:,} steps:",
        table(["who", "dtype", "test loss", "test accuracy", "largest difference of a parameter"], end_rows),
        f"Why. Before the first step, on the first {IMAGES_FOR_GRADIENTS} images, in float64: the filters' gradient "
        "beside the derivative of the loss by central differences.",
        table(["rule", "relative error", "length, relative"], gradient_rows),
        f"In {float(start['tied_blocks']['all rules']):.1%} of the pooling blocks all four values are the maximum: "
        "four equal patches of blank background. There the block's value is the product of the filter with that one "
        "patch, whichever is looked at, and its derivative is the patch, once. `first` and `split` give just that, "
        "`all` gives it four times: it is no derivative of the loss. `last_class` gives nothing unless the label is "
        "9.",
    )
    return Report(measured, _answer(relative, ends, steps[-1]))


def _answer(relative: "pd.Series[float]", ends: pd.DataFrame, last: int) -> str:
    agree = {dtype: relative[dtype, "ties=first", last] for dtype in AGREEMENT}
    all_agree = all(agree[dtype] <= AGREEMENT[dtype] for dtype in AGREEMENT)
    figures = ", ".join(f"{value:.1e} in {dtype}" for dtype, value in agree.items())
    of_loss = ends[ends["dtype"] == "float64"].set_index("rule")["test_loss"]
    first = (
        f"{'Yes' if all_agree else 'No'}: with `ties=first`, after {last:,} steps, the parameters are {figures} apart, "
        "relative to how far they moved."
    )
    parted = " and ".join(
        f"`{_name(rule)}` by {relative['float64', _name(rule), last]:.2f} (test loss {of_loss[_name(rule)]:.4f})"
        for rule in RULES[2:]
    )
    second = (
        f"`ties=split` is as close ({relative['float64', 'ties=split', last]:.1e} in float64): where blocks tie, their "
        f"patches are equal. The others part from it for good: {parted}; PyTorch's test loss is "
        f"{of_loss['PyTorch']:.4f}. In float32 rounding grows over the steps."
    )
    return blocks(first, second)


def _draw(results: pd.DataFrame) -> dict[str, Figure]:
    figure = Figure(figsize=(9.6, 4.4), layout="constrained")
    axes = figure.subplots()
    colours = dict(zip((_name(rule) for rule in RULES), (BLUE, GREY, ORANGE, "#2a7f3f"), strict=True))
    distances = results[results["relative"] > 0]
    for dtype, line in (("float64", "o-"), ("float32", "s--")):
        for rule, colour in colours.items():
            rows = distances[(distances["dtype"] == dtype) & (distances["rule"] == rule)]
            width = 5 if rule == _name(RULES[0]) else 1.5  # wide, because the next line lies on it
            axes.plot(rows["step"], rows["relative"], line, color=colour, linewidth=width, label=f"{rule}, {dtype}")
    axes.set(
        xscale="log", yscale="log", xlabel="training steps", ylabel="distance from PyTorch's parameters,\nrelative"
    )
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return {"distance.png": figure}


STUDY = Study(
    title="The tutorial's exercise: the same in PyTorch",
    question="From the same initial parameters and images, does PyTorch end in the same parameters?",
    expected="With `ties=first`, which is PyTorch's rule, yes, up to rounding: to 1e-9 of the way in float64 and 1e-2 "
    "in float32 after all steps. With `ties=all`, the tutorial's, no: blank blocks count four times. With "
    "`last_class`, less still.",
    measure=_measure,
    report=_report,
    draw=_draw,
)
