r"""The text of a log: bytes of a file as lines, without colours, each with what a terminal would show in the end."""

import re
from pathlib import Path
from typing import NamedTuple

from convsweep.errors import UserError

LARGEST = 10_000_000  # bytes
_INVISIBLE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[@-_]|[\x00-\x07\x0b-\x0c\x0e-\x1a\x1c-\x1f\x7f\ufeff]")
_OVERWRITTEN = re.compile(r"[\r\x08]+")  # a progress bar goes back to the line's beginning


class TextLine(NamedTuple):
    """A line of a log."""

    shown: str  # what a terminal shows of it in the end
    overwritten: tuple[str, ...]  # what it showed before, in its order


def read_text(path: Path) -> str:
    """Return the text of a file.

    Raises:
        UserError: It is no file, is too large, can't be read, or holds no text.
    """
    if not path.is_file():
        raise UserError(f"'--log' must be a file (got '{path}').")
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise UserError(
                f"A log must have at most {LARGEST // 1_000_000} MB (got {size / 1_000_000:,.0f} MB, '{path}')."
            )
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"The log '{path}' can't be read: {error.strerror}.") from error
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):  # as PowerShell's `>` writes it
        return content.decode("utf-16", errors="replace")
    if b"\0" in content:
        raise UserError(f"A log must be text (got '{path}', which holds zero bytes).")
    return content.decode("utf-8-sig", errors="replace")


def text_lines(text: str) -> list[TextLine]:
    r"""Return a text's lines without colours; blank ones are left out.

    >>> text_lines("\x1b[32m10%\r100% loss: 0.5\x1b[0m\r\n")
    [TextLine(shown='100% loss: 0.5', overwritten=('10%',))]
    """
    lines = []
    for line in text.split("\n"):
        parts = [part.strip() for part in _OVERWRITTEN.split(_INVISIBLE.sub("", line)) if part.strip()]
        if parts:
            lines.append(TextLine(parts[-1], tuple(parts[:-1])))
    return lines
