"""Words that name what is compared, and what differs between two."""

import subprocess
from pathlib import Path

import pytest
from compared_runs import invented, with_answers
from sweeps_on_disk import record

from convsweep.compare.lookup import Subject, find_run, find_subject
from convsweep.compare.runs import damaged_configurations, load_runs
from convsweep.compare.side_by_side import (
    code_between,
    comparable_runs,
    differing_origins,
    differing_values,
    disagreements,
    mean_differences,
)
from convsweep.errors import UserError
from convsweep.records.attempts import Code


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A sweep of two learning rates and two seeds, really trained; its jobs are called as their overrides."""
    jobs = [[f"train.learning_rate={rate}", f"train.seed={seed}"] for rate in (0.005, 0.01) for seed in (0, 1)]
    return record(tmp_path_factory.mktemp("side_by_side"), *jobs)


class TestLookup:
    """What a word on the command line means."""

    def test_a_runs_name_and_the_beginning_of_its_key_name_the_same_run(self, recorded):
        key = recorded.jobs[2].run_key
        assert find_run(recorded.mlruns, "train.learning_rate=0.01 train.seed=0").run_key == key
        assert find_run(recorded.mlruns, key[:6]).run_key == key
        (run,) = find_subject(recorded.mlruns, key).runs
        assert run.run_key == key

    def test_best_and_the_sweeps_id_mean_its_best_configuration(self, recorded):
        best = find_subject(recorded.mlruns, "best")
        assert [run.seeds for run in best.runs] == [(0, 0), (1, 0)]
        assert find_subject(recorded.mlruns, recorded.sweep.id).runs == best.runs
        assert find_run(recorded.mlruns, "best") in best.runs

    def test_a_configuration_is_named_as_the_table_names_it(self, recorded):
        subject = find_subject(recorded.mlruns, "lr0.01")
        assert {run.run_key for run in subject.runs} == {job.run_key for job in recorded.jobs[2:]}

    @pytest.mark.parametrize("find", [find_run, find_subject])
    @pytest.mark.parametrize("word", ["nobody", "", "[/x]", "lr0.01'", "../../etc"])
    def test_a_word_that_names_nothing_is_refused(self, recorded, find, word):
        with pytest.raises(UserError, match="There is no run") as refused:
            find(recorded.mlruns, word)
        assert f"'{word}'" in str(refused.value)

    def test_a_name_that_two_runs_share_is_refused_with_their_keys(self, tmp_path):
        first = record(tmp_path, ["train.seed=0"])
        changed = first.sweep.jobs[0]._replace(run_key="f" * 16)
        (tmp_path / "mlruns" / "runs" / changed.run_key).mkdir()
        first.write(jobs=(first.sweep.jobs[0], changed))
        with pytest.raises(UserError, match="must name one run") as refused:
            find_run(first.mlruns, "train.seed=0")
        assert first.jobs[0].run_key in str(refused.value)
        assert changed.run_key in str(refused.value)

    def test_a_configuration_that_two_sweeps_have_is_refused_with_their_ids(self, tmp_path):
        rates = ["train.learning_rate=0.005"], ["train.learning_rate=0.01"]
        first = record(tmp_path, *rates)
        second = record(tmp_path, *([*rate, "train.epochs=1"] for rate in rates), number=1)
        with pytest.raises(UserError, match="must name one configuration") as refused:
            find_subject(first.mlruns, "lr0.01")
        assert first.sweep.id in str(refused.value)
        assert second.sweep.id in str(refused.value)

    def test_best_is_refused_where_runs_were_judged_on_different_images(self, tmp_path):
        kept = record(tmp_path, ["data.num_valid=40"], ["data.num_valid=50"])
        for find in (find_run, find_subject):
            with pytest.raises(UserError, match="'best' must be one run"):
                find(kept.mlruns, "best")

    def test_the_name_that_a_run_has_among_all_runs_names_it(self, recorded):
        (run,) = [run for run in load_runs(recorded.mlruns) if run.run_key == recorded.jobs[3].run_key]
        assert run.name == "lr0.01 f8 s1 e2 seed1"
        assert find_run(recorded.mlruns, run.name).run_key == run.run_key

    def test_a_run_that_has_not_finished_is_refused_with_its_state(self, tmp_path):
        kept = record(tmp_path, ["train.seed=0"], ["train.seed=1"])
        (kept.run(1) / "result.json").unlink()
        with pytest.raises(UserError, match=r"must be finished \(it is killed"):
            find_run(kept.mlruns, kept.jobs[1].run_key)


class TestDifferences:
    """What differs, and whether one does better."""

    def test_only_what_differs_is_listed(self, recorded):
        slow, fast = (find_subject(recorded.mlruns, word) for word in ("lr0.005", "lr0.01"))
        assert differing_values([slow, fast]) == [("learning_rate", ("0.005", "0.01"))]
        assert differing_origins(recorded.mlruns, [slow, fast]) == []

    def test_seeds_data_and_code_are_told_apart(self, recorded):
        slow = find_subject(recorded.mlruns, "lr0.005")
        result = slow.runs[1].result._replace(data_digest="d" * 64, code_digest="c" * 64, host="another")
        other = Subject("other", (slow.runs[1]._replace(result=result),))
        differing = dict(differing_origins(recorded.mlruns, [slow, other]))
        assert differing.keys() == {"seeds", "data", "code", "machine"}
        assert differing["seeds"] == ("0, 1", "1")
        assert differing["data"][1] == "d" * 12

    def test_what_changed_between_two_commits_is_told_where_git_has_them(self, tmp_path):
        git = ["git", "-C", str(Path(__file__).parent)]
        commits = subprocess.run([*git, "log", "-2", "--format=%H"], capture_output=True, text=True, check=False).stdout
        if len(commits.split()) < 2:
            pytest.skip("needs a checkout with two commits")
        new, old = commits.split()
        sweeps = [
            record(tmp_path, [f"train.seed={number}"], number=number, code=Code(commit, ""))
            for number, commit in enumerate((old, new, "f" * 40))
        ]
        mlruns = sweeps[0].mlruns
        first, second, unknown = (find_subject(mlruns, sweep.jobs[0].run_key) for sweep in sweeps)
        assert f"git diff {old[:12]} {new[:12]}" in code_between(mlruns, first, second)
        assert "changed" in code_between(mlruns, first, second)
        assert code_between(mlruns, first, unknown) == ""
        assert ("commit", (old[:7], new[:7])) in differing_origins(mlruns, [first, second])

    def test_means_are_compared_over_the_seeds_in_common(self):
        first = Subject("first", tuple(invented(valid, seed=seed) for seed, valid in enumerate((0.9, 0.91, 0.92))))
        second = Subject("second", tuple(invented(valid, seed=seed) for seed, valid in enumerate((0.92, 0.92, 0.95))))
        extra = second._replace(runs=(*second.runs, invented(0.1, seed=9)))
        found = {one.metric: one for one in mean_differences(first, extra)}
        assert found["valid_accuracy"].difference == pytest.approx(0.02)
        # 0.02 -+ 4.3027 * 0.01 / sqrt(3); t = 2 sqrt(3) with 2 degrees of freedom
        assert found["valid_accuracy"].interval == pytest.approx((-0.00484, 0.04484), abs=1e-5)
        assert found["valid_accuracy"].p == pytest.approx(0.07418, abs=1e-5)
        assert found["valid_accuracy"].num_seeds == 3

    def test_one_seed_in_common_has_no_mean_difference(self):
        assert mean_differences(Subject("a", (invented(0.9),)), Subject("b", (invented(0.8),))) == []

    def test_images_that_one_gets_right_and_the_other_wrong(self, tmp_path):
        first, second = with_answers(tmp_path, [1, 2, 3]), with_answers(tmp_path, [3, 4, 5, 6, 7, 8, 9, 10])
        valid, test = disagreements(first, second)
        assert (valid.only_first, valid.only_second) == ((4, 5, 6, 7, 8, 9, 10), (1, 2))
        assert valid.p == pytest.approx(2 * (1 + 9 + 36) / 2**9)
        assert (test.only_first, test.only_second, test.p) == ((), (), 1.0)

    def test_runs_with_the_same_seed_are_chosen(self):
        first = Subject("first", tuple(invented(0.9, seed=seed) for seed in (0, 1)))
        second = Subject("second", tuple(invented(0.8, seed=seed) for seed in (1, 2)))
        assert [run.seeds for run in comparable_runs(first, second)] == [(1, 0), (1, 0)]


class TestRuns:
    """Which runs of a sweep are compared."""

    def test_a_run_that_two_jobs_ask_for_is_one(self, recorded):
        sweep = recorded.sweep._replace(jobs=recorded.sweep.jobs * 2)
        assert len(load_runs(recorded.mlruns, sweep)) == 4

    def test_a_run_whose_configuration_is_damaged_is_left_out_and_named(self, tmp_path):
        kept = record(tmp_path, ["train.seed=0"], ["train.seed=1"])
        path = kept.run(0) / "config.yaml"
        path.write_bytes(b"")
        assert [run.run_key for run in load_runs(kept.mlruns, kept.sweep)] == [kept.jobs[1].run_key]
        keys = [job.run_key for job in kept.jobs]
        assert damaged_configurations(kept.mlruns, [*keys, "f" * 16]) == [path]
