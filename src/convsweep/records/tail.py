"""Follow a run's events while they are written, by reading only what is new."""

from pathlib import Path

from convsweep.records.events import Entry, from_line


class Tail:
    """A reader of one ``events.jsonl``.

    A run that goes on from an earlier epoch has its file written anew. Then all of its entries are read again, and
    whoever takes them must not count one twice.

    Args:
        path: The file; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._start_anew()

    def _start_anew(self) -> None:
        self._offset, self._last_line, self._crc = 0, b"", 0

    def poll(self) -> list[Entry]:
        """Return the entries that were written since the last call."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset - len(self._last_line))
                content = file.read()
                if not content.startswith(self._last_line):  # its checksum covers all before it: the file is another
                    self._start_anew()
                    file.seek(0)
                    content = file.read()
        except OSError:
            return []  # not there yet, or just being replaced
        entries = []
        for line in content[len(self._last_line) :].splitlines(keepends=True):
            entry = from_line(line, self._crc)
            if entry is None:
                break
            self._offset, self._last_line, self._crc = self._offset + len(line), line, entry.crc
            entries.append(entry)
        return entries
