"""Which configuration is best, what can't be told from it, and what is said when nothing can be compared."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from compared_runs import invented, with_answers
from hypothesis import given
from hypothesis import strategies as st

from convsweep.compare.comparison import best_run, compare_runs
from convsweep.compare.next_step import next_step
from convsweep.compare.sentences import answer, confidence, left_out, method
from convsweep.records.predictions import PREDICTIONS


def grid(accuracies, **values):
    """Return runs of configurations, given as accuracies by filter count, one a seed."""
    return [
        invented(valid, seed=seed, model__num_filters=num_filters, **values)
        for num_filters, of_seeds in accuracies.items()
        for seed, valid in enumerate(of_seeds)
    ]


THREE_SEEDS = grid({4: (0.9, 0.91, 0.905), 8: (0.93, 0.95, 0.94), 16: (0.94, 0.945, 0.95)})


def relations(comparison):
    return {standing.configuration.name: standing.relation for standing in comparison.standings}


class TestSeeds:
    """Runs that differ in their seeds only are one configuration."""

    def test_the_best_mean_comes_first_and_equals_are_not_told_from_it(self):
        (comparison,) = compare_runs(THREE_SEEDS)
        assert relations(comparison) == {"f16": "best", "f8": "can't tell", "f4": "not the best"}
        assert (comparison.method, comparison.num_seeds) == ("seeds", 3)
        assert comparison.best.valid.mean == pytest.approx(0.945)
        # all three at once: 0.945 -+ t(1 - 0.05 / 6, 2) * 0.005 / sqrt(3), and t is 7.6488
        assert comparison.best.valid.interval == pytest.approx((0.92292, 0.96708), abs=1e-5)

    def test_the_answer_names_the_best_its_intervals_and_what_is_like_it(self):
        (comparison,) = compare_runs(THREE_SEEDS)
        assert answer(comparison) == (
            "Best on valid: f16: test 90.00% (89.7-90.3), valid 94.50% (92.3-96.7); 95% intervals, 3 seeds. "
            "1 of 2 others can't be told from it: f8."
        )
        assert confidence(comparison) == (
            "At 95% confidence the best of these configurations is among those marked 'best' or 'can't tell': over all "
            "seeds, on these 400 images."
        )
        assert left_out(comparison) == ""

    def test_the_same_training_counts_once(self):
        """Unshuffled, a seed of the order changes nothing: three runs with three of them are equal to the last bit."""
        copies = [invented(0.9, train__order_seed=order_seed, model__num_filters=4) for order_seed in range(3)]
        (comparison,) = compare_runs([*copies, *copies])
        assert [len(standing.configuration.runs) for standing in comparison.standings] == [1]
        assert "valid 90.00% (86.7-92.6); 95% intervals, 1 seed" in answer(comparison)  # Wilson's, of 360 of 400

    def test_intervals_stay_within_what_an_accuracy_can_be(self):
        (comparison,) = compare_runs(grid({8: (0.1, 0.9)}))
        assert comparison.best.valid.interval == (0.0, 1.0)

    def test_the_order_of_images_is_a_seed_like_the_initial_parameters(self):
        runs = [
            invented(0.9 + seed / 100, seed=seed % 2, train__order_seed=seed // 2, train__shuffle=True)
            for seed in range(4)
        ]
        (comparison,) = compare_runs(runs)
        assert len(comparison.standings) == 1
        assert comparison.keys == ()
        assert answer(comparison).startswith("Best on valid: defaults: test 90.00%")
        assert "valid 91.50%" in answer(comparison)
        assert "4 seeds" in answer(comparison)

    def test_seeds_that_not_all_have_are_left_out_of_the_comparison(self):
        (comparison,) = compare_runs([*THREE_SEEDS, invented(0.2, seed=3, model__num_filters=4)])
        assert comparison.num_seeds == 3
        assert relations(comparison) == {"f16": "best", "f8": "can't tell", "f4": "not the best"}

    def test_the_seeds_that_the_most_configurations_share_are_compared(self):
        """Two configurations have seeds 5 and 6 in common, three have 0 to 2: those are told of."""
        others = [
            invented(0.99, seed=seed, model__num_filters=2, train__epochs=epochs)
            for seed in (5, 6)
            for epochs in (1, 2)
        ]
        (comparison,) = compare_runs([*others, *THREE_SEEDS])
        assert comparison.seeds == ((0, 0), (1, 0), (2, 0))
        assert [standing.relation for standing in comparison.standings][3:] == ["not compared"] * 2
        assert comparison.best is None  # those with the highest means are left out

    def test_means_are_of_the_seeds_that_are_compared(self):
        more = invented(0.0, seed=7, model__num_filters=16)
        (comparison,) = compare_runs([*THREE_SEEDS, more])
        assert comparison.best.configuration.name == "f16"
        assert comparison.best.valid.mean == pytest.approx(0.945)
        assert "compared on the 3 seeds that all of them have" in confidence(comparison)

    def test_the_best_run_is_one_of_the_best_configuration(self):
        lucky = invented(0.99, seed=0, model__num_filters=2), invented(0.5, seed=1, model__num_filters=2)
        comparisons = compare_runs([*lucky, *THREE_SEEDS])
        assert best_run(comparisons).values["model.num_filters"] == 16
        assert best_run(comparisons).valid_accuracy == 0.95


def without(runs, *missing):
    """Return runs but for those with these filters and seeds."""
    return [run for run in runs if (run.values["model.num_filters"], run.values["train.seed"]) not in missing]


class TestUnevenSeeds:
    """Jobs are missing: what there is is compared, and nothing is the best while something left out is higher."""

    def test_configurations_that_lack_different_seeds_are_compared_on_those_that_all_have(self):
        whole = grid({4: (0.80,) * 5, 8: (0.85,) * 5, 16: (0.95,) * 5, 32: (0.90,) * 5})
        (comparison,) = compare_runs(without(whole, (16, 4), (32, 0)))
        assert comparison.seeds == ((1, 0), (2, 0), (3, 0))
        assert relations(comparison) == {
            "f16": "best",
            "f32": "not the best",
            "f8": "not the best",
            "f4": "not the best",
        }

    def test_six_that_each_lack_another_seed_are_never_won_by_the_worst(self):
        """Four of them have seeds 0 and 1 in common, no five have two: these are compared, whoever they are."""
        for best in range(6):
            whole = grid({number + 1: [0.9 if number == best else 0.8] * 6 for number in range(6)})
            (comparison,) = compare_runs(without(whole, *((number + 1, number) for number in range(6))))
            assert comparison.seeds == ((0, 0), (1, 0))
            assert len(comparison.compared) == 4
            if best in (0, 1):  # those lack one of the two seeds
                assert comparison.best is None
            else:
                assert comparison.best.configuration.name == f"f{best + 1}"

    def test_a_higher_mean_that_was_left_out_leaves_it_undecided(self):
        lucky = invented(0.99, seed=0, model__num_filters=2)
        (comparison,) = compare_runs([lucky, *THREE_SEEDS])
        assert relations(comparison) == {
            "f16": "can't tell",
            "f8": "can't tell",
            "f4": "not the best",
            "f2": "not compared",
        }
        assert (comparison.best, comparison.best_run, comparison.leader.configuration.name) == (None, None, "f16")
        assert answer(comparison) == (
            "Not decided: f2 (99.00%, 1 seed) has a higher mean on valid than f16, which leads those compared with "
            "94.50%, but lacks some of the 3 seeds that were compared."
        )
        assert "'best'" not in confidence(comparison)
        assert (comparison.left_out[0].valid.interval) == (0, 1)  # one seed tells nothing of others

    def test_a_lower_mean_that_was_left_out_is_named_and_changes_nothing(self):
        poor = invented(0.5, seed=0, model__num_filters=2)
        (comparison,) = compare_runs([poor, *THREE_SEEDS])
        assert comparison.best.configuration.name == "f16"
        assert (
            left_out(comparison)
            == "Left out, as they lack at least one of the 3 seeds that were compared: f2 (50.00%, 1 seed)."
        )

    def test_a_poor_configuration_with_two_seeds_does_not_win_against_better_ones_with_one(self, tmp_path):
        poor = [with_answers(tmp_path, range(200), model__num_filters=2, seed=seed) for seed in (0, 1)]
        better = [with_answers(tmp_path, range(2 * n, 10 + 6 * n), model__num_filters=4 * (n + 1)) for n in (0, 1)]
        (comparison,) = compare_runs([*poor, *better])
        assert (comparison.method, comparison.seeds) == ("images", ())
        assert relations(comparison) == {"f4": "best", "f8": "can't tell", "f2": "not the best"}

    def test_a_higher_mean_over_seeds_that_were_not_compared_leaves_it_undecided(self, tmp_path):
        """One run of each is compared; the other configuration's second seed is much better."""
        runs = [with_answers(tmp_path, range(40), seed=0, model__num_filters=4)]
        runs += [with_answers(tmp_path, range(n), seed=seed, model__num_filters=8) for seed, n in ((0, 44), (1, 0))]
        (comparison,) = compare_runs(runs)
        assert comparison.best is None
        assert answer(comparison) == (
            "Not decided: f8 (94.50%, 2 seeds) has a higher mean on valid than f4, which leads those compared with "
            "90.00%, but one run of each was compared."
        )
        assert next_step([comparison], None, Path("mlruns")).num_runs == 1

    def test_without_a_seed_in_common_one_run_of_each_is_compared(self, tmp_path):
        runs = [with_answers(tmp_path, range(40), seed=seed, model__num_filters=4) for seed in (0, 1)]
        runs += [with_answers(tmp_path, range(20), seed=seed, model__num_filters=8) for seed in (2, 3)]
        (comparison,) = compare_runs(runs)
        assert comparison.method == "images"
        assert [standing.runs[0].seeds for standing in comparison.standings] == [(2, 0), (0, 0)]
        assert relations(comparison) == {"f8": "best", "f4": "not the best"}

    @given(st.lists(st.sets(st.integers(0, 4)), min_size=1, max_size=6), st.integers(0, 2**32 - 1))
    def test_nothing_is_the_best_while_something_left_out_has_a_higher_mean(self, seeds_of, random):
        """And as many configurations as possible are compared, as brute force over all sets of seeds finds."""
        rng = np.random.default_rng(random)
        runs = [
            invented(round(rng.integers(300, 400) / 400, 4), seed=seed, model__num_filters=number + 1)
            for number, seeds in enumerate(seeds_of)
            for seed in seeds
        ]
        for comparison in compare_runs(runs):
            if comparison.method == "seeds":
                most = max(
                    sum(seeds >= set(chosen) for seeds in seeds_of) for chosen in itertools.combinations(range(5), 2)
                )
                assert len(comparison.compared) == most
                shared = set.intersection(*({run.seeds for run in one.runs} for one in comparison.compared))
                assert set(comparison.seeds) == shared
            highest = max(one.valid.mean for one in comparison.standings)
            assert comparison.best is None or comparison.best.valid.mean == highest


