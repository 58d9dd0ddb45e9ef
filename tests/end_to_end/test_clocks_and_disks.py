"""Dask on hosts whose clocks differ, and whose shared disk is full, slow or late: the records are the same bits.

A slow disk is a FUSE file system of a host's own before the shared folder. It goes on saying for some seconds that a
file which another host has made isn't there, as NFS does.
"""

import shutil
import sqlite3
import subprocess
from contextlib import closing, contextmanager, nullcontext

import pytest
from clusters import DaskCluster
from shifted_clocks import needs_compiler, shifted
from training_sweeps import LONG, assert_went_on, paused, written

from convsweep.records.journal import read_record, read_result

MINUTES = 7
TRACKED = tuple(word for word in LONG if word != "tracking.enabled=false")
LATE = "bindfs -f -o negative_timeout=3,entry_timeout=3,attr_timeout=0 --multithreaded --enable-lock-forwarding"
SLOW = "strace -f --seccomp-bpf -qqq -o /dev/null -e trace=fsync -e inject=fsync:delay_enter=700000"


def needs(**packages):
    """Skip where a program is missing, and name Debian's package that holds it."""
    missing = [package for program, package in packages.items() if shutil.which(program) is None]
    return pytest.mark.skipif(bool(missing), reason=f"needs Debian's package {' and '.join(missing)}")


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    """A Dask cluster of two hosts, without workers."""
    with DaskCluster.running(tmp_path_factory.mktemp("dask"), workers=()) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def undisturbed(new_workplace):
    """The long sweep in processes of this machine."""
    workplace = new_workplace(store=False)
    assert workplace.convsweep("train", "-m", *LONG).status == 0
    return workplace


@contextmanager
def workers(dask, first, second):
    """Have a worker on each host while the body runs, each started with arguments of its own."""
    try:
        dask.start_worker(1, **first)
        dask.start_worker(2, **second)
        yield
    finally:
        for name in dask.daemons.running.keys() & {"worker1", "worker2"}:
            dask.daemons.kill(name)


@needs_compiler
def test_clocks_that_differ_by_minutes_change_no_bit_and_no_run_ends_before_it_begins(
    dask, on_dask, undisturbed, workplace, same, events_of, tmp_path
):
    """Two runs begin on the host that is ahead; it is killed, and the one that is behind goes on with them."""
    ahead, behind = (shifted(tmp_path, minutes * 60) for minutes in (MINUTES, -MINUTES))
    with workers(dask, ahead, behind), workplace.running(*on_dask, *TRACKED) as program:
        program.until(lambda: workplace.all_begun(4))
        with paused(workplace):
            before = written(workplace)
            dask.daemons.kill("worker1")
        ending = program.end()
    assert (ending.status, ending.err) == (0, "")
    assert_went_on(before, workplace)
    same(workplace, undisturbed)
    records = [read_record(directory) for directory in workplace.records()]
    backwards = [record.entries[0].time - record.result.time for record in records]
    assert sum(seconds > MINUTES * 60 for seconds in backwards) == 2
    assert all(0 <= record.result.seconds < MINUTES * 60 for record in records)
    for run in workplace.runs():
        evaluations = [event for event in events_of(workplace.record(run)) if event.get("split") == "valid"]
        assert run.metric("valid/accuracy") == [(event["step"], event["accuracy"]) for event in evaluations]
    with closing(sqlite3.connect(workplace.mlruns / "mlflow.db")) as store:
        shown = store.execute("SELECT status, end_time >= start_time FROM runs").fetchall()
    assert shown == [("FINISHED", True)] * 5


@pytest.mark.parametrize("executor", ["local", "dask"])
def test_a_full_disk_is_told_in_one_line_and_once_it_has_room_the_same_command_goes_on(
    dask, on_dask, undisturbed, bare_workplace, same, mount, executor
):
    import distributed

    again = mount(bare_workplace.mlruns, "size=2m")
    command = (*on_dask, *LONG) if executor == "dask" else ("train", "-m", *LONG)
    with workers(dask, {}, {}) if executor == "dask" else nullcontext():
        assert "No space left on device" in bare_workplace.convsweep(*command).only_line
        with distributed.Client(dask.address) as client:
            assert not client.list_datasets()
            assert not any(client.processing().values())
        records = [read_record(directory) for directory in bare_workplace.records()]
        assert [record.damage for record in records] == [()] * 4
        assert None in [record.result for record in records]
        before = written(bare_workplace)
        again("size=64m")
        ending = bare_workplace.convsweep(*command)
    assert (ending.status, ending.err) == (0, "")
    assert_went_on(before, bare_workplace)
    same(bare_workplace, undisturbed)


@pytest.fixture
def disks(bare_workplace, tmp_path):
    """Show a folder as ``mlruns`` through such a file system; yield what a worker needs for one of its own."""
    shared, seen = tmp_path / "shared", bare_workplace.mlruns
    shared.mkdir()
    seen.mkdir()

    def disk(slow=""):
        mount = f"umount {seen}; {slow} {LATE} {shared} {seen}"
        return {"setup": f"{mount} & until mountpoint -q {seen}; do sleep 0.1; done"}

    mounted = subprocess.run(
        [*LATE.replace(" -f", "").split(), shared, seen], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"needs FUSE: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", seen], check=True, capture_output=True)


@needs(bindfs="bindfs", strace="strace")
def test_a_slow_disk_that_shows_files_late_costs_time_but_no_bit_and_no_epoch(
    dask, on_dask, undisturbed, bare_workplace, same, disks
):
    """A host is killed on the way; the disk of the other, which goes on, takes long to write."""
    with workers(dask, disks(), disks(SLOW)), bare_workplace.running(*on_dask, *LONG) as program:
        program.until(lambda: bare_workplace.all_begun(4))
        with paused(bare_workplace):
            before = written(bare_workplace)
            dask.daemons.kill("worker1")
        ending = program.end()
    assert (ending.status, ending.err) == (0, "")
    assert_went_on(before, bare_workplace)
    same(bare_workplace, undisturbed)
    assert {read_result(record).host for record in bare_workplace.records()} == {"host2"}
