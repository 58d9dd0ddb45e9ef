"""What MLflow shows of a sweep that its command has left to a cluster: that it runs, until its jobs have ended."""

import shutil

from store_content import read_statuses
from sweeps_on_disk import record

from convsweep.records.sweep import is_mirrored, read_sweep
from convsweep.runs.stack import run_stack
from convsweep.tracking.mirror import sync


def test_a_detached_sweep_runs_until_its_jobs_have_ended_and_is_finished_then(tables, tmp_path, follow_once):
    recorded = record(tmp_path, ["train.seed=0"], ["train.seed=1"], train=False)
    shutil.copy(tables, recorded.mlruns)
    recorded.write(state="detached", ended=None)
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
