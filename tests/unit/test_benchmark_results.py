"""What a partial run of the benchmark may change: its own figures, its own block of the README."""

import pytest

from benchmarks import readme, results
from benchmarks.scale_model import TOO_FAST, fit
from benchmarks.table import LONG_PARTS, lines


def test_a_partial_run_leaves_other_figures_as_they_were():
    earlier, later = results.empty(), results.empty()
    earlier["figures"] = {"help_s": 0.1, "loops_us": 15_000.0}
    later["figures"] = {"help_s": 0.2}
    assert results.merge(earlier, later)["figures"] == {"help_s": 0.2, "loops_us": 15_000.0}


def test_only_the_named_block_of_a_page_is_replaced(tmp_path):
    page = tmp_path / "README.md"
    blocks = "".join(f"<!-- printed by {name} -->\nold {name}\n<!-- end of {name} -->\n" for name in ("one", "two"))
    page.write_text(f"head\n{blocks}tail\n")
    readme.write_block("one", ["new"], page)
    text = page.read_text()
    assert "```text\nnew\n```" in text
    assert "old one" not in text
    assert "old two" in text
    assert text.startswith("head\n")
    assert text.endswith("tail\n")


def test_a_page_without_the_block_is_refused(tmp_path):
    page = tmp_path / "README.md"
    page.write_text("nothing here\n")
    with pytest.raises(ValueError, match="must hold the lines"):
        readme.write_block("one", ["new"], page)


def test_the_page_of_scale_shows_what_was_measured_last():
    """So that neither table nor model drifts apart from ``results.json``."""
    expected = "\n".join(line.rstrip() for line in lines(results.read(), LONG_PARTS))
    assert f"```text\n{expected}\n```" in readme.SCALE_PAGE.read_text()


def test_a_term_that_grows_with_the_square_of_jobs_is_told():
    sizes = [300, 1000, 3000, 10_000]
    assert fit([(n, 2 + 0.01 * n) for n in sizes]).exponent == pytest.approx(1)
    assert fit([(n, 2 + 0.01 * n + 1e-5 * n**2) for n in sizes]).exponent > TOO_FAST
    assert fit([(n, 5.0) for n in sizes]) == (5.0, 0.0, None)
