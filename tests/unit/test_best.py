"""The set that can't be told from the best: by hand, by brute force, and how often it misses the truly best.

The simulations use implementations of their own, which judge thousands of sweeps at once with ``scipy.stats``. Each
one compares its answers with the package's on some of its sweeps.
"""

import numpy as np
import pytest
from scipy import stats

from convsweep.compare.statistics.best import best_candidates, best_candidates_of_answers

SWEEPS = 5000
AT_MOST_5_PERCENT = 0.05 + 3 * np.sqrt(0.05 * 0.95 / SWEEPS)  # three standard errors of the simulation


def candidates_of_many(scores, step=0.0):
    """Return who is in the set of each of many sweeps, ``[T, C]``, for scores ``[T, C, S]``."""
    num_configurations, num_seeds = scores.shape[1:]
    critical = stats.t.isf(0.05 / (num_configurations - 1), num_seeds - 1)
    candidates = np.ones(scores.shape[:2], bool)
    for i in range(num_configurations):
        ahead = np.delete(scores, i, axis=1) - scores[:, i : i + 1]
        mean, variance = ahead.mean(axis=2), ahead.var(axis=2, ddof=1)
        variance[variance < 1e-20] = 0
        error = np.sqrt(np.maximum(variance, step**2 / 6) / num_seeds)
        candidates[:, i] = (mean <= critical * error + 1e-15).all(axis=1)
    for sweep, expected in zip(scores[:40], candidates, strict=False):
        assert best_candidates(sweep, step=step).is_candidate.tolist() == expected.tolist()
    return candidates


def intervals_of_many(scores):
    """Return the ends of the intervals of many sweeps, ``[T, C]`` each, for scores ``[T, C, S]``."""
    num_configurations, num_seeds = scores.shape[1:]
    critical = stats.t.isf(0.05 / (num_configurations - 1), num_seeds - 1)
    low, high = np.empty((2, *scores.shape[:2]))
    for i in range(num_configurations):
        behind = np.delete(scores, i, axis=1) - scores[:, i : i + 1]
        mean, width = behind.mean(axis=2), critical * behind.std(axis=2, ddof=1) / np.sqrt(num_seeds)
        low[:, i] = np.minimum(0, (-width - mean).min(axis=1))
        high[:, i] = np.maximum(0, (width - mean).min(axis=1))
    for sweep, *expected in zip(scores[:40], low, high, strict=False):
        found = best_candidates(sweep)
        np.testing.assert_allclose([found.low, found.high], expected, rtol=1e-9, atol=1e-12)
    return low, high


def missed(scores, step=0.0):
    """Return the share of sweeps whose set lacks configuration 0, which is the truly best."""
    return 1 - candidates_of_many(scores, step)[:, 0].mean()


