"""What reports say of made-up results: runs that diverged, ties for the best, whose folders a page may not name."""

import importlib
import itertools

import pandas as pd
import pytest

from convsweep.markdown import blocks
from experiments.harness.page import command

choices, init_scale, filters_and_rates, all_of_mnist = (
    importlib.import_module(f"experiments.{name}.study")
    for name in ("03_choices", "04_init_scale", "06_filters_and_rates", "07_all_of_mnist")
)


def scales(**outcome):
    """Two scales at the tutorial's rate and two seeds, all of one accuracy; ``outcome`` changes the last."""
    rows = [
        {
            "outcome": "finished",
            "learning_rate": 0.005,
            "init_scale": scale,
            "filters_times": times,
            "seed": seed,
            "valid/accuracy": 0.9,
            "test/accuracy": 0.9,
            "test/loss": 0.3,
        }
        for (scale, times), seed in itertools.product([(1, 1.0), (1, 9.0), (9, 1.0)], [0, 1])
    ]
    rows[-1] |= outcome
    return pd.DataFrame(rows)


def test_a_diverged_run_is_counted_and_not_averaged():
    report = init_scale.STUDY.report(scales(outcome="diverged", **{"test/accuracy": None, "test/loss": None}))
    assert "| 9 | diverged: 1 of 2 |" in report.measured
    assert "| 9 | diverged |" in report.measured  # its loss
    assert "| 1 | 0.9000 ± 0.0000 |" in report.measured


def test_the_answer_on_init_scales_is_no_where_nothing_differs():
    report = init_scale.STUDY.report(scales())
    assert report.answer.startswith("No, not that it could be told: at its learning rate, 0.005, leaving")


def test_a_scale_and_rate_with_a_loss_above_that_of_guessing_are_listed_as_failed():
    bad = scales()
    bad.loc[bad["init_scale"] == 9, "test/loss"] = 1e6
    assert "1 learn no better than guessing (2.3 nats) or diverge: at rate 0.005 the scales 9." in " ".join(
        init_scale.STUDY.report(bad).answer.split()
    )


def configurations(**accuracies):
    """Three seeds of configurations that differ in their number of filters: f4=[0.90, 0.91, 0.92], ..."""
    rows = [
        {
            "outcome": "finished",
            "num_filters": int(name[1:]),
            "learning_rate": 0.005,
            "epochs": 1,
            "seed": seed,
            "valid/accuracy": accuracy,
            "test/accuracy": accuracy - 0.01,
            "data.num_valid": 1000,
            "data.num_test": 400,
        }
        for name, values in accuracies.items()
        for seed, accuracy in enumerate(values)
    ]
    return pd.DataFrame(rows)


def test_a_configuration_that_is_surely_worse_is_not_like_the_best():
    """f8 is ahead of f4 by 0.100, 0.101, 0.099 (t = 173) and of f16 by -0.02, 0.01, 0.02."""
    results = configurations(f4=[0.800, 0.809, 0.821], f8=[0.9, 0.91, 0.92], f16=[0.92, 0.90, 0.90])
    found = filters_and_rates.standings(results)
    assert [one.configuration.num_filters for one in found] == [8, 16, 4]
    assert [one.like_the_best for one in found] == [True, True, False]


def test_a_configuration_that_diverges_is_not_the_best():
    results = configurations(f4=[0.8, 0.8, 0.8], f8=[0.9, 0.9, 0.9])
    results.loc[results.index[-1], "outcome"] = "diverged"
    found = filters_and_rates.standings(results)
    assert [one.configuration.num_filters for one in found] == [4, 8]
    assert "1 of 6 runs diverged." in filters_and_rates.STUDY.report(results).measured


def test_the_test_split_is_reported_for_the_chosen_configuration_only():
    """0.92 - 0.01 for f8; f4's 0.85 - 0.01 = 0.8400 stands nowhere."""
    report = filters_and_rates.STUDY.report(configurations(f4=[0.84, 0.85, 0.86], f8=[0.91, 0.92, 0.93]))
    assert "accuracy 0.9100" in " ".join(report.measured.split())
    assert "0.8400" not in report.answer + report.measured


@pytest.mark.parametrize(
    ("error", "place"),
    [
        (0.2, "worse than linear classifier"),
        (0.03, "between the same network in Keras, epoch 1 and the same network in Keras, epoch 2"),
        (0.005, "better than LeNet-5"),
    ],
)
def test_a_test_error_is_ranked_among_those_that_others_report(error, place):
    results = pd.DataFrame(
        {
            "epochs": 3,
            "seed": [0, 1],
            "test/accuracy": 1 - error,
            "test/loss": 0.1,
            "data.num_train": 59_000,
            "data.num_valid": 1000,
            "data.num_test": 10_000,
        }
    )
    assert place in " ".join(all_of_mnist.STUDY.report(results).answer.split())


def test_choices_that_move_the_loss_are_named_with_the_largest_effect_first():
    """Under every tie rule `last_class` costs 0.1; ties to the first save 0.02, and split is the same."""
    rows = [
        {
            "outcome": "finished",
            "train.gradient": gradient,
            "train.ties": ties,
            "train.shuffle": shuffle,
            "seed": seed,
            "test/loss": 0.15 + 0.1 * (gradient == "last_class") - 0.02 * (ties != "all") + 0.01 * seed,
            "test/accuracy": 0.95,
        }
        for gradient, ties, shuffle, seed in itertools.product(
            ["exact", "last_class"], ["all", "first", "split"], [False, True], [0, 1, 2]
        )
    ]
    results = pd.DataFrame(rows).round(6)
    means = [round(one.loss.mean, 6) for one in choices.effects(results)]
    assert means == [0.1, -0.02, -0.02, 0, 0, 0]
    report = choices.STUDY.report(results)
    assert report.answer.startswith("Test loss is moved by gradient `last_class` instead of `exact` (+0.1000); ties")
    assert "at most 0.0e+00 apart" in report.measured


@pytest.mark.parametrize(
    ("overrides", "small", "expected"),
    [
        ([], False, "make experiment NAME=03_choices"),
        (["data.dir=/home/me/mnist"], False, "make experiment NAME=03_choices MNIST=FOLDER"),
        (["data=mnist_5k"], False, "python -m experiments.harness 03_choices data=mnist_5k"),
        (["mlruns=/tmp/x"], True, "python -m experiments.harness 03_choices mlruns=FOLDER --small --output FOLDER"),
    ],
)
def test_the_command_on_a_page_names_no_folder_of_the_machine(overrides, small, expected):
    assert command("03_choices", overrides, small=small) == expected


def test_markdown_paragraphs_are_wrapped_and_tables_are_not():
    words, row = "word " * 40, f"| {'x' * 200} |"
    wrapped, kept = blocks(words, row).split("\n\n")
    assert max(map(len, wrapped.splitlines())) <= 118
    assert wrapped.split() == words.split()
    assert kept == row
