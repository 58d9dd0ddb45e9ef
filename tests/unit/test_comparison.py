"""Which configuration is best, what can't be told from it, and what is said when nothing can be compared."""

import pytest
from compared_runs import invented, with_answers

from convsweep.compare.comparison import best_run, compare_runs
from convsweep.compare.sentences import answer, method
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
        assert relations(comparison) == {"f16": "best", "f8": "can't tell", "f4": "worse"}
        assert (comparison.method, comparison.num_seeds) == ("seeds", 3)
        assert comparison.best.valid.mean == pytest.approx(0.945)
        # 0.945 -+ 4.3027 * 0.005 / sqrt(3)
        assert comparison.best.valid.interval == pytest.approx((0.93258, 0.95742), abs=1e-5)

    def test_the_answer_names_the_best_its_interval_and_what_is_like_it(self):
        (comparison,) = compare_runs(THREE_SEEDS)
        assert answer(comparison) == (
            "Best on valid: f16, 94.50% (95% interval 93.3-95.7, 3 seeds); test 90.00%. "
            "1 of 2 others can't be told from it: f8."
        )
        # ahead by 0.01, -0.005 and 0.01: t = 0.005 / (0.00866 / sqrt(3)) = 1; 4 of 8 sign patterns are as far from 0
        assert (
            "It is 0.50 points ahead of f8 (two-sided: paired t test p = 0.42, permutation test p = 0.5, which 3 seeds "
            "can't bring below 0.25)."
        ) in method(comparison)

    def test_the_same_training_counts_once(self):
        """Unshuffled, a seed of the order changes nothing: three runs with three of them are equal to the last bit."""
        copies = [invented(0.9, train__order_seed=order_seed, model__num_filters=4) for order_seed in range(3)]
        (comparison,) = compare_runs([*copies, *copies])
        assert [len(standing.configuration.runs) for standing in comparison.standings] == [1]
        assert "(95% interval 86.7-92.6, 1 seed)" in answer(comparison)  # Wilson's, of 360 of 400

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
        assert answer(comparison).startswith("Best on valid: defaults, 91.50%")
        assert "4 seeds" in answer(comparison)

    def test_seeds_that_not_all_have_are_left_out_of_the_comparison(self):
        (comparison,) = compare_runs([*THREE_SEEDS, invented(0.2, seed=3, model__num_filters=4)])
        assert comparison.num_seeds == 3
        assert relations(comparison) == {"f16": "best", "f8": "can't tell", "f4": "worse"}

    def test_configurations_without_a_seed_in_common_are_not_compared(self):
        runs = [invented(0.9, seed=seed, model__num_filters=4) for seed in (0, 1)]
        runs += [invented(0.95, seed=seed, model__num_filters=8) for seed in (2, 3)]
        (comparison,) = compare_runs(runs)
        assert comparison.method == "none"
        assert relations(comparison) == {"f8": "best", "f4": "not compared"}
        assert method(comparison) == (
            "No two configurations have two seeds in common: give all of them the same seeds."
        )

    def test_a_single_lucky_run_is_neither_the_best_nor_an_obstacle_to_comparing_the_others(self):
        lucky = invented(0.99, seed=0, model__num_filters=2)
        (comparison,) = compare_runs([lucky, *THREE_SEEDS])
        assert relations(comparison) == {"f16": "best", "f8": "can't tell", "f4": "worse", "f2": "not compared"}
        assert method(comparison).endswith("1 configuration with other seeds: not compared.")

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

    def test_means_are_of_the_seeds_that_are_compared(self):
        more = invented(0.0, seed=7, model__num_filters=16)
        (comparison,) = compare_runs([*THREE_SEEDS, more])
        assert comparison.best.configuration.name == "f16"
        assert comparison.best.valid.mean == pytest.approx(0.945)

    def test_the_best_run_is_one_of_the_best_configuration(self):
        lucky = invented(0.99, seed=0, model__num_filters=2), invented(0.5, seed=1, model__num_filters=2)
        comparisons = compare_runs([*lucky, *THREE_SEEDS])
        assert best_run(comparisons).values["model.num_filters"] == 16
        assert best_run(comparisons).valid_accuracy == 0.95


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
        assert relations(comparison) == {"f4": "best", "f8": "can't tell", "f16": "worse"}
        assert "(95% interval 95.5-98.6, 1 seed)" in answer(comparison)
        assert "exact McNemar tests" in method(comparison)

    def test_the_interval_is_that_of_the_images(self, runs):
        (comparison,) = compare_runs(runs)
        # Wilson's of 390 of 400
        assert comparison.best.valid.interval == pytest.approx((0.95459, 0.98636), abs=1e-5)

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
        assert str(path) in method(comparison)
        assert answer(comparison).startswith("Best on valid: f4, 97.50%")


class TestNothingToCompare:
    """Whatever there is, something true is said of it."""

    def test_a_diverged_seed_puts_a_configuration_behind_all_sound_ones(self):
        runs = [*THREE_SEEDS, *grid({32: (0.99, 0.99)}), invented(outcome="diverged", seed=2, model__num_filters=32)]
        (comparison,) = compare_runs(runs)
        assert relations(comparison)["f32"] == "not compared"
        assert comparison.standings[0].configuration.name == "f16"
        assert comparison.standings[-1].configuration.num_diverged == 1

    @pytest.mark.parametrize("outcome", ["diverged", "failed", "running", "killed", "damaged"])
    def test_none_finished(self, outcome):
        (comparison,) = compare_runs([invented(outcome=outcome, seed=seed) for seed in range(2)])
        assert (comparison.best, comparison.best_run) == (None, None)
        assert answer(comparison) == "No run has finished."
        assert method(comparison) == ""

    def test_one_configuration_alone_is_the_best_of_nothing(self):
        (comparison,) = compare_runs(grid({8: (0.9, 0.91)}))
        assert relations(comparison) == {"defaults": "best"}
        assert method(comparison) == "There is only one configuration, so there is nothing to compare it with."

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
        assert relations(first) == {"f16": "best", "f8": "can't tell", "f4": "worse"}
        assert second.runs == [again]
