"""The page that ``convsweep compare --html`` writes, opened from disk in a browser."""

import json
import shutil

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
if CHROMIUM is None:
    pytest.skip("needs chromium on the PATH", allow_module_level=True)


@pytest.fixture(scope="module")
def written(grid):
    """The report and the JSON file of the sweep, in a folder that wasn't there."""
    ending = grid.convsweep("compare", "--html", "pages/report.html", "--json", "pages/found.json")
    assert ending.status == 0, ending.err
    assert ending.out.splitlines()[-2:] == ["Comparison: pages/found.json", "Report: pages/report.html"]
    return grid.folder / "pages"


@pytest.fixture(scope="module")
def chromium():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium, written):
    """Open the page; and list what it asks for, and what its console says."""

    def opened(**options):
        page = chromium.new_context(**options).new_page()
        asked, said = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto((written / "report.html").as_uri(), wait_until="networkidle")
        return page, asked, said

    return opened


def column(page, name):
    """Return the texts of the leaderboard's column, from top to bottom."""
    place = page.locator("table.sortable thead th").all_inner_texts()
    number = next(number for number, text in enumerate(place) if "".join(text.split()).startswith(name))
    return page.locator(f"table.sortable tbody tr > :nth-child({number + 1})").all_inner_texts()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_asks_for_nothing_but_itself_and_its_console_stays_empty(opened, scheme):
    page, asked, said = opened(color_scheme=scheme)
    assert [address for address in asked if not address.startswith("data:")] == [page.url]
    assert said == []


def test_text_and_background_change_with_the_colour_scheme(opened):
    """Those of figures, too: each text is far from its background."""
    brightness = """() => {
        const bright = (colour) => colour.match(/\\d+/g).slice(0, 3).map(Number).reduce((a, b) => a + b) / 765;
        const texts = [...document.querySelectorAll("p, svg text")].map((one) => getComputedStyle(one));
        return {
            paper: bright(getComputedStyle(document.body).backgroundColor),
            texts: texts.map((style, number) => bright(style.fill === "rgb(0, 0, 0)" ? style.color : style.fill)),
        };
    }"""
    light, dark = (opened(color_scheme=scheme)[0].evaluate(brightness) for scheme in ("light", "dark"))
    assert light["paper"] > 0.95
    assert dark["paper"] < 0.15
    assert max(light["texts"]) < 0.5
    assert min(dark["texts"]) > 0.5


@pytest.mark.parametrize("width", [400, 1280])
def test_nothing_is_wider_than_the_window(opened, width):
    page, _, _ = opened(viewport={"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_the_first_screen_names_the_best_how_sure_that_is_and_what_may_be_as_good(opened, written):
    page, _, _ = opened(viewport={"width": 1280, "height": 720})
    (found,) = json.loads((written / "found.json").read_text())["comparisons"]
    best = found["configurations"][0]
    for text in (found["answer"], best["name"], f"{100 * best['valid_accuracy']['mean']:.2f}%", found["method"]):
        box = page.get_by_text(text, exact=True).first.bounding_box()
        assert box["y"] + box["height"] <= 720


def test_a_click_on_a_heading_sorts_and_another_one_turns_the_order_round(opened):
    page, _, _ = opened()
    given = column(page, "valid")
    assert given == sorted(given, key=lambda text: -float(text.split("%")[0]))
    page.get_by_role("button", name="learning_rate").click()
    assert column(page, "learning_rate") == ["0.005", "0.005", "0.02", "0.02"]
    page.get_by_role("button", name="learning_rate").click()
    assert column(page, "learning_rate") == ["0.02", "0.02", "0.005", "0.005"]
    assert page.locator("th[aria-sort=descending]").count() == 1


def test_the_keyboard_sorts_too_and_as_numbers(opened):
    page, _, _ = opened()
    page.get_by_role("button", name="test").focus()
    page.keyboard.press("Enter")
    sorted_texts = column(page, "test")
    assert sorted_texts == sorted(sorted_texts, key=lambda text: -float(text.removesuffix("%")))
    page.get_by_role("button", name="#").focus()
    page.keyboard.press("Space")
    assert column(page, "#") == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--html", "report.txt"], "'--html' must name a file that ends in .html (got 'report.txt')."),
        (["--json", "found"], "'--json' must name a file that ends in .json (got 'found')."),
        (["--html", "pages/found.json/report.html"], "'pages/found.json/report.html' cannot be written: File exists."),
    ],
)
def test_a_file_that_can_not_be_is_refused_in_one_line(grid, written, arguments, complaint):
    before = sorted(grid.folder.rglob("*.html"))
    assert grid.convsweep("compare", *arguments).only_line == complaint
    assert sorted(grid.folder.rglob("*.html")) == before
    assert not list(written.glob(".*.tmp"))
