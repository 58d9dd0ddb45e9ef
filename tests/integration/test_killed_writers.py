"""Writers that are killed outright."""

import os
import pickle
import shutil
import signal
import subprocess
import sys

import pytest
from configurations import small_job, small_sweep

from convsweep.records.files import remove_temporary_files
from convsweep.records.journal import anew_directory, read_record, run_directory
from convsweep.records.provenance import Provenance
from convsweep.records.sweep import sweep_directory
from convsweep.runs.launch import open_launch
from convsweep.runs.stack import run_stack

PROVENANCE = Provenance(None, None, {})


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path):
    """The writer is really killed: after its temporary file is there, before it is renamed."""
    program = """
import os, signal, sys
from pathlib import Path
from convsweep.records import files
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
files.write_whole(Path(sys.argv[1]), b"content")
"""
    (tmp_path / "checkpoints").mkdir()
    for name in ("result.json", "checkpoints/epoch_000.npz"):
        killed = subprocess.run([sys.executable, "-c", program, tmp_path / name], check=False)
        assert killed.returncode == -9
    keep = tmp_path / "notes.tmp"
    keep.touch()
    assert len(list(tmp_path.rglob("*.tmp"))) == 3
    remove_temporary_files(tmp_path, alone=False)
    assert list(tmp_path.rglob("*.tmp")) == [keep]


def test_a_launch_leaves_the_file_that_another_process_is_writing_in_the_sweeps_folder(tmp_path):
    """The writer, such as a mirror, is really halted amid its work, and goes on after the launch has begun."""
    program = """
import os, signal, sys
from pathlib import Path
from convsweep.records import files
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGSTOP)
files.write_whole(Path(sys.argv[1]), b"7")
"""
    job = small_job(tmp_path)
    sweep = small_sweep([job], job.sweep)
    launch = open_launch(tmp_path, sweep, lambda: PROVENANCE)
    directory = sweep_directory(tmp_path, sweep.id)
    with subprocess.Popen([sys.executable, "-c", program, directory / "mirrored-0"]) as writer:
        os.waitid(os.P_PID, writer.pid, os.WSTOPPED)
        foreign = directory / ".mirrored-1.elsewhere.1.0123abcd.tmp"  # of a process on another host
        foreign.touch()
        assert launch.try_lock()
        assert len(list(directory.glob(".*.tmp"))) == 2
        os.kill(writer.pid, signal.SIGCONT)
        assert writer.wait() == 0
    assert (directory / "mirrored-0").read_bytes() == b"7"
    launch.release()
    os.utime(foreign, (0, 0))
    assert launch.try_lock()
    launch.release()
    assert not list(directory.glob(".*.tmp"))


DRAW = """
import os, pickle, signal, sys
from convsweep.runs.stack import run_stack

jobs = pickle.load(sys.stdin.buffer)

def strike(event, arguments):
    if event == "open" and "figures" in str(arguments[0]) and str(arguments[0]).startswith(str(jobs[0].config.mlruns)):
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(strike)
run_stack(jobs)
"""


def test_a_run_that_is_killed_while_its_figures_are_drawn_has_the_same_seconds_in_the_end(tmp_path):
    """The first of a stack of two is struck; the other one has not even ended its last epoch."""
    jobs = [small_job(tmp_path, number, {"train.seed": number}) for number in range(2)]
    killed = subprocess.run([sys.executable, "-c", DRAW], input=pickle.dumps(jobs), check=False)
    assert killed.returncode == -9
    before = read_record(jobs[0].directory)
    assert (before.result, before.last_epoch) == (None, 3)
    assert run_stack(jobs) == {}
    after = read_record(jobs[0].directory)
    assert after.entries == before.entries
    assert before.entries[-1].seconds is not None
    assert after.result.seconds == round(before.entries[-1].seconds, 3) > 0


TRAIN_ANEW = """
import os, pickle, signal, sys
from convsweep.pictures.figures import draw_figures  # what takes long is imported once
from convsweep.runs.stack import run_stack

job, operations = pickle.load(sys.stdin.buffer)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
for operation, mlruns in operations:
    process = os.fork()
    if process == 0:
        left = [operation]

        def strike(event, arguments):
            writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING
            if writes or event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir"):
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(strike)
        config = job.config.model_copy(update={"mlruns": mlruns})
        os._exit(1 if run_stack([job._replace(config=config)]) else 0)
    print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)
"""


class TestTrainingAnew:
    """``rerun=true``, killed before one of its file operations: no result is ever gone."""

    @pytest.fixture(scope="class")
    @classmethod
    def killed(cls, tmp_path_factory):
        """A run trained anew: its job and record before, and a folder for each kill with how the process ended."""
        folder = tmp_path_factory.mktemp("anew")
        job = small_job(folder / "whole", 0, {"train.epochs": 1})
        assert run_stack([job]) == {}
        anew_directory(folder / "whole", job.run_key).mkdir(parents=True)
        # all of the last ones: the record takes the place of the earlier
        operations = [(number, folder / str(number)) for number in (*range(0, 40, 8), *range(45, 70))]
        for _, mlruns in operations:
            shutil.copytree(folder / "whole", mlruns)
        given = pickle.dumps((job._replace(anew=True, sweep="again"), operations))
        done = subprocess.run([sys.executable, "-c", TRAIN_ANEW], input=given, capture_output=True, check=True)
        statuses = [int(line) for line in done.stdout.split()]
        return job, read_record(job.directory), [mlruns for _, mlruns in operations], statuses

    def test_the_kills_reach_to_its_very_end(self, killed):
        *_, statuses = killed
        assert statuses == sorted(statuses)
        assert set(statuses) == {-9, 0}

    def test_a_whole_result_is_there_after_each_of_them(self, killed):
        job, before, folders, _ = killed
        places = []
        for mlruns in folders:
            there = [run_directory(mlruns, job.run_key), anew_directory(mlruns, job.run_key)]
            records = [read_record(directory) for directory in there]
            places.append(next(place for place, record in enumerate(records) if record.result is not None))
            assert records[places[-1]].damage == ()
            assert records[places[-1]].events == before.events
        assert places.count(1) <= 1  # between two renames only the new record is in its own place

    def test_the_same_again_ends_with_the_new_record_in_place_and_nothing_else(self, killed):
        job, before, folders, _ = killed
        for mlruns in folders:
            config = job.config.model_copy(update={"mlruns": mlruns})
            again = job._replace(config=config, anew=True, sweep="again")
            assert run_stack([again]) == {}
            record = read_record(run_directory(mlruns, job.run_key))
            assert (record.result.sweep, record.damage) == ("again", ())
            assert [(entry.event, entry.checkpoint_sha256) for entry in record.entries] == [
                (entry.event, entry.checkpoint_sha256) for entry in before.entries
            ]
            assert list((mlruns / "anew").iterdir()) == []
            assert list(mlruns.rglob("*.tmp")) == []
