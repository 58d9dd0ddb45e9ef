"""The files on a sweep's page: made by the launch, and by the mirror only where the launch could not."""

import os
import shutil

import pytest

from convsweep.compare.sweep_files import FILES, current_files, found_files, write_files


def written(recorded):
    """Return when each file was written."""
    return {path.name: path.stat().st_mtime_ns for path in found_files(recorded.mlruns, recorded.sweep)}


@pytest.fixture
def made(recorded):
    """A sweep whose launch has made the files."""
    write_files(recorded.mlruns, recorded.sweep)
    return recorded


def test_the_mirror_sends_the_files_that_the_launch_made(made, follow_once):
    before = written(made)
    assert before.keys() == set(FILES)
    assert follow_once(made) == (True, [])
    assert written(made) == before


def test_the_mirror_makes_them_if_the_launch_did_not(recorded, follow_once):
    assert follow_once(recorded) == (True, [])
    assert written(recorded).keys() == set(FILES)


def test_a_record_that_came_from_elsewhere_since_makes_them_anew_whatever_its_files_times(made, tmp_path):
    before = written(made)
    shutil.move(made.run(0), tmp_path / "elsewhere")
    shutil.copytree(tmp_path / "elsewhere", made.run(0))  # keeps the times
    assert all(path.stat().st_mtime_ns > before[path.name] for path in current_files(made.mlruns, made.sweep))


def test_a_record_that_changes_where_the_clock_is_behind_makes_them_anew(made):
    """Some shared disks take a file's time from the host that writes it: here, that of the launch is minutes ahead."""
    for path in found_files(made.mlruns, made.sweep):
        os.utime(path, ns=(path.stat().st_mtime_ns + 7 * 60 * 10**9,) * 2)
    before = written(made)
    (made.run(0) / "result.json").unlink()
    assert all(path.stat().st_mtime_ns != before[path.name] for path in current_files(made.mlruns, made.sweep))


def test_a_file_that_is_missing_is_made_again(made):
    (made.mlruns / "sweeps" / made.sweep.id / FILES[0]).unlink()
    assert [path.name for path in current_files(made.mlruns, made.sweep)] == list(FILES)


def test_a_sweep_without_a_finished_run_has_none(recorded):
    for number in range(3):
        (recorded.run(number) / "result.json").unlink()
    assert current_files(recorded.mlruns, recorded.sweep) == []