def sweeps(seed, means, spreads, num_seeds):
    """Return normal scores ``[T, C, S]``, with a part that all configurations share for a seed."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(SWEEPS, 1, num_seeds))
    own = rng.normal(size=(SWEEPS, len(means), num_seeds))
    return np.asarray(means)[:, None] + shared + np.asarray(spreads)[:, None] * own


def test_the_set_and_its_intervals_by_hand():
    """B is behind A by 1, 2, 3: t = 2 / (1 / sqrt(3)) = 3.46, more than t(0.95, 2) = 2.920: half a width of 1.686."""
    found = best_candidates([[10.0, 20.0, 30.0], [9.0, 18.0, 27.0]])
    assert found.is_candidate.tolist() == [True, False]
    assert found.p == pytest.approx([stats.t.sf(-np.sqrt(12), 2), stats.t.sf(np.sqrt(12), 2)])
    assert found.low == pytest.approx([0, -2 - 1.6859], abs=1e-4)
    assert found.high == pytest.approx([2 + 1.6859, 0], abs=1e-4)


def test_p_is_bonferronis_smallest_one_of_scipys_paired_tests():
    scores = np.random.default_rng(0).normal(size=(6, 4)) + np.linspace(0, 3, 6)[:, None]
    found = best_candidates(scores)
    for i, row in enumerate(scores):
        p = [stats.ttest_rel(other, row, alternative="greater").pvalue for j, other in enumerate(scores) if j != i]
        assert found.p[i] == pytest.approx(min(1, 5 * min(p)), rel=1e-9)
    assert found.is_candidate.tolist() == (found.p >= 0.05).tolist()


def test_intervals_and_the_set_agree():
    """Outside the set nothing but "worse than the best" is claimed; a set of one has it better than all others."""
    rng = np.random.default_rng(1)
    for spread in (0.1, 1, 5):
        found = best_candidates(rng.normal(size=(8, 4)) + spread * np.arange(8)[:, None])
        assert ((found.high > 0) == found.is_candidate).all()
        assert (found.low <= 0).all()
        assert (found.low[found.is_candidate] == 0).all() == (found.is_candidate.sum() == 1)


def test_the_lower_ends_are_hsus_over_candidates_only():
    """Also where configurations that are no candidates vary most."""
    rng = np.random.default_rng(13)
    seen = 0
    for _ in range(300):
        scores = rng.normal(size=(6, 4)) * rng.choice([0.1, 1, 3], (6, 1)) + rng.normal(size=(6, 1)) * 4
        found = best_candidates(scores)
        for i in range(6):
            ahead = [scores[i] - scores[j] for j in np.flatnonzero(found.is_candidate) if j != i]
            ends = [d.mean() - stats.t.isf(0.05 / 5, 3) * d.std(ddof=1) / 2 for d in ahead]
            assert found.low[i] == pytest.approx(min([0, *ends]), abs=1e-12)
        seen += 1 < found.is_candidate.sum() < 6
    assert seen > 100


def test_the_order_of_configurations_and_seeds_does_not_matter():
    rng = np.random.default_rng(2)
    scores = rng.normal(size=(9, 5)) + np.arange(9)[:, None]
    rows, columns = rng.permutation(9), rng.permutation(5)
    found, shuffled = best_candidates(scores), best_candidates(scores[rows][:, columns])
    for one, other in zip(found, shuffled, strict=True):
        assert other == pytest.approx(one[rows])


def test_what_a_seed_does_to_all_configurations_alike_cancels():
    scores = np.random.default_rng(3).normal(size=(5, 4))
    assert best_candidates(scores + 10 * np.arange(4)).p == pytest.approx(best_candidates(scores).p)


def test_equal_configurations_are_all_candidates():
    found = best_candidates(np.tile([0.9, 0.92, 0.91], (4, 1)))
    assert found.is_candidate.all()
    assert found.p.tolist() == [1] * 4
    assert found.low.tolist() == found.high.tolist() == [0] * 4


def test_a_configuration_that_is_behind_by_the_same_for_every_seed_is_none_unless_rounding_explains_it():
    """0.3 - 0.2 and 0.4 - 0.3 differ in float64."""
    scores = [[0.3, 0.4, 0.5], [0.2, 0.3, 0.4]]
    assert best_candidates(scores).is_candidate.tolist() == [True, False]
    assert best_candidates(scores).p.tolist() == [1, 0]
    assert best_candidates(scores, step=0.1).is_candidate.tolist() == [True, False]  # t = sqrt(18), above 2.92
    assert best_candidates(np.r_[scores, scores], step=0.1).is_candidate[1]  # but below t(1 - 0.05 / 3, 2) = 5.3


def test_a_single_configuration_is_the_best():
    found = best_candidates([[0.9, 0.91]])
    assert (found.is_candidate.tolist(), found.p.tolist()) == ([True], [1])
    assert (found.low.tolist(), found.high.tolist()) == ([0], [np.inf])


def test_one_seed_or_a_diverged_run_is_refused():
    with pytest.raises(ValueError, match=r"'scores' must have two or more seeds \(got 1\)"):
        best_candidates([[0.9], [0.8]])
    with pytest.raises(ValueError, match=r"'scores' must be finite \(got nan\)"):
        best_candidates([[0.9, 0.8], [0.9, np.nan]])


@pytest.mark.parametrize("num_seeds", [3, 5, 10])
@pytest.mark.parametrize("num_configurations", [2, 6, 18])
class TestTheTrulyBestIsMissedInAtMost5PercentOfSweeps:
    def test_if_all_are_equal(self, num_configurations, num_seeds):
        """Each of them is a truly best one, and each is missed that seldom."""
        scores = sweeps(1, np.zeros(num_configurations), np.ones(num_configurations), num_seeds)
        assert (1 - candidates_of_many(scores).mean(axis=0)).max() <= AT_MOST_5_PERCENT

    def test_if_it_is_clearly_the_best(self, num_configurations, num_seeds):
        means = np.zeros(num_configurations)
        means[0] = 2
        assert missed(sweeps(2, means, np.ones(num_configurations), num_seeds)) <= 0.001

    def test_if_it_varies_ten_times_as_much_as_the_others(self, num_configurations, num_seeds):
        spreads = np.ones(num_configurations)
        spreads[0] = 10
        assert missed(sweeps(3, np.zeros(num_configurations), spreads, num_seeds)) <= AT_MOST_5_PERCENT

    def test_if_half_of_the_others_vary_ten_times_as_much(self, num_configurations, num_seeds):
        spreads = np.ones(num_configurations)
        spreads[-(num_configurations // 2) :] = 10
        assert missed(sweeps(4, np.zeros(num_configurations), spreads, num_seeds)) <= AT_MOST_5_PERCENT


def test_a_clearly_best_configuration_is_alone_in_its_set_with_enough_seeds():
    """Ahead by six standard deviations, with ten seeds: the set is no mere list of everything."""
    means = np.r_[6, np.zeros(17)]
    alone = candidates_of_many(sweeps(5, means, np.ones(18), 10)).sum(axis=1) == 1
    assert alone.mean() > 0.99


@pytest.mark.parametrize("num_seeds", [3, 5, 10])
def test_a_pooled_variance_would_miss_a_noisy_best_far_too_often(num_seeds):
    """Why variances aren't pooled as Hsu does. Bonferroni's critical value is even larger than Dunnett's, his one."""
    scores = sweeps(3, np.zeros(18), np.r_[10, np.ones(17)], num_seeds)
    means = scores.mean(axis=2)
    residuals = scores - means[:, :, None] - scores.mean(axis=1)[:, None] + means.mean(axis=1)[:, None, None]
    degrees = 17 * (num_seeds - 1)
    error = np.sqrt(2 * (residuals**2).sum(axis=(1, 2)) / degrees / num_seeds)
    critical = stats.t.isf(0.05 / 17, degrees)
    assert (means.max(axis=1) - means[:, 0] > critical * error).mean() > 0.15


