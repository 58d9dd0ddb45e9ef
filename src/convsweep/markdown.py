"""Markdown as reports and pages need it: text from outside, commands, tables, pictures, wrapped paragraphs.

Left out: headings and emphasis, which are as short to write by hand.
"""

import re
import textwrap
from collections.abc import Iterable, Sequence

WIDTH = 118  # characters a line
# What may mean something in Markdown or HTML. All of it: which of it does depends on the place and on the program
MARKUP = re.compile(r"""[^\w\s.,;:!?()='"+/%-]|(?<!\w)_|_(?!\w)|^[-+=]|^\d+[.)](?=\s|$)|//|(?i:www)\.""")


def plain(value: object) -> str:
    r"""Return text from outside such that a page shows it as it is: no link, no HTML, no table's cell begins in it.

    >>> print(plain("lr0.005 <img> a|b [x](y)"))
    lr0.005 &#60;img&#62; a&#124;b &#91;x&#93;(y)
    """
    return MARKUP.sub(lambda found: "".join(f"&#{ord(sign)};" for sign in found[0]), " ".join(str(value).split()))


def link(text: str, address: str) -> str:
    """Return a link; the text is Markdown, the address is one of ours."""
    return f"[{text}]({address})"


def command(line: str) -> str:
    """Return a shell's command, shown as it is, whatever is in it; it may be continued on further lines."""
    return "\n".join("    " + part for part in line.splitlines())


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
