"""Files that are whole or not there at all; JSON and lines that notice when they were damaged."""

import json

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from convsweep.errors import UserError
from convsweep.nn.network import Parameters
from convsweep.nn.training import Checkpoint, Diverged, EpochEnd, Evaluation, Window
from convsweep.records.events import from_line, read_entries, to_line
from convsweep.records.files import (
    DamagedError,
    read_sealed,
    remove,
    remove_temporary_files,
    write_sealed,
    write_whole,
    writing,
)
from convsweep.records.journal import Failure, read_failure, read_result, write_failure
from convsweep.records.sweep import read_sweep, read_sweeps, sweep_directory

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
fields = st.dictionaries(st.text(max_size=8).filter(lambda key: key != "crc32"), json_values, max_size=5)


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_that_is_written_whole_replaces_the_one_before_and_leaves_nothing_else(tmp_path, durable):
    path = tmp_path / "file"
    for content in (b"one", b""):
        write_whole(path, content, durable=durable)
        assert path.read_bytes() == content
        assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_written_leaves_no_temporary_file(tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    with pytest.raises(UserError, match=rf"'{path}' cannot be written: Is a directory\."), writing(path):
        write_whole(path, b"content")
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_sees_the_old_content_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "file"
    write_whole(path, b"old")
    with path.open("rb") as reader:
        write_whole(path, b"new and longer")
        assert reader.read() == b"old"


def test_temporary_files_are_removed_and_nothing_else(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    for name in (".result.json.17.tmp", "checkpoints/.epoch_000.npz.17.tmp", "notes.tmp", ".hidden"):
        (tmp_path / name).touch()
    remove_temporary_files(tmp_path, alone=True)
    assert {path.name for path in tmp_path.rglob("*")} == {"checkpoints", "notes.tmp", ".hidden"}


def test_removing_works_for_files_folders_links_and_nothing(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    (tmp_path / "folder" / "inner" / "file").touch()
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    for name in ("file", "folder", "link", "nothing"):
        remove(tmp_path / name)
    assert list(tmp_path.rglob("*")) == [tmp_path / "kept", tmp_path / "kept" / "file"]


class TestSealedJson:
    @settings(max_examples=25)  # each waits for the disk
    @given(content=fields)
    def test_sealed_json_comes_back_as_it_was_written(self, tmp_path, content):
        write_sealed(tmp_path / "file", content)
        assert read_sealed(tmp_path / "file") == content

    @settings(max_examples=25)  # each waits for the disk
    @given(content=fields, place=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
    def test_sealed_json_with_any_other_byte_is_refused(self, tmp_path, content, place, byte):
        path = tmp_path / "file"
        write_sealed(path, content)
        written = path.read_bytes()
        at = int(place * len(written))
        assume(written[at] != byte)
        path.write_bytes(written[:at] + bytes([byte]) + written[at + 1 :])
        with pytest.raises(DamagedError, match="is damaged"):
            read_sealed(path)

    @given(content=st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()))
    def test_whatever_else_is_in_the_file_is_refused(self, tmp_path, content):
        (tmp_path / "file").write_bytes(content)
        with pytest.raises(DamagedError, match="is damaged"):
            read_sealed(tmp_path / "file")

    @pytest.mark.parametrize("change", [bytes.rstrip, lambda content: content.replace(b"  ", b"\t")])
    def test_sealed_json_in_another_layout_is_refused(self, tmp_path, change):
        """The same values, but not the bytes that were written: something has been at the file."""
        path = tmp_path / "file"
        write_sealed(path, {"epoch": 3})
        path.write_bytes(change(path.read_bytes()))
        with pytest.raises(DamagedError, match="is damaged"):
            read_sealed(path)

    def test_no_file_is_no_damage(self, tmp_path):
        assert read_sealed(tmp_path / "file") is None

    def test_a_folder_in_its_place_is_damage(self, tmp_path):
        with pytest.raises(DamagedError, match=r"is damaged \(it is a folder\)"):
            read_sealed(tmp_path)

    def test_a_file_that_the_system_refuses_to_read_is_told_in_one_line(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(UserError, match=r"cannot be read: Not a directory\."):
            read_sealed(tmp_path / "file" / "result.json")

    def test_records_of_another_version_of_the_program_are_refused(self, tmp_path):
        for name in ("result.json", "failure.json"):
            write_sealed(tmp_path / name, {"outcome": "finished", "colour": "red"})
        with pytest.raises(DamagedError, match="must be the result of a run"):
            read_result(tmp_path)
        assert read_failure(tmp_path) is None
        sweep = sweep_directory(tmp_path, "1")
        sweep.mkdir(parents=True)
        write_sealed(sweep / "sweep.json", {"id": "1", "jobs": []})
        with pytest.raises(DamagedError, match="must be the record of a sweep"):
            read_sweep(tmp_path, "1")
        assert read_sweeps(tmp_path) == []

    def test_a_failure_comes_back_as_it_was_written(self, tmp_path):
        failure = Failure("OSError", "No space left on device", "Traceback ...\n", 1.5)
        write_failure(tmp_path / "run", failure)
        assert read_failure(tmp_path / "run") == failure


numbers = st.floats(allow_nan=False, allow_infinity=False)
counts = st.integers(0, 10**9)
events = st.one_of(
    st.builds(Window, counts, counts, numbers, numbers),
    st.builds(Evaluation, counts, counts, st.sampled_from(["valid", "test"]), numbers, numbers),
    st.builds(Diverged, counts, counts),
    st.builds(EpochEnd, counts, counts, st.none()),
)


def lines_of(some_events):
    """Write events as a journal does; return their lines, and their entries."""
    lines, entries, crc = [], [], 0
    for number, event in enumerate(some_events):
        digest = f"{number:064x}" if isinstance(event, EpochEnd) else None
        line, entry = to_line(event, time=number + 0.25, seconds=number / 8, checkpoint_sha256=digest, previous_crc=crc)
        lines.append(line)
        entries.append(entry)
        crc = entry.crc
    return lines, entries


class TestChainOfChecksums:
    @given(some_events=st.lists(events, max_size=6))
    def test_events_come_back_as_they_were_written(self, some_events):
        lines, entries = lines_of(some_events)
        assert list(read_entries(b"".join(lines))) == entries
        assert [entry.event for entry in entries] == some_events

    @given(some_events=st.lists(events, min_size=1, max_size=6), data=st.data())
    def test_lines_in_any_other_order_or_number_are_read_up_to_the_first_that_is_out_of_place(self, some_events, data):
        lines, entries = lines_of(some_events)
        places = data.draw(st.lists(st.integers(0, len(lines) - 1), max_size=8))
        alike = 0
        while alike < len(places) and places[alike] == alike:
            alike += 1
        # subtle: equal lines have equal checksums only if all before them are equal
        assert list(read_entries(b"".join(lines[place] for place in places))) == entries[:alike]

    @given(line=st.binary(max_size=80), crc=st.integers(0, 2**32 - 1))
    def test_foreign_lines_are_no_events(self, line, crc):
        assert from_line(line + b"\n", crc) is None

    def test_an_event_of_another_version_of_the_program_is_not_read(self):
        class Party(Window):
            pass

        from convsweep.records import events as events_module

        events_module.EVENT_NAMES[Party] = "party"
        try:
            line, _ = to_line(Party(1, 2, 3.0, 4.0), time=0, seconds=0.0, checkpoint_sha256=None, previous_crc=0)
        finally:
            del events_module.EVENT_NAMES[Party]
        assert b'"party"' in line
        assert list(read_entries(line)) == []

    def test_an_epochs_end_is_written_without_its_checkpoint_but_with_its_digest(self):
        end = EpochEnd(1, 60, Checkpoint(1, Parameters(*[np.zeros(1)] * 3), "{}"))
        line, entry = to_line(end, time=0.5, seconds=0.0, checkpoint_sha256="ab" * 32, previous_crc=0)
        assert entry.event == EpochEnd(1, 60, None)
        assert entry.checkpoint_sha256 == "ab" * 32
        assert entry.milliseconds == 500
        assert line.endswith(b"}\n")