class TestImages:
    """With one seed each, configurations are compared image by image."""

    @pytest.fixture
    def runs(self, tmp_path):
        """Three runs: 10 images wrong, 14 of which 8 are others, and 60."""
        return [
            with_answers(tmp_path, range(10), model__num_filters=4),
            with_answers(tmp_path, range(2, 16), model__num_filters=8),
            with_answers(tmp_path, range(60), model__num_filters=16),
        ]

    def test_few_images_that_only_one_gets_right_do_not_tell_them_apart(self, runs):
        (comparison,) = compare_runs(runs)
        assert comparison.method == "images"
        assert relations(comparison) == {"f4": "best", "f8": "can't tell", "f16": "not the best"}
        assert "valid 97.50% (94.9-98.8); 95% intervals, 1 seed" in answer(comparison)
        assert "other seeds may change it" in confidence(comparison)
        assert "exact McNemar tests" in method(comparison)

    def test_the_interval_is_that_of_the_images(self, runs):
        (comparison,) = compare_runs(runs)
        # Wilson's of 390 of 400 at 1 - 0.05 / 3, as the other two's hold with it
        assert comparison.best.valid.interval == pytest.approx((0.948559, 0.988022), abs=1e-6)

    def test_other_seeds_of_each_are_no_obstacle(self, runs):
        others = [run._replace(values=run.values | {"train.seed": place}) for place, run in enumerate(runs)]
        (comparison,) = compare_runs(others)
        assert comparison.method == "images"

    @pytest.mark.parametrize("damage", ["missing", "damaged", "of another training"])
    def test_answers_that_cannot_be_trusted_are_not_used(self, runs, damage):
        path = runs[1].directory / PREDICTIONS
        if damage == "missing":
            path.unlink()
        elif damage == "damaged":
            path.write_bytes(path.read_bytes()[:-40])
        else:
            path.write_bytes((runs[2].directory / PREDICTIONS).read_bytes())
        (comparison,) = compare_runs(runs)
        assert comparison.method == "none"
        assert str(path) in confidence(comparison)
        assert answer(comparison) == (
            "Best on valid: f4: test 100.00% (98.6-100.0), valid 97.50% (94.9-98.8); 95% intervals, 1 seed."
        )
        assert relations(comparison) == {"f4": "best", "f8": "can't tell", "f16": "can't tell"}


