"""MLflow's pages and ours in a browser that has never seen them, opened at the addresses that ``convsweep ui`` prints.

The views behind these addresses are written in a format that MLflow doesn't document, and so are the keys that our page
leaves in the browser: only a browser can tell whether MLflow still understands them.
"""

import re
import shutil
import sqlite3
from contextlib import closing

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
if CHROMIUM is None:
    pytest.skip("needs chromium on the PATH", allow_module_level=True)

METRICS = ("valid/accuracy", "test/accuracy", "valid/loss", "test/loss")
CONFIGURATIONS = {"lr0.005 f4", "lr0.005 f8", "lr0.02 f4", "lr0.02 f8"}
STUDY = ("data=mnist_5k", "data.num_train=500", "data.num_test=100", "--seeds", "3")
SLOW = 30_000  # milliseconds until a page that doesn't show something is given up on
ASSISTANTS_BUTTON = "button[data-assistant-ui='true']"
HOSTILE = "[x](javascript:alert(1)) <img src=x onerror=alert(1)> a|b `c` **d** http://e.org <b>f"


@pytest.fixture(scope="module")
def swept(new_workplace, grid_command):
    """A workplace with a sweep of four configurations and two seeds, and a study."""
    workplace = new_workplace()
    for command in ((*grid_command, "train.seed=0,1"), ("reproduce", *STUDY)):
        ending = workplace.convsweep(*command)
        assert ending.status == 0, ending.err
    return workplace


@pytest.fixture(scope="module")
def parent(swept):
    """The sweep's parent run."""
    (parent,) = swept.runs("sweep")
    return parent


@pytest.fixture(scope="module")
def best(swept):
    """The sweep's run that did best on ``valid``."""
    return max(swept.runs(), key=lambda run: (run.metric("valid/accuracy")[-1][1], -run.metric("valid/loss")[-1][1]))


@pytest.fixture(scope="module")
def addresses(swept, free_port):
    """The printed addresses, by what is before them, while they are served."""
    with swept.running("ui", "--port", str(free_port())) as program:
        program.until(lambda: "Ctrl-C stops the server." in program.out)
        yield dict(line.split() for line in program.out.splitlines() if "://" in line)


@pytest.fixture(scope="module")
def server(addresses):
    return addresses["sweeps:"].removesuffix("/convsweep")


@pytest.fixture(scope="module")
def chromium():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def opened(chromium, tmp_path_factory):
    """Open an address in a profile with no cookies and no local storage; and save a picture of it, to look at."""
    pictures = tmp_path_factory.mktemp("pages")

    def opened(address, height=1000, **profile):
        context = chromium.new_context(viewport={"width": 1600, "height": height}, **profile)
        context.set_default_timeout(SLOW)
        page = context.new_page()
        page.goto(address)
        return page, lambda name: page.screenshot(path=pictures / f"{name}.png")

    return opened


def cells(page, column):
    """Return a column's texts from top to bottom: the order of rows in the document isn't theirs on the screen."""
    found = page.locator(f".ag-cell[col-id*='{column}']").evaluate_all(
        "cells => cells.map(cell => [Number(cell.closest('[row-index]').getAttribute('row-index')), cell.innerText])"
    )
    return [text.strip() for _, text in sorted(found)]


def cards(page, number):
    """Return the charts by title, once they are drawn; the page draws only those that are in sight."""
    found = page.get_by_test_id("experiment-view-compare-runs-card")
    found.nth(number - 1).wait_for()
    by_title = {card.inner_text().splitlines()[0]: card for card in found.all()[:number]}
    for card in by_title.values():
        card.locator(".js-plotly-plot, canvas").first.wait_for()
    return by_title


