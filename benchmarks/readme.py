"""The code blocks of ``README.md`` that are printed by the commands, between two comments that name them."""

from collections.abc import Sequence
from pathlib import Path

README = Path(__file__).with_name("README.md")

BENCHMARK, FAULTS = "python -m benchmarks", "python benchmarks/faults.py"  # a block's name: the command that prints it


def write_block(name: str, lines: Sequence[str]) -> None:
    """Replace one of the blocks.

    Raises:
        ValueError: The README has no such block.
    """
    start, end = f"<!-- printed by {name} -->\n", f"<!-- end of {name} -->\n"
    text = README.read_text(encoding="utf-8")
    before, found, rest = text.partition(start)
    _, found_end, after = rest.partition(end)
    if not (found and found_end):
        raise ValueError(f"'{README}' must hold the lines '{start.strip()}' and '{end.strip()}'.")
    body = "\n".join(line.rstrip() for line in lines)
    README.write_text(f"{before}{start}```text\n{body}\n```\n{end}{after}", encoding="utf-8")
