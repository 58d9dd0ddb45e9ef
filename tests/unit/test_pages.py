"""Our page on MLflow's server, and descriptions: whatever a name holds, it stays text."""

from html.parser import HTMLParser

import pytest

from convsweep.markdown import command, plain
from convsweep.tracking.descriptions import ShownSweep, experiment_note
from convsweep.tracking.names import SIGNATURE, is_ours
from convsweep.tracking.pages import ListedSweep, index, opener, problem

HOSTILE = "</p><script>alert('1')</script>\"onload=x & [a](javascript:b) |c|"
SWEEP = ShownSweep(id="1", title=HOSTILE, run_id="r", when="2026-01-01 00:00", counts=HOSTILE, answer=HOSTILE)


class Document(HTMLParser):
    """What a browser makes of a page: tags, and texts outside style and script."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.texts, self._open = [], [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        self._open.append(tag)

    def handle_data(self, data):
        if self._open[-1:] not in (["script"], ["style"]) and data.strip():
            self.texts.append(data.strip())


class TestSweepsPage:
    def test_names_and_answers_are_shown_as_they_are(self):
        page = Document(index(HOSTILE, "1", [ListedSweep(SWEEP, ["charts"], ["comparison.png"])], HOSTILE))
        assert page.tags.count("script") == 1
        assert "onload" not in page.attributes
        assert sum(HOSTILE in text for text in page.texts) == 5

    def test_without_a_sweep_it_says_how_to_run_one(self):
        assert "There is no sweep yet:" in Document(index("digits", "1", [], None)).texts

    def test_a_problem_is_shown_as_it_is(self):
        page = Document(problem(HOSTILE))
        assert HOSTILE in page.texts
        assert page.tags.count("script") == 1

    def test_an_address_cannot_end_the_script_it_stands_in(self):
        page = opener("#/experiments/1/runs?x=</script><img>")
        assert Document(page).tags.count("img") == 0
        assert 'location.replace("/#/experiments/1/runs?x=\\u003c/script>\\u003cimg>");' in page


class TestDescriptions:
    @pytest.mark.parametrize("sign", list("[]<>|*`\\~#@&{}^$"))
    def test_no_sign_of_markup_is_left(self, sign):
        assert plain(f"a{sign}b").removeprefix("a").removesuffix("b") == f"&#{ord(sign)};"

    @pytest.mark.parametrize("text", ["- a", "+ a", "= a", "1. a", "12) a", "_a_", "http://a.org", "www.a.org"])
    def test_no_text_begins_a_list_a_heading_a_link_or_emphasis(self, text):
        assert plain(text) != text

    @pytest.mark.parametrize("text", ["lr0.005 f8 seed0", "num_filters x learning_rate", "91.83% (2 seeds); can't"])
    def test_what_is_no_markup_stays_legible(self, text):
        assert plain(text) == text

    def test_text_is_one_line(self):
        assert plain("a\n\n# b") == "a &#35; b"

    def test_every_line_of_a_command_is_code(self):
        assert command("a \\\nb") == "    a \\\n    b"

    def test_an_experiments_table_has_a_row_a_sweep_whatever_they_are_called(self):
        note = experiment_note("1", [SWEEP, SWEEP])
        table = [line for line in note.splitlines() if line.startswith("|")]
        assert [line.count("|") for line in table] == [5] * 4
        assert "<" not in note

    def test_a_description_is_ours_until_its_last_line_is_changed(self):
        note = experiment_note("1", [SWEEP])
        assert is_ours(note)
        assert is_ours(None)
        assert not is_ours(note.replace(SIGNATURE, "Mine."))
        assert not is_ours(f"{note}\n\nMore of mine.")
