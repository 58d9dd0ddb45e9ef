"""A study's page: what was asked, how it was measured, what was expected and what came of it."""

import os
import re
from collections.abc import Sequence

from convsweep.records.provenance import provenance
from convsweep.studies.markdown import blocks, table
from convsweep.studies.study import Facts, Report, Study


def page(study: Study, facts: Facts, report: Report, *, command: str, seconds: float, small: bool) -> str:
    """Return the text of a study's README.md."""
    rows = [
        ["command", f"`{command}`"],
        ["data", facts.data],
        ["seeds", facts.seeds],
        ["code", _code()],
        ["machine", _machine()],
        ["time", f"{seconds:,.0f} s" if seconds >= 10 else f"{seconds:.1f} s"],
    ]
    facts_table = "\n".join(["| | |", "|---|---|", *table(["", ""], rows).splitlines()[2:]])
    warning = "**A small version, to see that the study runs: its numbers mean nothing.**" if small else ""
    head = blocks(f"# {study.title}", study.question, warning, facts_table, "## Expected", study.expected)
    return f"{head}\n\n{outcome(report)}\n"


def outcome(report: Report) -> str:
    """Return the part of a page that was measured; nothing in it comes from anywhere but the study's record."""
    return f"## Measured\n\n{report.measured}\n\n## Answer\n\n{report.answer}"


def command(name: str, overrides: Sequence[str], *, small: bool) -> str:
    """Return the command that runs a study again; the reader's folders have other names."""
    words = [re.sub(r"^(data\.dir|mlruns)=.*", r"\1=FOLDER", word) for word in overrides]
    if not small and words in ([], ["data.dir=FOLDER"]):
        return f"make experiment NAME={name}" + (" MNIST=FOLDER" if words else "")
    small_output = ["--small", "--output FOLDER"] if small else []
    return " ".join(["python -m convsweep.studies", name, *words, *small_output])


def _code() -> str:
    """Return the commit that ran, and whether what computes differed from it."""
    of = provenance()
    if of.git_commit is None:
        return "not from a git checkout"
    changed = re.findall(r"^diff --git a/(\S+)", of.git_diff or "", re.MULTILINE)
    dirty = any(path.startswith(("src/", "conf/")) for path in changed)
    return f"commit {of.git_commit[:12]}" + (", with uncommitted changes" if dirty else "")


def _machine() -> str:
    environment = provenance().environment
    packages = environment["packages"]
    assert isinstance(packages, dict)
    libraries = f"Python {environment['python']}, NumPy {packages['numpy']}, {environment['blas']}"
    return f"{environment['cpu']}, {os.cpu_count()} cores; {libraries}"
