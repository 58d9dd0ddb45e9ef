"""The reproduction: what a stack of seeds prints, and the verdicts on it."""

import json
import math
import re

import numpy as np
import pytest
from configurations import make_config
from threadpoolctl import threadpool_limits

from convsweep.data import load
from convsweep.nn.network import CNN, initial_parameters
from convsweep.nn.training import Evaluation, initialization_rng, order_rng, train
from convsweep.reproduce.protocol import RULES, Ours, all_trainings, printed
from convsweep.reproduce.report import answer, conclusion, markdown_report, verdicts
from convsweep.reproduce.reported import TEST, Place, reported_numbers
from convsweep.reproduce.reproduction import case_of, judge_all
from convsweep.reproduce.tables import write_tables
from convsweep.reproduce.trainings import all_courses
from convsweep.reproduce.verdicts import compare, correlations

SEEDS = 3
CONFIG = make_config({"data.num_train": 600, "data.num_test": 300, "data.num_valid": 10, "train.epochs": 10})


@pytest.fixture(scope="module")
def case():
    return case_of(CONFIG, SEEDS)


@pytest.fixture(scope="module")
def dataset():
    return load(CONFIG.data)


@pytest.fixture(scope="module")
def splits(dataset):
    return dataset.splits


@pytest.fixture(scope="module")
def courses(case):
    return all_courses(all_trainings(case))


@pytest.fixture(scope="module")
def reproduction(case, dataset, courses):
    return judge_all(case, dataset, courses)


@pytest.fixture(scope="module")
def ours(reproduction):
    return reproduction.ours


def of_experiment(values, gradient, experiment):
    """Return what seeds print in an experiment, by place."""
    return {place: values[rule, place] for rule, place in values if (rule, place.experiment) == (gradient, experiment)}


class TestStacks:
    """What seeds print."""

    def test_a_seed_prints_the_same_whatever_stack_it_is_in(self, case, ours):
        few = case._replace(protocol=case.protocol._replace(num_seeds=3, first_seed=2))
        alone = printed(few, all_courses(all_trainings(few)))
        for key, values in ours.losses.items():
            np.testing.assert_array_equal(alone.losses[key][0], values[2])

    def test_untrained_networks_print_the_same_under_every_gradient_rule(self, ours):
        for place, losses in of_experiment(ours.losses, "exact", "untrained").items():
            for rule in RULES:
                np.testing.assert_array_equal(ours.losses[rule, place], losses)

    def test_last_class_prints_what_exact_does_where_only_the_dense_layer_learns(self, ours):
        exact, last_class, as_printed = (of_experiment(ours.losses, rule, "dense_only") for rule in RULES)
        for place in exact:
            np.testing.assert_array_equal(exact[place], last_class[place])
            assert (exact[place] != as_printed[place]).all()

    def test_seed_k_is_the_run_that_train_makes_of_seed_k(self, splits, ours):
        network = CNN([initial_parameters(8, rng=initialization_rng(1))], [0.005])
        events = train(network, splits, epochs=[10], shuffle=False, rng=order_rng(0), window=500)
        with threadpool_limits(1):  # as workers train: more threads may add in another order
            (test,) = (event for _, event in events if isinstance(event, Evaluation) and event.split == "test")
        assert (ours.losses["exact", TEST][1], ours.accuracies["exact", TEST][1]) == (test.loss, test.accuracy)

    def test_a_full_run_of_600_images_and_10_epochs_prints_at_these_places(self, ours):
        assert list(of_experiment(ours.losses, "exact", "full")) == [
            *(Place("full", "1", step, 100) for step in (100, 200, 300, 400, 500, 600)),
            *(Place("full", str(epoch), 500, 500) for epoch in range(1, 11)),
            TEST,
        ]

    def test_windows_of_an_untrained_network_are_plain_means(self, ours):
        """They are ln 10 each: nothing is missing from the first."""
        for losses in of_experiment(ours.losses, "exact", "untrained").values():
            assert losses == pytest.approx(math.log(10), abs=0.005)

    def test_the_first_window_of_training_lacks_an_image(self, ours):
        assert (ours.losses["exact", Place("dense_only", "1", 100, 100)] < math.log(10) * 0.99).all()

    def test_a_diverged_run_prints_no_loss_and_sees_zeros(self, splits, reproduction, ours):
        steps = {found.seed: found.step for found in reproduction.divergences}
        assert {found.gradient for found in reproduction.divergences} == {"as_printed"}
        assert set(steps) == set(range(SEEDS))
        assert all(600 < step < 3000 for step in steps.values())
        assert np.isnan(ours.losses["as_printed", TEST]).all()
        assert ours.accuracies["as_printed", TEST] == pytest.approx((splits.test.labels == 0).mean())
        for seed, step in steps.items():
            for epoch in range(1, 11):  # a window is complete when the image before its last is seen
                loss = ours.losses["as_printed", Place("full", str(epoch), 500, 500)][seed]
                assert math.isnan(loss) == ((epoch - 1) * 600 + 500 - 1 >= step)

    def test_exact_and_last_class_do_not_diverge(self, ours):
        for rule in ("exact", "last_class"):
            assert all(np.isfinite(losses).all() for losses in of_experiment(ours.losses, rule, "full").values())


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

    def test_fewer_images_print_fewer_windows_to_judge(self, ours):
        names = [row.quantity for row in compare(reported_numbers(), ours) if row.experiment == "full"]
        assert "loss@10:500" in names
        assert "loss@10:1000" not in names
        assert [c.of_mean for c in correlations(reported_numbers(), ours)] == [None, None, None]


class TestReport:
    """What is written."""

    def test_the_conclusion_names_every_rule_once(self, reproduction):
        for rule in RULES:
            assert conclusion(reproduction).count(rule) == 1
        assert set(verdicts(reproduction.comparisons)) == set(RULES)

    def test_three_seeds_rule_out_no_program_by_all_numbers_together(self, reproduction):
        assert [judged.verdict for judged in reproduction.programs.judged] == ["inconclusive"] * 3
        _, of_programs = answer(reproduction)
        assert of_programs.startswith(
            "Inconclusive: 3 seeds are too few to rule a program out by the full run's numbers"
        )

    def test_a_limit_is_named_and_has_neither_interval_nor_p(self, reproduction):
        (row,) = (line for line in markdown_report(reproduction).splitlines() if "ln 10" in line and line[0] == "|")
        assert [cell.strip() for cell in row.split(" | ")[-3:]] == ["limit 0.0010", "", "consistent |"]

    def test_a_test_loss_beyond_all_rules_begins_with_none(self, reproduction):
        far = [row._replace(verdict="inconsistent") for row in reproduction.comparisons]
        assert conclusion(reproduction._replace(comparisons=far)).startswith("None of these rules: the tutorial's test")

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
        of_rules, of_programs = rows[: rows.index(next(row for row in rows if "p rivals" in row))], rows[-3:]
        assert {len(re.findall(r"(?<!\\)\|", row)) for row in of_rules} == {8}
        assert {len(re.findall(r"(?<!\\)\|", row)) for row in of_programs} == {11}
        assert any(r"\|loss - ln 10\|" in row for row in rows)
