"""The reproduction: what a stack of seeds prints, and the verdicts on it."""

import json
import math
import re

import numpy as np
import pytest
from configurations import make_config

from convsweep.data import load
from convsweep.nn.network import CNN, initial_parameters
from convsweep.nn.training import Evaluation, initialization_rng, order_rng, train
from convsweep.reproduce.parallel import RULES, tasks
from convsweep.reproduce.protocol import replicate
from convsweep.reproduce.report import conclusion, markdown_report, verdicts
from convsweep.reproduce.reported import TEST, Place, reported_numbers
from convsweep.reproduce.reproduction import assess
from convsweep.reproduce.tables import write_tables
from convsweep.reproduce.verdicts import Ours, by_place, compare, correlations

SEEDS = range(3)


@pytest.fixture(scope="module")
def dataset():
    return load(make_config({"data.num_train": 600, "data.num_test": 300, "data.num_valid": 10}).data)


@pytest.fixture(scope="module")
def splits(dataset):
    return dataset.splits


@pytest.fixture(scope="module")
def outcomes(splits):
    return {rule: replicate(rule, SEEDS, splits) for rule in RULES}


def measured(outcome, experiment, seed=None):
    return [
        (found.seed, found.place, found.loss, found.accuracy)
        for found in outcome.measurements
        if found.place.experiment == experiment and seed in (None, found.seed)
    ]


class TestStacks:
    """What seeds print."""

    def test_a_seed_prints_the_same_whatever_stack_it_is_in(self, splits, outcomes):
        alone = replicate("last_class", range(2, 3), splits)
        assert list(alone.measurements) == [m for m in outcomes["last_class"].measurements if m.seed == 2]

    def test_untrained_networks_print_the_same_under_every_gradient_rule(self, outcomes):
        untrained = [measured(outcome, "untrained") for outcome in outcomes.values()]
        assert untrained[0] == untrained[1] == untrained[2]

    def test_last_class_prints_what_exact_does_where_only_the_dense_layer_learns(self, outcomes):
        exact, last_class, as_printed = (measured(outcomes[rule], "dense_only") for rule in RULES)
        assert exact == last_class
        assert exact != as_printed

    def test_seed_k_is_the_run_that_train_makes_of_seed_k(self, splits, outcomes):
        network = CNN([initial_parameters(8, rng=initialization_rng(1))], [0.005])
        events = train(network, splits, epochs=[10], shuffle=False, rng=order_rng(0), window=500)
        (test,) = (event for _, event in events if isinstance(event, Evaluation) and event.split == "test")
        assert (1, TEST, test.loss, test.accuracy) in measured(outcomes["exact"], "full")

    def test_a_full_run_of_600_images_and_10_epochs_prints_at_these_places(self, outcomes):
        places = [place for _, place, _, _ in measured(outcomes["exact"], "full", seed=0)]
        assert places == [
            *(Place("full", "1", step, 100) for step in (100, 200, 300, 400, 500, 600)),
            *(Place("full", str(epoch), 500, 500) for epoch in range(1, 11)),
            TEST,
        ]

    def test_windows_of_an_untrained_network_are_plain_means(self, outcomes):
        """They are ln 10 each: nothing is missing from the first."""
        for _, _, loss, _ in measured(outcomes["exact"], "untrained"):
            assert loss == pytest.approx(math.log(10), abs=0.005)

    def test_the_first_window_of_training_lacks_an_image(self, outcomes):
        (_, place, loss, _), *_ = measured(outcomes["exact"], "dense_only")
        assert place == Place("dense_only", "1", 100, 100)
        assert loss < math.log(10) * 0.99

    def test_a_diverged_run_prints_no_loss_and_sees_zeros(self, splits, outcomes):
        steps = {divergence.seed: divergence.step for divergence in outcomes["as_printed"].divergences}
        assert set(steps) == set(SEEDS)
        assert all(600 < step < 3000 for step in steps.values())
        for seed, place, loss, accuracy in measured(outcomes["as_printed"], "full"):
            if place == TEST:
                assert math.isnan(loss)
                assert accuracy == pytest.approx((splits.test.labels == 0).mean())
            elif place.window == 500:  # the window is complete when the image before its last is seen
                assert math.isnan(loss) == ((int(place.epoch) - 1) * 600 + place.step - 1 >= steps[seed])

    def test_exact_and_last_class_do_not_diverge(self, outcomes):
        assert outcomes["exact"].divergences == outcomes["last_class"].divergences == ()
        assert not any(math.isnan(m.loss) for m in outcomes["exact"].measurements)


def test_tasks_hold_every_seed_once_under_every_rule():
    for num_seeds in (2, 5, 20, 39):
        assert sorted((rule, seed) for rule, seeds in tasks(num_seeds) for seed in seeds) == sorted(
            (rule, seed) for rule in RULES for seed in range(num_seeds)
        )


def invented(losses, accuracies, n=20):
    """Return what n seeds print at all reported places: the reported values, shifted and spread as told, by rule."""
    rng = np.random.default_rng(0)
    rows = reported_numbers()

    def around(shifts_and_spreads, values):
        return {
            (rule, row.place): value + shift + spread * rng.normal(size=n)
            for rule, (shift, spread) in shifts_and_spreads.items()
            for row, value in zip(rows, values, strict=True)
        }

    return Ours(
        around(losses, [row.loss for row in rows]),
        around(accuracies, [row.accuracy for row in rows]),
    )


ALIKE = dict.fromkeys(RULES, (0.0, 0.0004))


def verdict_on(ours, quantity, gradient="exact", experiment="full"):
    (found,) = (
        row
        for row in compare(reported_numbers(), ours)
        if (row.experiment, row.gradient, row.quantity) == (experiment, gradient, quantity)
    )
    return found


