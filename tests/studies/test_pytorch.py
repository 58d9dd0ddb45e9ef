"""Our network and PyTorch's, where PyTorch is installed; the study says how to get it where it isn't."""

import importlib
import subprocess
import sys

import numpy as np
import pytest

from convsweep.nn.network import CNN, initial_parameters
from convsweep.nn.training import Batch, initialization_rng, learn
from experiments.harness.discovery import find
from experiments.harness.study import Setting

NAME = "05_pytorch"


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    pytest.importorskip("torch")
    folder, study = tmp_path_factory.mktemp("pytorch"), find(NAME)
    study.measure(Setting(NAME, ("data=mnist_5k",), folder, small=True))
    return study.read(folder)


@pytest.fixture(scope="module")
def torch_network():
    pytest.importorskip("torch")
    return importlib.import_module(f"experiments.{NAME}.torch_network")


@pytest.fixture(scope="module")
def ends(record):
    """How far each rule is from PyTorch after the last step, relative."""
    return record[record["step"] == record["step"].max()].set_index(["dtype", "rule"])["relative"]


@pytest.fixture(scope="module")
def start(record):
    return record[record["step"] == 0].set_index("rule")


@pytest.mark.parametrize("ties", ["first", "split"])
@pytest.mark.parametrize(("dtype", "limit"), [("float64", 1e-13), ("float32", 1e-5)])
def test_pytorch_trains_to_the_same_parameters(ends, ties, dtype, limit):
    """Seen after 150 steps: 4e-16 and 2e-7."""
    assert ends[dtype, f"ties={ties}"] < limit


@pytest.mark.parametrize("rule", ["ties=all", "ties=all gradient=last_class"])
def test_the_tutorials_rules_train_to_other_parameters_than_pytorch(ends, rule):
    assert ends["float64", rule] > 0.1


@pytest.mark.parametrize("ties", ["first", "split"])
def test_pytorchs_tie_rule_gives_the_derivative_of_the_loss(start, ties):
    assert start["gradient_error"][f"ties={ties}"] < 1e-5


def test_counting_every_tie_in_full_does_not_give_the_derivative_of_the_loss(start):
    assert start["gradient_error"]["ties=all"] > 1


def test_parameters_survive_the_way_to_pytorch_and_back(torch_network):
    initial = initial_parameters(3, rng=initialization_rng(2), dtype=np.float64)
    for ours, theirs in zip(initial, torch_network.parameters_of(torch_network.build(initial)), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_our_network_and_pytorchs_give_the_same_logits_while_they_learn(digits, torch_network):
    batch = Batch(digits[0][:20], digits[1][:20])
    initial = initial_parameters(3, rng=initialization_rng(2), dtype=np.float64)
    ours = learn(CNN([initial], [0.005], ties="first"), batch)[0]
    np.testing.assert_allclose(torch_network.learn(torch_network.build(initial), batch, 0.005), ours, atol=1e-14)


def test_without_pytorch_one_line_names_the_extra(tmp_path, environment):
    """A stand-in for an installation without it: Python is told that there is no module of that name."""
    program = """
import runpy
import sys
import scipy.stats  # looks at sys.modules["torch"] itself
sys.modules["torch"] = None
sys.argv = ["harness", "05_pytorch", "--small", "--output", "out"]
runpy.run_module("experiments.harness", run_name="__main__")
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "convsweep: '05_pytorch' needs PyTorch: pip install 'convsweep[torch]'.\n"
    assert list(tmp_path.iterdir()) == []
