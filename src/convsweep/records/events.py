"""Events as lines of ``events.jsonl``: one JSON object each, with its time and a checksum.

A line's checksum also covers the checksum of the line before it. So a line that was changed, cut, inserted or
left out is noticed, wherever in the file, and everything before it can still be trusted.
"""

import json
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from convsweep.nn.training import Diverged, EpochEnd, Evaluation, Event, Window

EVENT_TYPES = {"window": Window, "evaluation": Evaluation, "epoch_end": EpochEnd, "diverged": Diverged}
EVENT_NAMES = {event_type: name for name, event_type in EVENT_TYPES.items()}

CHECKSUM = ', "crc32": "'  # what stands between a line's fields and its checksum


class Entry(NamedTuple):
    """One line of the file."""

    event: Event  # an epoch's end without its checkpoint, which is a file of its own
    time: float  # seconds since 1970, by the clock of the machine that trained
    checkpoint_sha256: str | None  # of that file's content, if this is an epoch's end
    crc: int  # of this line and all before it
    is_only_checkpoint: bool = False  # whether those of all epochs before were removed on purpose
    seconds: float | None = None  # the run has trained for until then; None in older records

    @property
    def milliseconds(self) -> int:
        """The time as MLflow counts it."""
        return int(self.time * 1000)


def to_line(
    event: Event,
    *,
    time: float,
    seconds: float,
    checkpoint_sha256: str | None,
    previous_crc: int,
    is_only_checkpoint: bool = False,
) -> tuple[bytes, Entry]:
    """Return an event's line, and the entry that reading it gives.

    Args:
        event: What happened.
        time: When, in seconds since 1970.
        seconds: How long the run has trained until then, over all attempts that the file holds.
        checkpoint_sha256: The digest of the checkpoint's file, if the event is an epoch's end.
        previous_crc: That of the line before; 0 for the first.
        is_only_checkpoint: Whether the checkpoints of all epochs before are going to be removed.
    """
    fields: dict[str, Any] = {"event": EVENT_NAMES[type(event)], **event._asdict(), "time": time, "seconds": seconds}
    if isinstance(event, EpochEnd):
        fields["checkpoint"] = checkpoint_sha256
        if is_only_checkpoint:
            fields["only_checkpoint"] = True
        event = event._replace(checkpoint=None)
    body = json.dumps(fields)
    crc = zlib.crc32(body.encode(), previous_crc)
    line = f'{body[:-1]}{CHECKSUM}{crc:08x}"}}\n'
    return line.encode(), Entry(event, time, checkpoint_sha256, crc, is_only_checkpoint, seconds)


def read_entries(content: bytes) -> Iterator[Entry]:
    """Yield the entries of a file up to the first line that is incomplete or damaged."""
    crc = 0
    for line in content.splitlines(keepends=True):
        entry = from_line(line, crc)
        if entry is None:
            return
        yield entry
        crc = entry.crc


def from_line(line: bytes, previous_crc: int) -> Entry | None:
    """Return a line's entry, or None if it is incomplete, damaged or no event that this program knows."""
    body, separator, checksum = line.rpartition(CHECKSUM.encode())
    crc = zlib.crc32(body + b"}", previous_crc)
    if not separator or checksum != f'{crc:08x}"}}\n'.encode():
        return None
    fields = json.loads(body + b"}")
    try:
        event_type, time = EVENT_TYPES[fields.pop("event")], fields.pop("time")
        digest, is_only_checkpoint, seconds = None, False, fields.pop("seconds", None)
        if event_type is EpochEnd:
            digest, fields["checkpoint"] = fields["checkpoint"], None
            is_only_checkpoint = fields.pop("only_checkpoint", False)
        return Entry(event_type(**fields), time, digest, crc, is_only_checkpoint, seconds)
    except (KeyError, TypeError):
        return None  # another version of this program has other events
