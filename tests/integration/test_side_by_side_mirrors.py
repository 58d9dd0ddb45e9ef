"""Several mirrors of one sweep: MLflow shows what one mirror leaves, whichever of them was killed in between."""

import os
import random
import shutil
import signal
import threading
import time

import psutil
import pytest
from store_content import read_content, read_ids, read_statuses
from sweeps_on_disk import kill, mirror_to_its_end

from convsweep.records.mirrored import num_mirrored
from convsweep.records.sweep import launch_lock
from convsweep.tracking.mirror import follow

MIRRORS = 3


def helpers_of(process):
    """The processes that help a mirror, which have begun with their work or are about to."""
    children = psutil.Process(process).children(recursive=True)
    return [child for child in children if "convsweep.tracking.mirror_process" in " ".join(child.cmdline())]


def test_mirrors_side_by_side_leave_what_one_does(recorded, content_of):
    closed = threading.Event()
    closed.set()
    told: list[str] = []
    assert follow(recorded.mlruns, recorded.sweep.id, closed, told.append, mirrors=MIRRORS)
    assert told == []
    assert read_content(recorded.database) == content_of
    assert num_mirrored(recorded.mlruns, recorded.sweep.id) == 3
    assert helpers_of(os.getpid()) == []


@pytest.fixture
def growing(trained, tables, tmp_path):
    """A sweep that nothing has happened of yet, and what lets its jobs be recorded."""
    growing = trained.copy(tmp_path)
    shutil.rmtree(growing.mlruns / "runs")
    shutil.copy(tables, growing.mlruns)
    growing.write(state="running", ended=None)
    return growing, lambda number: shutil.copytree(trained.run(number), growing.run(number))


def test_a_helper_sends_its_jobs_while_the_launch_lives_and_what_it_left_is_sent_when_it_was_killed(
    growing, follow_live, content_of
):
    growing, grow = growing
    with launch_lock(growing.mlruns, growing.sweep.id):
        following = follow_live(growing, mirrors=2)
        grow(1)  # of the second share
        following.until(lambda: read_statuses(growing.database).get("train.learning_rate=1000.0") == "FINISHED")
        following.until(lambda: num_mirrored(growing.mlruns, growing.sweep.id) == 1)
        (helper,) = helpers_of(os.getpid())
        helper.kill()
        grow(0)
        grow(2)
        growing.write()
    assert following.close()
    assert read_content(growing.database) == content_of


def test_only_one_process_sends_a_job_whoever_was_killed_before(recorded, killable, content_of):
    """Leaders are killed amid their work; their helpers go on for seconds, and the next leader waits for them."""
    rng = random.Random(3)
    for _ in range(4):
        process = killable(mirror_to_its_end, recorded.mlruns, recorded.sweep.id, MIRRORS)
        process.join(rng.uniform(1, 4))
        if process.is_alive() and rng.random() < 0.5:
            for helper in helpers_of(process.pid)[:1]:
                helper.send_signal(signal.SIGKILL)
        kill(process)
    process = killable(mirror_to_its_end, recorded.mlruns, recorded.sweep.id, MIRRORS)
    process.join()
    assert process.exitcode == 0
    assert read_content(recorded.database) == content_of
    assert len(read_ids(recorded.database)) == len(content_of)  # none was made twice and deleted


def test_helpers_end_soon_after_their_leader_was_killed(growing, killable):
    growing, _ = growing
    with launch_lock(growing.mlruns, growing.sweep.id):
        process = killable(follow_until_killed, growing.mlruns, growing.sweep.id)
        deadline = time.monotonic() + 60
        while len(helpers_of(process.pid)) < MIRRORS - 1:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        helpers = helpers_of(process.pid)
        kill(process)
        _, alive = psutil.wait_procs(helpers, timeout=60)
    assert alive == []


def follow_until_killed(mlruns, sweep_id):
    """Mirror a sweep whose launch never ends."""
    follow(mlruns, sweep_id, threading.Event(), print, mirrors=MIRRORS)


def test_sync_divides_the_jobs_of_a_sweep_that_is_over(recorded, content_of, monkeypatch):
    from convsweep.tracking import mirror

    monkeypatch.setattr(mirror, "FEW_JOBS", 0)  # a sweep of three is enough
    (synced,) = mirror.sync(recorded.mlruns, mirrors=2)
    assert (synced.num_sent, synced.problems) == (3, ())
    assert read_content(recorded.database) == content_of
    (again,) = mirror.sync(recorded.mlruns, mirrors=2)
    assert again.num_sent == 0
    assert read_content(recorded.database) == content_of
