"""What a partial run of the benchmark may change: its own figures, its own block of the README."""

import pytest

from benchmarks import readme, results


def test_a_partial_run_leaves_other_figures_as_they_were():
    earlier, later = results.empty(), results.empty()
    earlier["figures"] = {"help_s": 0.1, "loops_us": 15_000.0}
    later["figures"] = {"help_s": 0.2}
    assert results.merge(earlier, later)["figures"] == {"help_s": 0.2, "loops_us": 15_000.0}


def test_only_the_named_block_of_the_readme_is_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr(readme, "README", tmp_path / "README.md")
    blocks = "".join(f"<!-- printed by {name} -->\nold {name}\n<!-- end of {name} -->\n" for name in ("one", "two"))
    readme.README.write_text(f"head\n{blocks}tail\n")
    readme.write_block("one", ["new"])
    text = readme.README.read_text()
    assert "```text\nnew\n```" in text
    assert "old one" not in text
    assert "old two" in text
    assert text.startswith("head\n")
    assert text.endswith("tail\n")


def test_a_readme_without_the_block_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(readme, "README", tmp_path / "README.md")
    readme.README.write_text("nothing here\n")
    with pytest.raises(ValueError, match="must hold the lines"):
        readme.write_block("one", ["new"])