class TestSweepsPage:
    """The first address: a page of ours, on MLflow's server."""

    @pytest.fixture(scope="class")
    @classmethod
    def page(cls, opened, addresses):
        page, save = opened(addresses["sweeps:"])
        save("sweeps")
        return page

    def test_its_address_is_short(self, addresses):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/convsweep", addresses["sweeps:"])

    def test_it_is_printed_first_and_then_the_views_by_name(self, addresses):
        assert list(addresses) == ["sweeps:", "leaderboard:", "charts:", "seeds:", "reproduction:"]

    def test_the_sweep_is_there_with_its_answer(self, page, parent):
        text = page.locator("article", has_text=parent.name).inner_text()
        assert parent.tags["convsweep.answer"] in text
        assert "8 finished" in text

    def test_its_picture_is_shown(self, page):
        assert page.locator("img").evaluate("image => image.complete && image.naturalWidth > 100")

    @pytest.mark.parametrize("link", ["Leaderboard", "Charts", "Seeds", "Reproduction"])
    def test_its_links_lead_to_the_views(self, opened, addresses, link):
        page, _ = opened(addresses["sweeps:"])
        page.get_by_role("link", name=link, exact=True).click()
        page.get_by_text("matching runs").wait_for()
        assert f"viewStateShareKey=convsweep-{link.lower()}" in page.url

    def test_the_last_link_leads_to_how_to_run_the_sweep_again(self, opened, addresses):
        page, _ = opened(addresses["sweeps:"])
        page.get_by_role("link", name="Its page in MLflow").click()
        page.get_by_text("Show more").click()
        page.get_by_text("Run it again, which trains what is missing:").wait_for()
        page.get_by_text("convsweep train -m data.num_train=2000").last.wait_for()

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_it_asks_nothing_of_others_and_has_no_errors_in_either_colour_scheme(self, chromium, addresses, scheme):
        page = chromium.new_context(color_scheme=scheme).new_page()
        errors, requests = [], []
        page.on("console", lambda message: errors.append(message.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(addresses["sweeps:"])
        page.wait_for_load_state("networkidle")
        assert errors == []
        server = addresses["sweeps:"].removesuffix("/convsweep")
        assert [url for url in requests if not url.startswith((server, "data:"))] == []
        colour = page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
        brightness = sum(map(int, re.findall(r"\d+", colour)[:3])) / 3
        assert (brightness > 128) == (scheme == "light")

    def test_it_fits_a_phone(self, chromium, addresses):
        page = chromium.new_context(viewport={"width": 400, "height": 800}).new_page()
        page.goto(addresses["sweeps:"])
        assert page.evaluate("document.documentElement.scrollWidth") <= 400

    @pytest.mark.parametrize("first", ["sweeps:", "leaderboard:"])
    def test_after_it_or_a_view_mlflows_plain_page_shows_runs_and_its_assistant_stays_closed(
        self, opened, addresses, server, first
    ):
        page, save = opened(addresses[first])
        if first == "leaderboard:":
            page.get_by_text("matching runs").wait_for()
        page.goto(f"{server}/#/experiments/1")
        page.reload()
        page.get_by_text("matching runs").wait_for()
        page.locator(ASSISTANTS_BUTTON).wait_for()  # only there while its panel is closed
        save("plain")

    def test_without_it_the_assistant_opens(self, opened, server):
        """The test above would pass if there were no assistant."""
        page, _ = opened(f"{server}/#/experiments/1/runs?workflowType=machine_learning")
        page.get_by_placeholder("Ask a question").wait_for()
        assert page.locator(ASSISTANTS_BUTTON).count() == 0

    @pytest.mark.parametrize(
        "path", ["nothing", "sweeps/nothing/charts", "sweeps/nothing/files/comparison.png", "<img src=x>"]
    )
    def test_what_is_not_there_is_told_in_a_sentence(self, opened, addresses, path):
        page, _ = opened(f"{addresses['sweeps:']}/{path}")
        text = page.locator("body").inner_text()
        assert "There is no " in text or "must be one of " in text
        assert page.locator("img").count() == 0


class TestLeaderboard:
    """The sweep's runs in a table, and nothing else."""

    @pytest.fixture(scope="class")
    @classmethod
    def table(cls, opened, addresses):
        page, save = opened(addresses["leaderboard:"])
        page.get_by_text("8 matching runs").wait_for()
        page.locator(".ag-cell[col-id*='valid/accuracy']").nth(7).wait_for()
        save("leaderboard")
        return page

    def test_the_rows_are_the_sweeps_runs_without_their_parent(self, table, swept):
        links = table.locator(".ag-row a[href*='/runs/']").evaluate_all("links => links.map(link => link.href)")
        assert {link.partition("/runs/")[2] for link in links} == {run.id for run in swept.runs()}

    def test_the_first_row_is_the_best_on_valid(self, table, swept):
        column = cells(table, "valid/accuracy")
        accuracies = [run.metric("valid/accuracy")[-1][1] for run in swept.runs()]
        assert [float(text) for text in column] == pytest.approx(sorted(accuracies, reverse=True), abs=5e-4)

    def test_the_headers_are_what_varies_and_the_four_metrics(self, table):
        headers = table.locator(".ag-header-cell").evaluate_all(
            "cells => cells.map(cell => cell.getAttribute('col-id'))"
        )
        for name in ("learning_rate", "num_filters", "seed", *METRICS):
            assert [header for header in headers if f"`{name}`" in header], headers
        for name in ("init_scale", "epochs"):
            assert not [header for header in headers if f"`{name}`" in header]

    def test_the_params_stand_in_the_rows_of_their_runs(self, table, swept):
        rows = zip(cells(table, "learning_rate"), cells(table, "num_filters"), cells(table, "`seed`"), strict=True)
        names = ("learning_rate", "num_filters", "seed")
        assert set(rows) == {tuple(run.params[name] for name in names) for run in swept.runs()}

    def test_the_experiments_description_begins_with_the_answer(self, table, parent):
        table.get_by_text(parent.tags["convsweep.answer"][:60]).first.wait_for()


class TestCharts:
    """The sweep's charts, which fit a screen."""

    @pytest.fixture(scope="class")
    @classmethod
    def charts(cls, opened, addresses):
        page, save = opened(addresses["charts:"])
        by_title = cards(page, 4)
        save("charts")
        return by_title

    def test_they_show_what_a_sweep_is_looked_at_for(self, charts):
        dots = "valid/accuracy vs. test/accuracy"
        assert list(charts) == ["Parallel Coordinates", dots, "valid/accuracy", "valid/loss"]

    def test_they_fit_a_screen_of_1000_pixels(self, charts):
        boxes = [card.bounding_box() for card in charts.values()]
        assert max(box["y"] + box["height"] for box in boxes) <= 1000

    def test_every_run_is_a_dot_of_accuracies(self, charts):
        dots = charts["valid/accuracy vs. test/accuracy"].locator(".scatterlayer .point")
        sync_api.expect(dots).to_have_count(8)

    @pytest.mark.parametrize("title", ["valid/accuracy", "valid/loss"])
    def test_every_run_has_a_curve_which_is_not_smoothed(self, charts, title):
        """The page draws each curve twice: faintly as it is, and over that smoothed, unless the view says not to."""
        curves = charts[title].locator(".scatterlayer .js-line")
        sync_api.expect(curves).to_have_count(16)
        lines = curves.evaluate_all("lines => lines.map(line => [line.style.strokeOpacity, line.getAttribute('d')])")
        shown = sorted(path for opacity, path in lines if opacity == "1")
        assert len(shown) == 8
        assert shown == sorted(path for opacity, path in lines if opacity != "1")

    def test_the_axis_of_accuracies_does_not_begin_at_0(self, charts, swept):
        labels = charts["valid/accuracy"].locator(".ytick").all_text_contents()
        worst = min(run.metric("valid/accuracy")[-1][1] for run in swept.runs())
        assert min(map(float, labels)) > worst - 0.2

    def test_the_axis_of_losses_is_logarithmic(self, charts):
        ticks = (
            charts["valid/loss"]
            .locator(".ytick text")
            .evaluate_all("ticks => ticks.map(tick => [Number(tick.textContent), tick.getBoundingClientRect().y])")
        )
        places = {value: y for value, y in ticks if value > 0}
        assert places[0.5] - places[1] == pytest.approx(places[1] - places[2], abs=3)

    def test_the_parallel_coordinates_have_an_axis_a_param_and_one_for_the_metric(self, charts):
        text = charts["Parallel Coordinates"].inner_text()
        assert all(name in text for name in ("learning_rate", "num_filters", "valid/accuracy"))
        assert "seed" not in text


class TestSeeds:
    """The sweep's configurations: means over their seeds."""

    @pytest.fixture(scope="class")
    @classmethod
    def page(cls, opened, addresses):
        page, save = opened(addresses["seeds:"])
        page.charts = cards(page, 4)
        page.get_by_text("Group: ").nth(3).wait_for()
        save("seeds")
        return page

    def test_the_rows_are_the_configurations_with_their_runs_folded(self, page, swept):
        assert page.get_by_text("Group: ").count() == 4
        for run in swept.runs():
            assert page.locator(f".ag-row a[href*='{run.id}']").count() == 0

    def test_each_configuration_has_a_curve_of_means_and_a_band_from_least_to_largest(self, page):
        legend = page.charts["valid/accuracy"].inner_text()
        assert set(re.findall(r"(lr\S+ f\d)", legend)) <= CONFIGURATIONS
        fills = page.charts["valid/accuracy"].locator(".scatterlayer .js-fill")
        assert sum(bool(path) for path in fills.evaluate_all("fills => fills.map(fill => fill.getAttribute('d'))")) >= 4

    def test_each_configuration_is_a_dot_of_mean_accuracies(self, page):
        dots = page.charts["valid/accuracy vs. test/accuracy"].locator(".scatterlayer .point")
        sync_api.expect(dots).to_have_count(4)


class TestReproduction:
    """The study's runs, by gradient rule."""

    def test_the_rules_are_the_groups_and_have_curves(self, opened, addresses):
        page, save = opened(addresses["reproduction:"])
        by_title = cards(page, 4)
        page.get_by_text("Group: ").nth(2).wait_for()
        save("reproduction")
        assert page.get_by_text("Group: ").count() == 3
        assert set(by_title) == {"test/accuracy", "test/loss", "train/accuracy", "train/loss"}


class TestDescriptions:
    """What stands on the pages of a sweep and of a run."""

    @pytest.fixture(scope="class")
    @classmethod
    def page(cls, opened, server, parent):
        page, save = opened(f"{server}/#/experiments/1/runs/{parent.id}", height=1600)
        page.get_by_text("Show more").click()
        page.locator("table", has_text="configuration").wait_for()
        save("parent")
        return page

    def test_a_sweeps_page_begins_with_the_answer(self, page, parent):
        page.get_by_text(parent.tags["convsweep.answer"], exact=True).first.wait_for()

    def test_its_leaderboard_has_a_row_a_configuration_with_a_link_to_its_best_run(self, page, swept):
        rows = page.locator("table", has_text="against the best").locator("tbody tr")
        assert {row.locator("td").nth(1).inner_text().strip() for row in rows.all()} == CONFIGURATIONS
        links = rows.locator("a").evaluate_all("links => links.map(link => link.href.split('/runs/')[1])")
        assert len(links) == 4
        assert set(links) <= {run.id for run in swept.runs()}

    def test_its_metrics_are_the_best_configurations_and_the_counts(self, page):
        for name in (*METRICS, "finished", "diverged", "failed"):
            page.get_by_role("link", name=name, exact=True).wait_for()

    def test_its_link_to_all_runs_shows_them_best_first_on_any_server(self, opened, server, parent, swept):
        page, _ = opened(f"{server}/#/experiments/1/runs/{parent.id}")
        page.get_by_text("Show more").click()
        with page.context.expect_page() as tab:
            page.get_by_role("link", name="All runs, best first").click()
        tab.value.get_by_text(f"{len(swept.runs())} matching runs").wait_for()

    def test_its_picture_is_among_its_artifacts(self, opened, server, parent):
        page, save = opened(f"{server}/#/experiments/1/runs/{parent.id}/artifacts/comparison.png")
        page.locator("img[src^='blob:'], .js-plotly-plot, canvas").first.wait_for()
        save("picture")

    def test_a_runs_page_tells_its_place_and_how_to_train_it_alone(self, opened, server, best):
        page, save = opened(f"{server}/#/experiments/1/runs/{best.id}")
        page.get_by_text(re.compile(r"is number \d of 4 in sweep")).wait_for()
        page.get_by_text("Show more").click()
        page.locator("pre", has_text="convsweep train data=mnist_5k").wait_for()
        save("run")

    def test_text_from_outside_is_shown_as_it_is(self, opened, server, swept, best):
        from convsweep.markdown import plain

        with closing(sqlite3.connect(swept.mlruns / "mlflow.db")) as store, store:
            store.execute(
                "UPDATE tags SET value = ? WHERE run_uuid = ? AND key = 'mlflow.note.content'",
                (plain(HOSTILE), best.id),
            )
        page, save = opened(f"{server}/#/experiments/1/runs/{best.id}")
        dialogs = []
        page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        shown = page.get_by_text(HOSTILE)
        shown.wait_for()
        save("hostile")
        assert shown.evaluate("element => element.querySelectorAll('*').length") == 0
        assert dialogs == []
