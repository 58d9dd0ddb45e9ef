"""The thread that waits for Slurm's tasks, with commands in the place of Slurm's: whoever waits hears of the end."""

import os
import pickle
import time

import pytest
from configurations import small_job, small_sweep

from convsweep.records.sweep import write_sweep
from convsweep.runs.executors import slurm
from convsweep.runs.executors.checks import make_demands
from convsweep.runs.executors.slurm import Settings, Slurm

PATIENCE = 60  # seconds
SETTINGS = Settings(partition=None, account=None, time=1, cpus=1, memory=None, options={}, at_once=None)


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """A folder of commands: a queue in which task 7 waits for ever."""
    pytest.importorskip("submitit")
    folder = tmp_path / "bin"
    folder.mkdir()
    texts = {"sbatch": "echo Submitted batch job 7", "squeue": "echo 7", "scancel": "true", "srun": "true"}
    for name, text in texts.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(slurm, "INTERVAL", 0.02)
    monkeypatch.setattr(slurm, "QUEUE_INTERVAL", 0.02)
    return folder


@pytest.fixture
def engine(commands, tmp_path):  # noqa: ARG001 - they must be there
    job = small_job(tmp_path)
    write_sweep(tmp_path, small_sweep([job], job.sweep))
    engine = Slurm(SETTINGS, make_demands(tmp_path, job.sweep, None))
    yield engine
    engine.close()


def replace(command, text):
    """Put another command in a command's place, which never is there in part."""
    new = command.with_suffix(".new")
    new.write_bytes(text)
    new.chmod(0o755)
    new.replace(command)


def asked_for(path, times):
    """Wait until a file has so many lines."""
    deadline = time.monotonic() + PATIENCE
    while not path.exists() or len(path.read_text().splitlines()) < times:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("broken", [b"not a program", b"#!/bin/sh\nprintf '\xff 7\n'", b"#!/bin/sh\nexit 1\n"])
def test_a_queue_that_cannot_be_asked_for_a_while_does_not_end_the_wait(commands, engine, tmp_path, broken):
    (future,) = engine.submit([(small_job(tmp_path),)])
    working = (commands / "squeue").read_bytes()
    replace(commands / "squeue", broken)
    time.sleep(0.5)  # it is asked meanwhile
    replace(commands / "squeue", working + f"echo asked >> {tmp_path}/asked\n".encode())
    asked_for(tmp_path / "asked", 4)
    assert not future.done(), future.exception()
    (pending,) = engine._pending.values()
    pending.job.paths.result_pickle.write_bytes(pickle.dumps(("success", "what was trained")))
    assert future.result(PATIENCE) == "what was trained"


def test_a_fault_in_the_waiting_thread_is_handed_to_whoever_waits(engine, tmp_path, monkeypatch):
    def fault(*_):
        raise LookupError("nobody expected this")

    (future,) = engine.submit([(small_job(tmp_path),)])
    monkeypatch.setattr(engine, "_queue", fault)
    with pytest.raises(LookupError, match="nobody expected this"):
        future.result(PATIENCE)
