"""Markdown for the pages: tables and wrapped paragraphs."""

import textwrap
from collections.abc import Iterable, Sequence

WIDTH = 118


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; columns after the first are set flush right.

    >>> print(table(["rate", "accuracy"], [[0.005, "0.93"]]))
    | rate | accuracy |
    |---|---:|
    | 0.005 | 0.93 |
    """
    rule = ["---", *["---:"] * (len(headings) - 1)]
    lines = ["| " + " | ".join(map(str, cells)) + " |" for cells in (headings, *rows)]
    return "\n".join([lines[0], f"|{'|'.join(rule)}|", *lines[1:]])


def image(caption: str, file: str) -> str:
    """Return a picture that lies beside the page."""
    return f"![{caption}]({file})"


def blocks(*parts: str) -> str:
    """Join tables, pictures and paragraphs by empty lines, long paragraphs wrapped."""
    return "\n\n".join(part if part.startswith(("|", "!", "```", "#")) else _wrap(part) for part in parts if part)


def _wrap(text: str) -> str:
    """Wrap one paragraph, or each item of a list."""
    lines = text.splitlines() if text.startswith("- ") else [" ".join(text.split())]
    wrapped = (
        textwrap.fill(
            line,
            WIDTH,
            subsequent_indent="  " if line.startswith("- ") else "",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for line in lines
    )
    return "\n".join(wrapped)