class TestVerdicts:
    """Verdicts on numbers that are made up for the purpose."""

    def test_everything_reported_is_judged_under_every_rule(self):
        rows = compare(reported_numbers(), invented(ALIKE, ALIKE))
        # 31 windows and the test, two numbers each; three experiments' windows; the distance from ln 10
        assert len(rows) == 3 * (2 * 32 + 3 + 1)
        names = [row.quantity for row in rows if row.gradient == "exact"]
        assert {"test_loss", "test_accuracy", "windows", "loss@10:500", "accuracy@1:1000", "loss@400"} <= set(names)

    def test_reported_values_amid_our_seeds_are_consistent(self):
        ours = invented(ALIKE, ALIKE)
        for quantity in ("test_loss", "test_accuracy", "windows"):
            assert verdict_on(ours, quantity).verdict == "consistent"

    def test_a_reported_value_far_from_our_seeds_is_inconsistent(self):
        ours = invented(ALIKE | {"exact": (0.08, 0.01)}, ALIKE)
        test_loss = verdict_on(ours, "test_loss")
        assert test_loss.verdict == "inconsistent"
        assert test_loss.low > test_loss.reported
        assert test_loss.rank == 1
        assert verdict_on(ours, "windows").verdict == "inconsistent"
        assert verdict_on(ours, "test_accuracy").verdict == "consistent"
        assert verdict_on(ours, "test_loss", "last_class").verdict == "consistent"

    def test_seeds_that_differ_by_more_than_the_margin_conclude_nothing(self):
        """0.1 nats for the test; an interval of +-0.43 holds too much."""
        assert verdict_on(invented(ALIKE | {"exact": (0.0, 0.2)}, ALIKE), "test_loss").verdict == "inconclusive"

    @pytest.mark.parametrize(("n", "verdict"), [(20, "inconsistent"), (18, "inconclusive")])
    def test_a_rule_under_which_all_of_enough_seeds_diverged_is_inconsistent(self, n, verdict):
        ours = invented(ALIKE, ALIKE, n)
        ours.losses["exact", TEST][:] = np.nan
        found = verdict_on(ours, "test_loss")
        assert (found.verdict, found.diverged, found.n) == (verdict, n, n)
        assert found.mean is found.sd is found.low is found.high is None
        assert found.p == 1 / (n + 1)

    def test_one_diverged_seed_makes_the_verdict_inconclusive(self):
        ours = invented(ALIKE, ALIKE)
        ours.losses["exact", TEST][3] = np.nan
        assert verdict_on(ours, "test_loss").verdict == "inconclusive"

    def test_an_untrained_network_must_guess(self):
        ours = invented(ALIKE, ALIKE)
        assert verdict_on(ours, "loss_from_ln10", experiment="untrained").verdict == "consistent"
        for gradient, place in ours.losses:
            if place.experiment == "untrained":
                ours.losses[gradient, place][:] += 0.01
        assert verdict_on(ours, "loss_from_ln10", experiment="untrained").verdict == "inconsistent"

    def test_windows_that_are_the_reported_ones_but_for_a_shift_have_correlation_1(self):
        ours = invented(ALIKE | {"last_class": (0.5, 0.0)}, ALIKE)
        ours.losses["as_printed", Place("full", "10", 500, 500)][0] = np.nan
        found = {correlation.gradient: correlation for correlation in correlations(reported_numbers(), ours)}
        assert found["last_class"].of_mean == pytest.approx(1)
        assert found["exact"].lowest < found["exact"].of_mean < 1
        assert found["as_printed"].of_mean is None

    def test_fewer_images_print_fewer_windows_to_judge(self, outcomes):
        ours = by_place([m for outcome in outcomes.values() for m in outcome.measurements])
        names = [row.quantity for row in compare(reported_numbers(), ours) if row.experiment == "full"]
        assert "loss@10:500" in names
        assert "loss@10:1000" not in names
        assert [c.of_mean for c in correlations(reported_numbers(), ours)] == [None, None, None]


@pytest.fixture(scope="module")
def reproduction(dataset, outcomes):
    return assess(dataset, len(SEEDS), outcomes.values())


class TestReport:
    """What is written."""

    def test_the_conclusion_names_every_rule_once(self, reproduction):
        for rule in RULES:
            assert conclusion(reproduction).count(rule) == 1
        assert set(verdicts(reproduction.comparisons)) == set(RULES)

    def test_json_has_null_where_there_is_no_number(self, reproduction, tmp_path):
        write_tables(reproduction, tmp_path)
        text = (tmp_path / "verdicts.json").read_text()
        assert "NaN" not in text
        assert "Infinity" not in text
        (row,) = (
            row
            for row in json.loads(text)
            if (row["experiment"], row["gradient"], row["quantity"]) == ("full", "as_printed", "test_loss")
        )
        assert row["mean"] is None
        assert row["diverged"] == row["n"] == 3

    def test_on_other_images_the_report_begins_and_ends_with_saying_so(self, reproduction):
        first, *_, last = markdown_report(reproduction).strip().split("\n\n")
        assert first == last
        assert first.startswith("These are not the tutorial's images (data=mnist_5k: 600 training, 300 test images)")

    def test_bars_in_the_reports_table_are_text_and_separate_no_cells(self, reproduction):
        """``|loss - ln 10|`` holds bars, which separate cells."""
        rows = [line for line in markdown_report(reproduction).splitlines() if line.startswith("|")]
        assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {8}
        assert any(r"\|loss - ln 10\|" in row for row in rows)
