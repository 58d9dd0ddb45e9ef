"""A record damaged at any byte: it is named, never accepted, and what is trained again ends in the same bits."""

import shutil
from dataclasses import dataclass, field

import numpy as np
import pytest
from configurations import small_job
from hypothesis import assume, example, given
from hypothesis import strategies as st

from convsweep.nn.training import EpochEnd
from convsweep.records.checkpoints import checkpoint_is_whole, checkpoint_path, load_checkpoint
from convsweep.records.files import read_sealed, write_sealed
from convsweep.records.journal import Journal, read_record
from convsweep.runs.stack import Job, run_stack

CHECKPOINTS = [f"checkpoints/epoch_{epoch:03d}.npz" for epoch in range(4)]
FILES = ["events.jsonl", "result.json", "config.yaml", *CHECKPOINTS]


@dataclass(frozen=True)
class Finished:
    """An undisturbed run: its job, and its files' content by their names."""

    job: Job
    files: dict[str, bytes] = field(repr=False)  # hypothesis shows what it calls a test with


# Damage: each strategy gives a function from a file's content to other content


def cut(content, share):
    return content[: int(share * len(content))]


def zeros_from(content, share):
    start = int(share * len(content))
    return content[:start] + bytes(len(content) - start)


def overwrite(content, share, byte):
    place = int(share * len(content))
    return content[:place] + bytes([byte]) + content[place + 1 :]


def lose_line(content, share):
    lines = content.splitlines(keepends=True)
    place = int(share * len(lines))
    return b"".join(lines[:place] + lines[place + 1 :])


def swap_lines(content, share):
    lines = content.splitlines(keepends=True)
    place = int(share * max(len(lines) - 1, 0))
    lines[place : place + 2] = reversed(lines[place : place + 2])
    return b"".join(lines)


def repeat_line(content, share):
    lines = content.splitlines(keepends=True)
    place = int(share * len(lines))
    return b"".join(lines[: place + 1] + lines[place:])