class TestNothingToCompare:
    """Whatever there is, something true is said of it."""

    def test_a_diverged_seed_puts_a_configuration_behind_all_sound_ones(self):
        runs = [*THREE_SEEDS, *grid({32: (0.99, 0.99)}), invented(outcome="diverged", seed=2, model__num_filters=32)]
        (comparison,) = compare_runs(runs)
        assert relations(comparison)["f32"] == "not compared"
        assert comparison.standings[0].configuration.name == "f16"
        assert comparison.standings[-1].configuration.num_diverged == 1
        assert left_out(comparison) == (
            "Not compared, as runs diverged: f32 (1 of 3; the 2 that finished reach 99.00%)."
        )

    def test_a_configuration_is_not_the_best_because_all_others_diverged(self):
        runs = [invented(0.9, seed=0), invented(outcome="diverged", seed=1)]
        (comparison,) = compare_runs(runs)
        assert (comparison.best, comparison.best_run) == (None, None)
        assert answer(comparison) == "Every configuration diverged with some seed."

    @pytest.mark.parametrize("outcome", ["diverged", "failed", "running", "killed", "damaged"])
    def test_none_finished(self, outcome):
        (comparison,) = compare_runs([invented(outcome=outcome, seed=seed) for seed in range(2)])
        assert (comparison.best, comparison.best_run) == (None, None)
        assert answer(comparison) == "No run has finished."
        assert method(comparison) == ""

    def test_one_configuration_alone_is_the_best_of_nothing(self):
        (comparison,) = compare_runs(grid({8: (0.9, 0.91)}))
        assert relations(comparison) == {"defaults": "best"}
        assert confidence(comparison) == ("There is only one configuration to compare, so nothing was tested.")

    def test_runs_judged_on_other_images_are_never_ranked_together(self):
        other = invented(0.999, data__name="mnist")
        first, second = compare_runs([*THREE_SEEDS, other])
        assert len(first.standings) == 3
        assert [standing.configuration.runs for standing in second.standings] == [(other,)]
        assert compare_runs([]) == []

    def test_runs_of_other_code_are_no_seeds_of_a_configuration(self):
        again = invented(0.2, seed=3, model__num_filters=4)
        again = again._replace(result=again.result._replace(code_digest="e" * 64))
        first, second = compare_runs([*THREE_SEEDS, again])
        assert (first.group, second.group) == ("mnist_5k, code cccccccc", "mnist_5k, code eeeeeeee")
        assert relations(first) == {"f16": "best", "f8": "can't tell", "f4": "not the best"}
        assert second.runs == [again]
