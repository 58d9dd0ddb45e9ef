"""The report of a sweep: its numbers are the comparison's, text from outside stays text, and odd sweeps make sense."""

import base64
import html
import json
import re
import shlex
import shutil
from html.parser import HTMLParser
from itertools import pairwise, product, starmap

import click
import numpy as np
import pytest
from configurations import MNIST, small_job, small_sweep

from convsweep.commands.main import commands
from convsweep.compare.comparison import compare_runs
from convsweep.compare.frames import runs_frame
from convsweep.compare.json_document import to_json
from convsweep.compare.report import render
from convsweep.compare.runs import load_runs
from convsweep.compare.sentences import answer, method, percent, points_interval
from convsweep.compare.statistics.intervals import Interval
from convsweep.hydra_app.compose import compose_run
from convsweep.naming import as_text
from convsweep.records.identity import run_key
from convsweep.records.journal import Failure, Journal, write_failure
from convsweep.records.predictions import load_predictions, save_predictions
from convsweep.records.provenance import provenance, write_provenance
from convsweep.records.sweep import sweep_directory, write_sweep
from convsweep.runs.stack import run_stack
from convsweep.tracking.descriptions import sweep_note

AXES = ("model.num_filters", "train.learning_rate", "train.seed")
DATA = {"data.num_train": 300, "data.num_valid": 100, "data.num_test": 100, "train.epochs": 2, "train.window": 100}
DIFF = "diff --git a/src/a file.py b/src/a file.py\n+<b>bold</b>\n"
MARKUP = "<script>alert('x')</script> [red] \"quoted\" & $\\frac$"


class Page(HTMLParser):
    """What a page consists of."""

    def __init__(self, text):
        super().__init__()
        self.text = text
        self.tags = []  # name and attributes, as they come
        self.words = []  # texts, styles and scripts included
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)

    @property
    def plain(self):
        """The text that is read."""
        return re.sub(r"\s+", " ", "".join(self.words))

    def all(self, *names):
        """The attributes of all elements of some kind."""
        return [attributes for name, attributes in self.tags if name in names]

    def between(self, begin, end):
        """The source from one text to the next occurrence of another."""
        start = self.text.index(begin)
        return self.text[start : self.text.index(end, start)]

    def rows(self):
        """The leaderboard's cells: the values that they sort by, row by row."""
        rows = re.findall(r"<tr class.*?</tr>", self.between('<table class="sortable', "</table>"), re.DOTALL)
        return [re.findall(r'<t[dh][^>]* data-value="([^"]*)"', row) for row in rows]


class Recorded:
    """A sweep whose jobs were really trained, but for those that must not be."""

    def __init__(self, mlruns, changes, *, trained=None, **fields):
        self.mlruns = mlruns
        self.jobs = [small_job(mlruns, number, {**DATA, **own}) for number, own in enumerate(changes)]
        self.sweep = small_sweep(self.jobs, self.jobs[0].sweep, **{"axes": AXES, "state": "finished", **fields})
        write_sweep(mlruns, self.sweep)
        write_provenance(sweep_directory(mlruns, self.sweep.id), provenance()._replace(git_diff=DIFF.encode()))
        for job in self.jobs[:trained]:
            assert run_stack([job]) == {}

    def page(self):
        """Its report."""
        comparisons, runs = self.found()
        return Page(render(comparisons, runs, self.sweep, self.mlruns))

    def found(self):
        """The comparisons, and the runs that they are of."""
        runs = load_runs(self.mlruns, self.sweep)
        return compare_runs(runs, self.sweep.axes), runs


