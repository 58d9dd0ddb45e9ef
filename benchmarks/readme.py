"""The code blocks of pages that are printed by the commands, between two comments that name them."""

from collections.abc import Sequence
from pathlib import Path

README = Path(__file__).with_name("README.md")

SCALE_PAGE = README.parents[1] / "docs" / "scale.md"

# a block's name: the command that prints it
BENCHMARK, FAULTS, SCALE = "python -m benchmarks", "python benchmarks/faults.py", "python -m benchmarks --only scale"


def write_block(name: str, lines: Sequence[str], page: Path = README) -> None:
    """Replace one of a page's blocks.

    Raises:
        ValueError: The page has no such block.
    """
    start, end = f"<!-- printed by {name} -->\n", f"<!-- end of {name} -->\n"
    text = page.read_text(encoding="utf-8")
    before, found, rest = text.partition(start)
    _, found_end, after = rest.partition(end)
    if not (found and found_end):
        raise ValueError(f"'{page}' must hold the lines '{start.strip()}' and '{end.strip()}'.")
    body = "\n".join(line.rstrip() for line in lines)
    page.write_text(f"{before}{start}```text\n{body}\n```\n{end}{after}", encoding="utf-8")
