"""A sweep on a cluster without its command: what MLflow shows, and what `watch` does, until its jobs have ended."""

import shutil
import subprocess
import sys
import threading

import pytest
from store_content import read_statuses
from sweeps_on_disk import record

from convsweep.records.sweep import is_mirrored, read_sweep
from convsweep.runs.stack import run_stack
from convsweep.tracking.mirror import sync

PATIENCE = 300  # seconds until a process that should have said something is given up on


@pytest.mark.parametrize(
    "changes", [{"state": "detached"}, {"state": "running", "on_cluster": True}], ids=["left", "command killed"]
)
def test_a_sweep_on_a_cluster_runs_until_its_jobs_have_ended_and_is_finished_then(
    tables, tmp_path, follow_once, changes
):
    recorded = record(tmp_path, ["train.seed=0"], ["train.seed=1"], train=False)
    shutil.copy(tables, recorded.mlruns)
    recorded.write(**changes, ended=None)
    assert run_stack(recorded.jobs[:1]) == {}
    assert follow_once(recorded) == (True, [])  # the mirror of the command that leaves
    assert read_statuses(recorded.database)["sweep seed"] == "RUNNING"
    for _ in range(2):
        list(sync(recorded.mlruns))
        assert read_statuses(recorded.database) == {"sweep seed": "RUNNING", "train.seed=0": "FINISHED"}
        assert not is_mirrored(recorded.mlruns, recorded.sweep.id)
    assert run_stack(recorded.jobs[1:]) == {}
    list(sync(recorded.mlruns))
    assert set(read_statuses(recorded.database).values()) == {"FINISHED"}
    assert read_sweep(recorded.mlruns, recorded.sweep.id).state == "finished"
    assert is_mirrored(recorded.mlruns, recorded.sweep.id)


def test_watch_names_a_sweep_that_nobody_trains_and_waits_for_it_all_the_same(tmp_path):
    """Its tasks may wait in a queue for days."""
    recorded = record(tmp_path, ["train.seed=0"], train=False)
    recorded.write(state="detached", ended=None)
    program = (
        "import sys; from convsweep.runs import watch; watch.QUIET = 0.5; from convsweep.commands.main import main; "
        "sys.argv[0] = 'convsweep'; main()"
    )
    command = [sys.executable, "-c", program, "watch", "--mlruns", recorded.mlruns, recorded.sweep.id]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
        too_long = threading.Timer(PATIENCE, watching.kill)
        too_long.start()
        try:
            assert watching.stdout.readline().endswith(": 1 job\n")
            assert watching.stdout.readline().startswith("No process trains it, and nothing was written since 20")
            assert run_stack(recorded.jobs) == {}
            ended, all_ended = watching.stdout.readlines()
        finally:
            too_long.cancel()
            watching.kill()
    assert "valid accuracy" in ended
    assert all_ended.startswith("All jobs have ended")