shares = st.floats(0, 1, exclude_max=True)
damages = st.one_of(
    st.builds(lambda share: ("cut", lambda content: cut(content, share)), shares),
    st.builds(lambda share: ("zeros", lambda content: zeros_from(content, share)), shares),
    st.builds(
        lambda share, byte: ("overwritten", lambda content: overwrite(content, share, byte)),
        shares,
        st.integers(0, 255),
    ),
    st.builds(lambda share: ("a line lost", lambda content: lose_line(content, share)), shares),
    st.builds(lambda share: ("lines swapped", lambda content: swap_lines(content, share)), shares),
    st.builds(lambda share: ("a line twice", lambda content: repeat_line(content, share)), shares),
    st.builds(lambda text: ("other bytes", lambda _: text), st.binary(max_size=300)),
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    job = small_job(tmp_path_factory.mktemp("mlruns"))
    assert run_stack([job]) == {}
    files = {str(p.relative_to(job.directory)): p.read_bytes() for p in job.directory.rglob("*") if p.is_file()}
    assert set(FILES) < set(files)
    assert read_record(job.directory).damage == ()
    return Finished(job, files)


@pytest.fixture
def write(tmp_path):
    """Return a function that makes a run's directory of files' content, anew at each call."""
    directory = tmp_path / "run"

    def write(files):
        shutil.rmtree(directory, ignore_errors=True)
        (directory / "checkpoints").mkdir(parents=True)
        for name, content in files.items():
            if not name.startswith("figures/"):
                (directory / name).write_bytes(content)
        return directory

    return write


def assert_can_be_trusted(record, original):
    """What is left of a record is the beginning of the original, up to an epoch's end whose checkpoint is whole."""
    assert record.entries == original.entries[: len(record.entries)]
    for entry in record.entries:
        if isinstance(entry.event, EpochEnd):
            path = checkpoint_path(record.directory, entry.event.epoch)
            assert checkpoint_is_whole(path, entry.checkpoint_sha256)
    if record.entries and record.result is None:
        assert isinstance(record.entries[-1].event, EpochEnd)
        assert record.checkpoint().epoch == record.last_epoch


@given(name=st.sampled_from(FILES), damage=damages)
@example(name="result.json", damage=("no end of line", lambda content: content[:-1]))
@example(name="result.json", damage=("other layout", lambda content: content.replace(b"\n  ", b"\n\t ")))
@example(name="result.json", damage=("brackets", lambda _: b"[" * 200_000))
@example(name="result.json", damage=("a number", lambda _: b"1"))
@example(name="result.json", damage=("empty", lambda _: b""))
@example(name="events.jsonl", damage=("empty", lambda _: b""))
@example(name="config.yaml", damage=("empty", lambda _: b""))
@example(name=CHECKPOINTS[3], damage=("empty", lambda _: b""))
@example(name="events.jsonl", damage=("last line lost", lambda content: b"".join(content.splitlines(True)[:-1])))
def test_a_finished_record_with_any_damage_is_not_accepted_and_the_damage_is_named(finished, write, name, damage):
    job, files = finished.job, finished.files
    damaged = damage[1](files[name])
    assume(damaged != files[name])
    record = read_record(write(files | {name: damaged}))
    assert record.result is None
    assert any(name in sentence for sentence in record.damage)
    assert_can_be_trusted(record, read_record(job.directory))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("how", ["missing", "a folder", "a folder with a file"])
def test_a_finished_record_without_one_of_its_files_is_not_accepted(finished, write, name, how):
    job, files = finished.job, finished.files
    directory = write(files)
    (directory / name).unlink()
    if how != "missing":
        (directory / name).mkdir()
    if how == "a folder with a file":
        (directory / name / "file").touch()
    record = read_record(directory)
    assert record.result is None
    assert any(name in sentence for sentence in record.damage) or (name, how) == ("result.json", "missing")
    assert_can_be_trusted(record, read_record(job.directory))


@given(name=st.sampled_from(["events.jsonl", *CHECKPOINTS]), damage=damages, lines=st.integers(0, 14))
def test_an_unfinished_record_with_any_damage_goes_on_from_the_last_epoch_that_is_whole(
    finished, write, name, damage, lines
):
    """Its file of events may end with a line that was being written when the process was killed."""
    job, files = finished.job, finished.files
    events = b"".join(files["events.jsonl"].splitlines(keepends=True)[:lines]) + b'{"event": "wind'
    unfinished = {n: content for n, content in files.items() if n != "result.json"} | {"events.jsonl": events}
    unfinished[name] = damage[1](unfinished[name])
    record = read_record(write(unfinished))
    assert record.result is None
    assert_can_be_trusted(record, read_record(job.directory))


def test_a_line_that_was_being_written_is_not_called_damage(finished, write):
    files = finished.files
    unfinished = {name: content for name, content in files.items() if name != "result.json"}
    record = read_record(write(unfinished | {"events.jsonl": files["events.jsonl"][:-7]}))
    assert record.damage == ()
    assert record.last_epoch == 2


@given(name=st.sampled_from(["events.jsonl", "config.yaml", *CHECKPOINTS]), damage=damages)
def test_opening_a_damaged_record_leaves_one_that_nothing_is_wrong_with(finished, write, name, damage):
    job, files = finished.job, finished.files
    damaged = damage[1](files[name])
    assume(damaged != files[name])
    directory = write(files | {name: damaged, "failure.json": b"{", ".result.json.17.tmp": b"half"})
    Journal(directory, job.config).close()
    record = read_record(directory)
    assert (record.result, record.damage) == (None, ())
    assert_can_be_trusted(record, read_record(job.directory))
    assert not (directory / "result.json").exists()
    assert not (directory / "failure.json").exists()
    assert not list(directory.rglob("*.tmp"))


TRAINED_AGAIN = {
    "events that lost their last line": ("events.jsonl", lambda content: b"".join(content.splitlines(True)[:-1])),
    "events with a byte overwritten": ("events.jsonl", lambda content: overwrite(content, 0.5, 255)),
    "events filled with zeros from the middle": ("events.jsonl", lambda content: zeros_from(content, 0.6)),
    "events with lines swapped": ("events.jsonl", lambda content: swap_lines(content, 0.3)),
    "no events": ("events.jsonl", lambda _: b""),
    "a cut result": ("result.json", lambda content: content[:40]),
    "a result of another program": ("result.json", lambda _: b"\xff\xfe"),
    "a changed configuration": ("config.yaml", lambda content: content.replace(b"epochs: 3", b"epochs: 4")),
    "a damaged last checkpoint": (CHECKPOINTS[3], lambda content: overwrite(content, 0.9, 7)),
    "an empty first checkpoint": (CHECKPOINTS[0], lambda _: b""),
    "zip headers that say something else": (
        CHECKPOINTS[2],
        lambda content: content.replace(b"PK\x03\x04", b"PK\x03\x14"),
    ),
}


@pytest.mark.parametrize("damage", TRAINED_AGAIN)
def test_a_damaged_run_is_trained_again_to_the_same_bits(finished, tmp_path, damage):
    original, files = finished.job, finished.files
    job = small_job(tmp_path)
    shutil.copytree(original.directory, job.directory)
    name, change = TRAINED_AGAIN[damage]
    (job.directory / name).write_bytes(change(files[name]))
    assert run_stack([job]) == {}
    assert_same_bits(job.directory, original.directory)


@pytest.mark.parametrize("name", ["events.jsonl", "result.json", "config.yaml", CHECKPOINTS[1], "checkpoints"])
def test_a_run_with_a_folder_or_a_file_in_the_wrong_place_is_trained_again_to_the_same_bits(finished, tmp_path, name):
    original = finished.job
    job = small_job(tmp_path)
    shutil.copytree(original.directory, job.directory)
    if name == "checkpoints":
        shutil.rmtree(job.directory / name)
        (job.directory / name).write_bytes(b"a file")
    else:
        (job.directory / name).unlink()
        (job.directory / name / "folder").mkdir(parents=True)
    assert run_stack([job]) == {}
    assert_same_bits(job.directory, original.directory)


def test_deleted_figures_are_drawn_again_and_nothing_else_is_touched(finished, tmp_path):
    original, files = finished.job, finished.files
    job = small_job(tmp_path)
    shutil.copytree(original.directory, job.directory)
    shutil.rmtree(job.directory / "figures")
    assert run_stack([job]) == {}
    assert {str(path.relative_to(job.directory)) for path in job.directory.rglob("*") if path.is_file()} == set(files)
    for name in FILES:
        assert (job.directory / name).read_bytes() == files[name]


def assert_same_bits(directory, original):
    """Two records hold the same run: all events but for their times, every array of every checkpoint."""
    ours, theirs = read_record(directory), read_record(original)
    assert (ours.damage, theirs.damage) == ((), ())
    assert ours.events == theirs.events
    measured = ("outcome", "epoch", "step", "valid_loss", "valid_accuracy", "test_loss", "test_accuracy")
    assert [getattr(ours.result, name) for name in measured] == [getattr(theirs.result, name) for name in measured]
    assert [entry.checkpoint_sha256 for entry in ours.entries] == [entry.checkpoint_sha256 for entry in theirs.entries]
    for epoch in range(theirs.last_epoch + 1):
        for array, other in zip(ours.checkpoint(epoch).parameters, theirs.checkpoint(epoch).parameters, strict=True):
            assert array.dtype == other.dtype
            np.testing.assert_array_equal(array, other)


def test_a_checkpoint_comes_back_as_it_was_saved(finished):
    job = finished.job
    record = read_record(job.directory)
    end = next(entry for entry in record.entries if isinstance(entry.event, EpochEnd) and entry.event.epoch == 2)
    loaded = load_checkpoint(checkpoint_path(job.directory, 2), str(end.checkpoint_sha256))
    assert loaded.epoch == 2
    assert [array.shape for array in loaded.parameters] == [(2, 3, 3), (338, 10), (10,)]


def test_a_result_of_before_processor_kernels_and_attempts_were_recorded_is_still_read(finished, write):
    directory = write(finished.files)
    fields = read_sealed(directory / "result.json") or {}
    del fields["cpu"], fields["blas_kernel"], fields["attempts"]
    write_sealed(directory / "result.json", fields)
    result = read_record(directory).result
    assert result._asdict() == fields | {"cpu": None, "blas_kernel": None, "attempts": ()}