@pytest.mark.parametrize("spread", [0.001, 0.002, 0.004, 0.008])
def test_three_seeds_accuracies_on_400_images_do_not_mislead_because_they_are_known_to_be_rounded(spread):
    """Without ``step``, differences that agree exactly by chance would have the best missed."""
    rng = np.random.default_rng(6)
    exact = 0.93 + 0.003 * rng.normal(size=(SWEEPS, 1, 3)) + spread * rng.normal(size=(SWEEPS, 18, 3))
    rounded = np.round(exact * 400) / 400
    assert missed(rounded, step=1 / 400) <= AT_MOST_5_PERCENT
    assert missed(rounded) > (0.05 if spread == 0.008 else 0.08)


@pytest.mark.parametrize("spreads", [[1, 1, 1, 1, 1], [5, 1, 0.2, 1, 3], [0.2, 5, 5, 1, 1]])
@pytest.mark.parametrize("means", [[0.001, 0, 0, 0, 0], [1, 1, 0.5, 0, 0.9]], ids=["hardly best", "several"])
def test_all_intervals_hold_at_once_in_95_percent_of_sweeps(means, spreads):
    """With one hardly better than the rest, to miss it is to claim something untrue."""
    truth = np.array([mean - np.delete(means, i).max() for i, mean in enumerate(means)])
    low, high = intervals_of_many(sweeps(7, means, spreads, 4))
    held = ((low <= truth) & (truth <= high)).all(axis=1)
    assert 1 - np.mean(held) <= AT_MOST_5_PERCENT
    if means[1] == 0 and spreads[0] <= 1:
        assert 1 - np.mean(held) > 0.03  # and they are no wider than they have to be