def grid(*, seeds):
    def changes(num_filters, learning_rate, seed):
        return {"model.num_filters": num_filters, "train.learning_rate": learning_rate, "train.seed": seed}

    return list(starmap(changes, product((2, 4), (0.005, 0.0005), range(seeds))))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Two filter counts, two learning rates, two seeds; a name with markup."""
    recorded = Recorded(tmp_path_factory.mktemp("report") / "mlruns", grid(seeds=2), command=("-m", f"x={MARKUP}"))
    jobs = tuple(job._replace(name=f"{MARKUP} {job.number}") for job in recorded.sweep.jobs)
    recorded.sweep = recorded.sweep._replace(jobs=jobs)
    return recorded


@pytest.fixture(scope="module")
def page(recorded):
    return recorded.page()


class TestNumbers:
    """The same in the page, in the frame that --csv writes, and in --json."""

    @pytest.fixture(scope="class")
    @classmethod
    def means(cls, recorded):
        """Mean accuracies on ``valid`` and ``test`` by number of filters and learning rate, from the frame."""
        frame = runs_frame(recorded.found()[1])
        return frame.groupby(["num_filters", "learning_rate"])[["valid/accuracy", "test/accuracy"]].mean()

    def test_the_leaderboard_holds_the_means_of_the_frame(self, page, means):
        rows = page.rows()
        assert len(rows) == 4
        for _, _, filters, rate, valid, test, seeds, *_ in rows:
            expected = means.loc[int(filters), float(rate)]
            assert (float(valid), float(test)) == pytest.approx(tuple(expected), abs=1e-12)
            assert seeds == "2"
            assert percent(float(valid)) in page.plain

    def test_json_holds_them_not_rounded(self, recorded, means):
        (found,) = json.loads(to_json(recorded.found()[0], recorded.sweep, recorded.mlruns))["comparisons"]
        assert len(found["configurations"]) == 4
        for configuration in found["configurations"]:
            values = configuration["values"]
            expected = means.loc[values["model.num_filters"], values["train.learning_rate"]]
            assert configuration["valid_accuracy"]["mean"] == pytest.approx(expected["valid/accuracy"], abs=1e-15)
            low, high = configuration["valid_accuracy"]["interval"]
            assert low < configuration["valid_accuracy"]["mean"] < high
            assert [run["seed"] for run in configuration["runs"]] == [0, 1]

    def test_answer_and_method_are_those_of_the_terminal(self, page, recorded):
        (comparison,), _ = recorded.found()
        assert answer(comparison) in page.plain
        assert method(comparison) in page.plain

    def test_levels_in_pictures_have_all_their_digits(self, page):
        """Coordinates are rounded, texts are not."""
        figure = page.between('aria-labelledby="part1-effects', "</svg>")
        assert ">learning_rate 0.0005 → 0.005</text>" in figure

    def test_shares_of_variance_are_those_of_json_and_none_is_below_0(self, page, recorded):
        (found,) = json.loads(to_json(recorded.found()[0], recorded.sweep, recorded.mlruns))["comparisons"]
        shares = found["effects"]["shares_of_variance"]
        estimates = [share["estimate"] for share in (*shares["main"].values(), *shares["pairs"])]
        assert sum(estimates) + shares["residual"] == pytest.approx(1)
        section = page.between('id="part1-shares"', "</section>")
        shown = re.findall(r'</th><td class="number">([\d.]+)</td>', section)
        assert shown == [f"{100 * max(share, 0):.1f}" for share in (*estimates, shares["residual"])]

    def test_intervals_of_steps_are_those_of_json_and_hold_for_all_at_once(self, page, recorded):
        (found,) = json.loads(to_json(recorded.found()[0], recorded.sweep, recorded.mlruns))["comparisons"]
        section = page.between('id="part1-effects"', "</section>")
        assert "The 95% intervals hold for all 2 steps at once" in section
        for step in found["effects"]["steps"]:
            assert points_interval(Interval(*step["interval"])) in section

    def test_the_confusion_matrix_counts_every_test_image(self, page, recorded):
        (comparison,), _ = recorded.found()
        rows = load_predictions(comparison.best_run.directory)["test"]
        table = page.between('<table class="heat confusion', "</table>")
        cells = [int(count) for count in re.findall(r"<td[^>]*>(\d+)</td>", table)]
        assert sum(cells) == len(rows)
        assert f"gets {(rows['digit'] == rows['label']).sum()} of 100 test images right" in page.plain

    def test_images_that_most_runs_get_wrong_are_those_of_their_predictions(self, page, recorded):
        wrong = []
        for run in recorded.found()[1]:
            predictions = load_predictions(run.directory)
            wrong.append(np.concatenate([rows["digit"] != rows["label"] for rows in predictions.values()]))
        hard = int((np.mean(wrong, axis=0) > 0.5).sum())
        assert hard > 0
        assert f"{hard} of 200 images are wrong in more than half of 8 finished runs" in page.plain
        assert len(page.all("img")) == min(hard, 24)

    def test_the_same_records_give_the_same_page(self, page, recorded):
        assert recorded.page().text == page.text


def test_the_command_of_the_best_run_is_its_own_whatever_the_defaults(page, recorded):
    comparisons, _ = recorded.found()
    command = page.between("convsweep train data=", "</pre>")
    program, verb, *overrides = shlex.split(html.unescape(command))
    assert (program, verb) == ("convsweep", "train")
    best = comparisons[0].best_run
    assert run_key(compose_run(overrides)) == best.run_key


class TestSurvivors:
    """Of 4 filters at the higher rate one of two runs diverged; the other one is the best of all."""

    @pytest.fixture(scope="class")
    @classmethod
    def found(cls, recorded):
        def changed(run):
            filters, rate, seed = (run.values[key] for key in AXES)
            if (filters, rate) != (4, 0.005):
                return run
            return run._replace(outcome="diverged", valid_accuracy=0.1) if seed else run._replace(valid_accuracy=0.99)

        runs = [changed(run) for run in recorded.found()[1]]
        return compare_runs(runs, AXES), runs

    def test_the_report_never_calls_their_level_the_best_and_says_how_many_there_are(self, recorded, found):
        comparisons, runs = found
        page = Page(render(comparisons, runs, recorded.sweep, recorded.mlruns))
        assert "the highest mean of 3 combinations that lost no run" in page.plain
        assert ": 99.00% on average of the 1 of 2 runs that finished (1 diverged)" in page.plain
        assert "n = 1 of 2 (1 diverged)" in page.plain
        assert "3 of 4 (1 diverged)" in page.plain  # pairs of a step
        assert "Runs diverged at num_filters 4 (1 of 4), learning_rate 0.005 (1 of 4)." in page.plain
        assert "if the 1 of which runs diverged count as 10%" in page.plain
        assert "(1 left out of which runs diverged)" in page.plain

    def test_json_gives_the_number_of_diverged_runs_of_each_combination_and_step(self, recorded, found):
        (comparison,) = json.loads(to_json(found[0], recorded.sweep, recorded.mlruns))["comparisons"]
        cells = comparison["effects"]["interaction"]["cells"]
        assert sorted(cell["runs"]["diverged"] for cell in cells) == [0, 0, 0, 1]
        assert [cell["may_be_highest"] for cell in cells if cell["runs"]["diverged"]] == [None]
        assert [step["pairs"]["diverged"] for step in comparison["effects"]["steps"]] == [1, 1]

    def test_mlflows_description_says_so_too(self, recorded, found):
        note = sweep_note("1", recorded.sweep, "7 finished, 1 diverged", found[0], {}, mlruns=recorded.mlruns)
        assert "95% interval, all steps at once" in note
        assert note.count("3 of 4 (1 diverged)") == 2
        assert "Steps from and to these levels count the pairs that are left." in note


class TestMarkup:
    """Names, commands and failures are text from outside."""

    def test_names_and_commands_are_shown_as_they_are(self, page):
        assert re.sub(r"\s+", " ", MARKUP) in page.plain
        assert len(page.all("script")) == 1
        assert "<script>alert" not in page.text

    def test_uncommitted_changes_are_left_out_and_their_files_named(self, page):
        assert "bold" not in page.text
        said = "in 1 file: src/a file.py (not on this page: the sweep&#39;s record holds them, uncommitted.diff)"
        assert f'<th scope="row">uncommitted changes</th><td>{said}</td>' in page.text

    def test_uncommitted_changes_that_are_asked_for_are_shown_as_they_are_and_given_as_a_file(self, recorded, tmp_path):
        path = tmp_path / "page.html"
        commands(
            ["compare", "--mlruns", str(recorded.mlruns), "--html", str(path), "--with-diff"], standalone_mode=False
        )
        page = Page(path.read_text())
        assert html.escape(DIFF, quote=False) in page.text
        assert "in 1 file: src/a file.py (see below)" in page.text
        (link,) = [tag["href"] for tag in page.all("a") if tag.get("download") == "uncommitted.diff"]
        assert base64.b64decode(link.partition(",")[2]) == DIFF.encode()

    @pytest.mark.parametrize("options", [(), ("--html", "x.html", "--all")])
    def test_asking_for_them_without_a_page_of_one_sweep_is_refused(self, recorded, options):
        with pytest.raises(click.UsageError, match="'--with-diff' needs '--html FILE', of one sweep"):
            commands(["compare", "--mlruns", str(recorded.mlruns), "--with-diff", *options], standalone_mode=False)

    def test_all_runs_and_those_of_one_sweep_cannot_be_asked_for_together(self, recorded):
        with pytest.raises(click.UsageError, match=r"give one of them \(got mine\)"):
            commands(["compare", "--mlruns", str(recorded.mlruns), "--all", "--sweep", "mine"], standalone_mode=False)

    def test_changes_that_are_not_recorded_are_told_with_the_reason(self, recorded, tmp_path):
        folder = sweep_directory(tmp_path, recorded.sweep.id)
        folder.mkdir(parents=True)
        write_provenance(folder, provenance()._replace(git_diff=DIFF.encode() + b"+x\n" * 4_000_000))
        comparisons, runs = recorded.found()
        text = render(comparisons, runs, recorded.sweep, tmp_path, with_diff=True)
        assert "in 1 file: src/a file.py (not recorded: it has 12,000,0" in text

    def test_reasons_of_failures_are_shown_as_they_are(self, tmp_path):
        recorded = Recorded(tmp_path, grid(seeds=1), trained=3)
        Journal(recorded.jobs[3].directory, recorded.jobs[3].config).close()
        write_failure(recorded.jobs[3].directory, Failure("ValueError", MARKUP, "", 1.0))
        page = recorded.page()
        assert MARKUP in page.plain
        assert "1 of 4 runs diverged or did not finish" in page.plain

    def test_nothing_is_loaded_from_anywhere(self, page):
        addresses = [value for _, tag in page.tags for name, value in tag.items() if name in ("src", "href", "action")]
        assert addresses
        assert all(address.startswith(("data:", "#")) for address in addresses if address is not None)
        assert not page.all("link", "iframe", "object", "base")
        assert "url(http" not in page.text
        assert "@import" not in page.text


class TestAccessible:
    """Read out, or by keyboard."""

    def test_headings_leave_out_no_level(self, page):
        levels = [int(name[1]) for name, _ in page.tags if re.fullmatch(r"h[1-6]", name)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(later <= earlier + 1 for earlier, later in pairwise(levels))

    def test_ids_are_unique_and_references_lead_somewhere(self, page):
        ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
        assert len(ids) == len(set(ids))
        used = set(re.findall(r'(?:url\(|href="|labelledby=")#?([\w-]+)', page.text))
        assert used <= set(ids)

    def test_headings_of_tables_say_what_they_head(self, page):
        assert all(attributes.get("scope") in ("col", "row") for attributes in page.all("th"))
        assert len(re.findall("<caption", page.text)) == len(page.all("table"))

    def test_pictures_have_a_text_instead(self, page):
        pictures = [tag for tag in page.all("svg") if tag.get("aria-hidden") != "true"]
        assert len(pictures) == 6
        assert all(tag["role"] == "img" for tag in pictures)
        assert len(re.findall(r"<svg[^>]*role=\"img\"[^>]*><title", page.text)) == 6
        assert all(tag["alt"] for tag in page.all("img"))


class TestOddSweeps:
    """What there is nothing to show of is left out, or said in a sentence."""

    def test_one_run_alone_has_no_effects_and_nothing_to_compare_with(self, tmp_path):
        page = Recorded(tmp_path, [{}], multirun=False).page()
        assert "There is only one configuration to compare" in page.plain
        assert "Effects of hyperparameters" not in page.plain
        assert "Was the sweep large enough?" not in page.plain
        assert "Images that most runs get wrong" in page.plain

    def test_of_an_unfinished_sweep_what_is_missing_is_counted(self, tmp_path):
        recorded = Recorded(tmp_path, grid(seeds=2), trained=4, state="killed")
        Journal(recorded.jobs[4].directory, recorded.jobs[4].config).close()
        page = recorded.page()
        assert "4 of 8 runs diverged or did not finish" in page.plain
        assert "it was stopped; the same command again goes on" in page.plain
        assert "3 jobs have not begun." in page.plain

    def test_on_an_incomplete_grid_no_share_of_variance_is_claimed(self, tmp_path):
        page = Recorded(tmp_path, grid(seeds=1)[:3]).page()
        assert "No shares of variance are claimed" in page.plain

    def test_a_sweep_of_which_everything_diverged_says_so(self, tmp_path):
        changes = [{"train.learning_rate": 1e30, "train.seed": seed} for seed in range(2)]
        page = Recorded(tmp_path, changes).page()
        assert "No run has finished." in page.plain
        assert "its loss was no longer finite in epoch 1" in page.plain
        assert "2 of 2 runs diverged or did not finish" in page.plain

    def test_runs_judged_on_different_images_have_a_part_each(self, tmp_path):
        page = Recorded(tmp_path, [*grid(seeds=1), {"data.num_valid": 50}]).page()
        assert "Judged on mnist_5k, valid 100, test 100" in page.plain
        assert "Judged on mnist_5k, valid 50, test 100" in page.plain
        TestAccessible().test_headings_leave_out_no_level(page)
        TestAccessible().test_ids_are_unique_and_references_lead_somewhere(page)

    def test_of_configurations_without_a_seed_in_common_one_run_each_is_compared(self, tmp_path):
        changes = [
            {**own, "train.seed": 10 * number + seed} for number, own in enumerate(grid(seeds=1)) for seed in (0, 1)
        ]
        page = Recorded(tmp_path, changes).page()
        assert "as trained here with one seed each" in page.plain
        assert "To compare all of them with the same seeds" in page.plain
        assert re.findall(r"<h\d[^>]*>\s*(?:<span[^>]*>[^<]*</span>)?\s*</h\d>", page.text) == []

    def test_predictions_that_are_gone_cost_their_sections_only(self, tmp_path):
        recorded = Recorded(tmp_path, grid(seeds=2))
        for job in recorded.jobs:
            (job.directory / "predictions.npz").unlink()
        page = recorded.page()
        assert "predictions are not there any more" in page.plain
        assert "Learning curves" in page.plain

    def test_images_of_another_data_set_are_not_shown(self, tmp_path):
        recorded = Recorded(tmp_path, grid(seeds=2))
        for job in recorded.jobs:
            predictions = load_predictions(job.directory)
            predictions["test"]["label"] = 9 - predictions["test"]["label"]
            save_predictions(job.directory, predictions)
        page = recorded.page()
        assert "The images can't be shown: the data set has changed since." in page.plain
        assert not page.all("img")

    def test_all_runs_without_a_sweep_have_a_report(self, recorded):
        comparisons, runs = recorded.found()
        page = Page(render(comparisons, runs, None, recorded.mlruns))
        assert "All runs" in page.plain
        assert "The best run alone" in page.plain
        assert "The whole sweep" not in page.plain

    def test_a_hundred_runs_need_less_than_two_megabytes(self, tmp_path):
        """One run's record under a hundred learning rates."""
        changes = [{"train.learning_rate": rate} for rate in np.geomspace(1e-4, 0.05, 100).tolist()]
        recorded = Recorded(tmp_path, changes, trained=1)
        first, *others = recorded.jobs
        config = (first.directory / "config.yaml").read_text()
        for job in others:
            shutil.copytree(first.directory, job.directory)
            old, new = (f"learning_rate: {one.config.train.learning_rate!r}" for one in (first, job))
            (job.directory / "config.yaml").write_text(config.replace(old, new))
        page = recorded.page()
        assert len(page.rows()) == 100
        assert len(page.text.encode()) < 2e6
        assert all(f"lr{as_text(own['train.learning_rate'])}" in page.plain for own in changes)


def test_json_has_no_word_for_what_is_not_a_number(tmp_path):
    """One seed and one pair of settings: nothing bounds the interval of an effect."""
    recorded = Recorded(tmp_path, grid(seeds=1)[:2])

    def refuse(word):
        raise AssertionError(word)

    document = json.loads(to_json(recorded.found()[0], recorded.sweep, recorded.mlruns), parse_constant=refuse)
    (step,) = document["comparisons"][0]["effects"]["steps"]
    assert step["interval"] == [None, None]


def test_mnist_that_is_not_on_this_machine_is_not_downloaded(tmp_path, mnist_dir, monkeypatch):
    data = {f"data.{key}": value for key, value in MNIST.items()} | {"data.num_valid": 100, "data.num_test": 100}
    recorded = Recorded(tmp_path, [{**data, "data.dir": str(mnist_dir), "data.num_train": 300}])
    for config in tmp_path.glob("runs/*/config.yaml"):
        config.write_text(re.sub("dir: .*", "dir: null", config.read_text()))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    page = recorded.page()
    assert "The images can't be shown" in page.plain
    assert "no mirror given" in page.plain
