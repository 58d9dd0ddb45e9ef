"""A tail of a file of events, against reading the whole file every time."""

from hypothesis import given
from hypothesis import strategies as st

from convsweep.nn.training import EpochEnd, Window
from convsweep.records.events import Entry, read_entries, to_line
from convsweep.records.files import write_whole
from convsweep.records.tail import Tail


def file_of(number_of_events, flavour):
    """Return the content of a file of events; another flavour is another run."""
    content, crc = b"", 0
    for number in range(number_of_events):
        event = Window(1, number, flavour, 0.5) if number % 3 else EpochEnd(1, number, None)
        digest = None if number % 3 else "0" * 64
        line, entry = to_line(event, time=float(number), seconds=0.0, checkpoint_sha256=digest, previous_crc=crc)
        content, crc = content + line, entry.crc
    return content


RUNS = [file_of(9, 0.25), file_of(9, 0.75)]

steps = st.one_of(
    st.tuples(st.just("grow"), st.floats(0, 1)),  # up to this share of the run, perhaps within a line
    st.tuples(st.just("cut back"), st.floats(0, 1)),
    st.tuples(st.just("other run, in place"), st.floats(0, 1)),
    st.tuples(st.just("other run, renamed into place"), st.floats(0, 1)),
    st.tuples(st.just("same run, renamed into place"), st.floats(0, 1)),
    st.tuples(st.just("gone"), st.just(0)),
)


@given(history=st.lists(steps, max_size=12))
def test_a_tail_gives_what_is_new_or_all_if_the_file_was_written_anew(tmp_path, history):
    path = tmp_path / "events.jsonl"
    path.unlink(missing_ok=True)
    tail, run, length = Tail(path), 0, 0
    known: list[Entry] = []
    assert tail.poll() == []
    for what, share in history:
        if what == "gone":
            path.unlink(missing_ok=True)
            assert tail.poll() == []
            continue
        run = 1 - run if what.startswith("other") else run
        size = int(share * len(RUNS[run]))
        length = {"grow": max(length, size), "cut back": min(length, size)}.get(what, size)
        content = RUNS[run][:length]
        if "renamed" in what:
            write_whole(path, content, durable=False)
        else:
            path.write_bytes(content)
        whole = list(read_entries(content))
        grown = whole[: len(known)] == known
        assert tail.poll() == (whole[len(known) :] if grown else whole)
        known = whole
        assert tail.poll() == []


def test_a_line_that_is_half_written_is_read_once_it_is_whole(tmp_path):
    path = tmp_path / "events.jsonl"
    content = RUNS[0]
    middle = content.index(b"\n") + 20
    path.write_bytes(content[:middle])
    tail = Tail(path)
    assert len(tail.poll()) == 1
    with path.open("ab") as file:
        file.write(content[middle:])
    assert len(tail.poll()) == 8


def test_a_damaged_line_ends_what_is_read_of_a_file(tmp_path):
    path = tmp_path / "events.jsonl"
    lines = RUNS[0].splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:4], b"{}\n", *lines[4:]]))
    tail = Tail(path)
    assert len(tail.poll()) == 4
    assert tail.poll() == []
