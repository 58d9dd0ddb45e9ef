"""MLflow's pages in a browser that has never seen them, opened at the addresses that ``convsweep ui`` prints.

The views behind these addresses are written in a format that MLflow doesn't document: only a browser can tell
whether it still understands them.
"""

import shutil

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
if CHROMIUM is None:
    pytest.skip("needs chromium on the PATH", allow_module_level=True)

METRICS = ("valid/accuracy", "test/accuracy", "valid/loss", "test/loss")
LOSSES = ("train/loss", "valid/loss")
SLOW = 30_000  # milliseconds until a page that doesn't show something is given up on


@pytest.fixture(scope="module")
def addresses(grid, free_port):
    """The printed addresses of the sweep's pages, while they are served."""
    with grid.running("ui", "--port", str(free_port())) as program:
        program.until(lambda: "Ctrl-C stops the server." in program.out)
        yield dict(line.split() for line in program.out.splitlines() if "://" in line)


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

    def opened(address, height):
        context = chromium.new_context(viewport={"width": 1600, "height": height})
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


class TestTable:
    """The first address: the sweep's runs, and nothing else."""

    @pytest.fixture(scope="class")
    @classmethod
    def table(cls, opened, addresses):
        page, save = opened(addresses["table:"], height=1000)
        page.get_by_text("4 matching runs").wait_for()
        page.locator(".ag-cell[col-id*='valid/accuracy']").nth(3).wait_for()
        save("table")
        return page

    def test_the_rows_are_the_sweeps_runs_without_their_parent(self, table, grid):
        links = table.locator(".ag-row a[href*='/runs/']").evaluate_all("links => links.map(link => link.href)")
        assert {link.partition("/runs/")[2] for link in links} == {run.id for run in grid.runs()}

    def test_the_first_row_is_the_best_on_valid(self, table, grid):
        column = cells(table, "valid/accuracy")
        accuracies = [run.metric("valid/accuracy")[-1][1] for run in grid.runs()]
        assert [float(text) for text in column] == pytest.approx(sorted(accuracies, reverse=True), abs=5e-4)

    def test_the_headers_are_what_varies_and_the_four_metrics(self, table):
        headers = table.locator(".ag-header-cell").evaluate_all(
            "cells => cells.map(cell => cell.getAttribute('col-id'))"
        )
        for name in ("learning_rate", "num_filters", *METRICS):
            assert [header for header in headers if f"`{name}`" in header], headers
        for name in ("init_scale", "epochs", "seed"):
            assert not [header for header in headers if f"`{name}`" in header]

    def test_the_params_stand_in_the_rows_of_their_runs(self, table, grid):
        rows = zip(cells(table, "learning_rate"), cells(table, "num_filters"), strict=True)
        assert set(rows) == {(run.params["learning_rate"], run.params["num_filters"]) for run in grid.runs()}


class TestCharts:
    """The second address: the sweep's charts."""

    @pytest.fixture(scope="class")
    @classmethod
    def charts(cls, opened, addresses):
        """The cards by title: the page draws only those that are in sight, so it must be high enough for all."""
        page, save = opened(addresses["charts:"], height=2000)
        cards = page.get_by_test_id("experiment-view-compare-runs-card")
        cards.nth(5).wait_for()
        by_title = {card.inner_text().splitlines()[0]: card for card in cards.all()[:6]}
        for card in by_title.values():
            card.locator(".js-plotly-plot, canvas").first.wait_for()
        save("charts")
        return by_title

    def test_they_show_what_a_sweep_is_looked_at_for(self, charts):
        assert list(charts)[:5] == ["Parallel Coordinates", "test/accuracy", "valid/accuracy", *LOSSES]
        assert "learning_rate" in list(charts)[5]
        assert "num_filters" in list(charts)[5]

    def test_every_run_has_a_bar(self, charts):
        bars = charts["test/accuracy"].locator(".bars .point")
        sync_api.expect(bars).to_have_count(4)

    @pytest.mark.parametrize("title", ["valid/accuracy", *LOSSES])
    def test_every_run_has_a_curve_which_is_not_smoothed(self, charts, title):
        """The page draws each curve twice: faintly as it is, and over that smoothed, unless the view says not to."""
        curves = charts[title].locator(".scatterlayer .js-line")
        sync_api.expect(curves).to_have_count(8)
        lines = curves.evaluate_all("lines => lines.map(line => [line.style.strokeOpacity, line.getAttribute('d')])")
        shown = sorted(path for opacity, path in lines if opacity == "1")
        assert len(shown) == 4
        assert shown == sorted(path for opacity, path in lines if opacity != "1")

    def test_the_parallel_coordinates_have_an_axis_a_param_and_one_for_the_metric(self, charts):
        text = charts["Parallel Coordinates"].inner_text()
        assert all(name in text for name in ("learning_rate", "num_filters", "valid/accuracy"))

    def test_the_contours_are_drawn_over_the_four_runs(self, charts):
        contours = list(charts.values())[5]
        assert contours.locator(".contourlayer path").count() > 0
