"""Markdown as reports and pages need it: tables, pictures, wrapped paragraphs.

Left out: headings and emphasis, which are as short to write by hand.
"""

import textwrap
from collections.abc import Iterable, Sequence

WIDTH = 118  # characters a line


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; columns after the first are set flush right.

    >>> print(table(["rate", "accuracy"], [[0.005, "0.93"]]))
    | rate | accuracy |
    |---|---:|
    | 0.005 | 0.93 |
    """
    rule = "|".join(["", "---", *["---:"] * (len(headings) - 1), ""])
    return "\n".join([row(headings), rule, *map(row, rows)])


def row(cells: Sequence[object]) -> str:
    r"""Return one line of a table. A vertical bar in a cell is text, not the cell's end.

    >>> print(row(["largest |t|", 2.1]))
    | largest \|t\| | 2.1 |
    """
    return "| " + " | ".join(str(cell).replace("|", r"\|") for cell in cells) + " |"


def image(caption: str, file: str) -> str:
    """Return a picture whose file lies beside the page."""
    return f"![{caption}]({file})"


def blocks(*parts: str) -> str:
    """Join parts by empty lines. Tables, pictures and headings stay as they are, paragraphs are wrapped."""
    return "\n\n".join(part if part.startswith(("|", "!", "#")) else _wrap(part) for part in parts if part)


def _wrap(paragraph: str) -> str:
    return textwrap.fill(" ".join(paragraph.split()), WIDTH, break_long_words=False, break_on_hyphens=False)
