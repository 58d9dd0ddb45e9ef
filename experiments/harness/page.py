"""A study's page: what was asked, how it was measured, what was expected and what came of it."""

import os
import re
from collections.abc import Sequence

from convsweep.markdown import blocks, row
from convsweep.records.provenance import changed_files, provenance
from experiments.harness.study import Facts, Report, Study


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
    facts_table = "\n".join(["| | |", "|---|---|", *map(row, rows)])
    warning = "**A small version, to see that the study runs: its numbers mean nothing.**" if small else ""
    head = blocks(f"# {study.title}", study.question, warning, facts_table, "## Expected", study.expected)
    return f"{head}\n\n{outcome(report)}\n"


def outcome(report: Report) -> str:
    """Return the part of a page that was measured. It depends on the study's record alone."""
    return f"## Measured\n\n{report.measured}\n\n## Answer\n\n{report.answer}"


def command(name: str, overrides: Sequence[str], *, small: bool) -> str:
    """Return the command that runs a study again. FOLDER stands for folders, which have other names elsewhere."""
    words = [re.sub(r"^(data\.dir|mlruns)=.*", r"\1=FOLDER", word) for word in overrides]
    if not small and words in ([], ["data.dir=FOLDER"]):
        return f"make experiment NAME={name}" + (" MNIST=FOLDER" if words else "")
    small_output = ["--small", "--output FOLDER"] if small else []
    return " ".join(["python -m experiments.harness", name, *words, *small_output])


def computes(path: str) -> bool:
    """Return whether a file of the checkout has a part in what a study measures.

    >>> [computes(path) for path in ("src/convsweep/data/idx.py", "experiments/01_sobel/study.py")]
    [True, True]
    >>> [computes(path) for path in ("README.md", "experiments/01_sobel/results.csv")]
    [False, False]
    """
    return path.startswith(("src/", "conf/")) or (path.startswith("experiments/") and path.endswith(".py"))


def _code() -> str:
    """Return the commit that ran, and whether what computes differed from it."""
    source = provenance()
    if source.git_commit is None:
        return "not from a git checkout"
    changed = changed_files(source.git_diff or b"")
    return f"commit {source.git_commit[:12]}" + (", with uncommitted changes" if any(map(computes, changed)) else "")


def _machine() -> str:
    environment = provenance().environment
    packages = environment["packages"]
    assert isinstance(packages, dict)
    libraries = f"Python {environment['python']}, NumPy {packages['numpy']}, {environment['blas']}"
    return f"{environment['cpu']}, {os.cpu_count()} cores; {libraries}"