def answers(rng, accuracy, shared, num_images=400):
    """Return answers ``[C, N]`` of models that find the same images hard, as far as the share of ``shared`` says."""
    skill = stats.norm.ppf(accuracy)[:, None]
    hard = rng.normal(size=num_images)
    own = rng.normal(size=(len(accuracy), num_images))
    return skill + np.sqrt(shared) * hard + np.sqrt(1 - shared) * own > 0


def candidates_of_many_answers(seed, accuracy, shared):
    """Return who is in the set of each of many samples of 400 images, ``[T, C]``."""
    rng = np.random.default_rng(seed)
    num_models = len(accuracy)
    # of n images that one of two models alone gets right, so many must be the better one's
    fewest = stats.binom.isf(0.05 / (num_models - 1), np.arange(401), 0.5) + 1
    candidates = np.empty((SWEEPS, num_models), bool)
    for sample in range(SWEEPS):
        right = answers(rng, accuracy, shared)
        both = right.astype(np.float32) @ right.T.astype(np.float32)
        only_column = np.diag(both) - both
        candidates[sample] = ~(only_column >= fewest[(only_column + only_column.T).astype(int)]).any(axis=1)
        if sample < 40:
            assert best_candidates_of_answers(right).tolist() == candidates[sample].tolist()
    return candidates


@pytest.mark.parametrize("num_models", [2, 6, 18])
@pytest.mark.parametrize("shared", [0.0, 0.8])
def test_the_most_accurate_model_is_missed_in_at_most_5_percent_of_samples_of_400_images(num_models, shared):
    """All equally accurate: the hardest case, as every one could seem better by chance."""
    candidates = candidates_of_many_answers(8, np.full(num_models, 0.93), shared)
    assert (1 - candidates.mean(axis=0)).max() <= AT_MOST_5_PERCENT


def test_a_slightly_better_model_is_missed_even_less_and_much_worse_ones_are_left_out():
    candidates = candidates_of_many_answers(9, np.r_[0.93, np.full(3, 0.925), np.full(4, 0.8)], 0.8)
    assert 1 - candidates[:, 0].mean() <= 0.01
    assert candidates[:, 4:].mean() < 0.001


def test_models_are_judged_by_every_pairs_exact_test():
    rng = np.random.default_rng(10)
    for _ in range(50):
        right = answers(rng, rng.uniform(0.5, 0.95, 7), 0.5, num_images=80)
        expected = []
        for one in right:
            only = [((~one & other).sum(), (one & ~other).sum()) for other in right]
            p = [stats.binom.sf(better - 1, better + worse, 0.5) for better, worse in only]  # P(X >= better)
            expected.append(min(p) > 0.05 / 6)
        assert best_candidates_of_answers(right).tolist() == expected


def test_among_more_models_than_are_judged_at_a_time_all_bad_ones_are_left_out():
    right = answers(np.random.default_rng(11), np.r_[np.full(10, 0.95), np.full(590, 0.7)], 0.5)
    assert best_candidates_of_answers(right).tolist() == [True] * 10 + [False] * 590


def test_the_most_accurate_on_the_images_is_always_a_candidate():
    rng = np.random.default_rng(12)
    for num_models in (1, 2, 5):
        right = answers(rng, np.linspace(0.5, 0.99, num_models), 0.5)
        assert best_candidates_of_answers(right)[right.sum(axis=1).argmax()]


@pytest.mark.parametrize("bad", [np.ones((2, 3)), np.ones(3, bool), np.ones((2, 0), bool)])
def test_anything_but_answers_to_images_is_refused(bad):
    with pytest.raises(ValueError, match=r"'correct' must be boolean \[C, N >= 1\]"):
        best_candidates_of_answers(bad)
