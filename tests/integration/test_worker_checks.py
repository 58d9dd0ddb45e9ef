"""A cluster's worker is examined before it trains: each way in which it can be unfit is told in one line."""

import os
import pickle
import platform
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sweeps_on_disk import record
from worker_modules import page_faults_an_image

from convsweep.errors import UserError
from convsweep.records.journal import read_failure, read_result
from convsweep.records.machine import blas_kernel
from convsweep.records.sweep import launch_lock
from convsweep.runs.executors import checks, dask
from convsweep.runs.executors.checks import beat, examine, make_demands
from convsweep.runs.executors.child import call_in_process
from convsweep.runs.executors.engine import different_kernels
from convsweep.runs.executors.environment import environment
from convsweep.runs.executors.worker import train_stack
from convsweep.runs.stack import run_stack

TESTS = Path(__file__).parents[1]


@pytest.fixture
def recorded(tmp_path):
    """A sweep of one job that has not begun, whose launch is at work according to its record."""
    recorded = record(tmp_path, (), train=False)
    recorded.write(state="running", ended=None)
    return recorded


@pytest.fixture
def demands(recorded):
    return make_demands(recorded.mlruns, recorded.sweep.id, None)


@pytest.fixture
def launch(recorded):
    """A launch of that sweep, in this process."""
    lock = launch_lock(recorded.mlruns, recorded.sweep.id)
    lock.acquire()
    yield
    lock.release()


@pytest.fixture
def find_problems(recorded):
    """Examine this process, or another one."""

    def find(demands):
        return examine(demands, recorded.jobs[0].config.data).problems

    return find


@pytest.mark.usefixtures("launch")
def test_a_worker_that_is_like_the_launching_host_has_no_problems(demands, find_problems):
    assert find_problems(demands) == ()


@pytest.mark.usefixtures("launch")
@pytest.mark.parametrize(
    ("field", "line"),
    [
        ("python", "Python must be the same as on "),
        ("numpy", "NumPy must be the same as on "),
        ("blas", "NumPy's BLAS must be the same as on "),
        ("code", "the code that computes results must be the same as on "),
        ("kernel", "'hydra.launcher.blas_kernel' must be kernels that NumPy's BLAS has for the processor"),
        ("nonce", "must be the folder of that name on "),
    ],
)
def test_each_difference_is_one_line_with_the_hosts_name(demands, find_problems, field, line):
    (problem,) = find_problems(demands._replace(**{field: "another"}))
    assert problem.startswith(f"{os.uname().nodename}: ")
    assert line in problem


def test_a_lock_that_is_free_here_while_its_launch_lives_elsewhere_is_a_problem(demands, find_problems, monkeypatch):
    """As on a file system whose locks end at the host: two hosts would write one record."""
    monkeypatch.setattr(checks, "BEAT", 0.1)
    over = threading.Event()

    def live():
        while not over.wait(0.1):
            beat(demands.mlruns, demands.sweep)

    heart = threading.Thread(target=live)
    heart.start()
    try:
        (problem,) = find_problems(demands)
    finally:
        over.set()
        heart.join()
    assert "must lie on a file system whose locks hold across hosts" in problem


def test_a_launch_that_was_killed_and_holds_no_lock_is_no_problem(demands, find_problems, monkeypatch):
    """Its stacks go on without it."""
    monkeypatch.setattr(checks, "PATIENCE", 0.5)
    beat(demands.mlruns, demands.sweep)
    assert find_problems(demands) == ()


@pytest.mark.usefixtures("launch")
def test_missing_images_are_a_problem(demands, recorded, tmp_path):
    from convsweep.hydra_app.compose import compose_run

    data = compose_run(["data=mnist", f"data.dir={tmp_path / 'nothing'}", f"mlruns={recorded.mlruns}"]).data
    (problem,) = examine(demands, data).problems
    assert str(tmp_path / "nothing") in problem


@pytest.mark.usefixtures("launch")
def test_a_folder_that_cannot_be_written_to_is_a_problem(demands, recorded, tmp_path):
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("a mount that only one process sees needs root and util-linux")
    asked = tmp_path / "asked"
    asked.write_bytes(pickle.dumps((demands, recorded.jobs[0].config.data)))
    program = (
        "import pickle, sys; from convsweep.runs.executors.checks import examine; "
        "print(*examine(*pickle.load(open(sys.argv[1], 'rb'))).problems, sep='\\n')"
    )
    mounts = 'mount --bind "$1" "$1"; mount -o remount,ro,bind "$1"; shift; exec "$@"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-ec", mounts, "sh", recorded.mlruns, sys.executable, "-c", program, asked],
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = done.stdout.splitlines()
    assert "cannot be written: Read-only file system" in line


@pytest.mark.usefixtures("launch")
def test_an_unfit_worker_trains_nothing(demands, recorded):
    trained = train_stack(tuple(recorded.jobs), demands._replace(code="another"))
    assert len(trained.worker.problems) == 1
    assert not recorded.run(0).exists()


@pytest.mark.skipif(platform.machine() != "x86_64", reason="Haswell's kernels are for x86-64")
@pytest.mark.usefixtures("launch")
def test_a_process_on_a_worker_uses_the_kernels_it_is_told_to(demands, recorded):
    """Whatever kernels this process, which has imported NumPy already, uses itself."""
    told = environment("Haswell")
    trained = call_in_process(train_stack, tuple(recorded.jobs), demands, sweep=demands.sweep, environment=told)
    assert (trained.worker.kernel, trained.worker.problems, trained.failures) == ("Haswell", (), {})
    assert read_result(recorded.run(0)).blas_kernel == "Haswell"


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="how memory is kept is told to glibc")
def test_a_process_on_a_worker_keeps_the_memory_that_training_needs_again_and_again():
    path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    faults = call_in_process(page_faults_an_image, sweep="", environment=environment() | {"PYTHONPATH": path})
    assert faults < 1


@pytest.mark.skipif(platform.machine() != "x86_64", reason="Haswell's kernels are for x86-64")
@pytest.mark.usefixtures("launch")
def test_a_run_that_went_on_with_other_kernels_names_both(demands, recorded):
    told = environment("Haswell")
    call_in_process(train_stack, tuple(recorded.jobs), demands, sweep=demands.sweep, environment=told)
    for name in ("result.json", "checkpoints/epoch_002.npz"):
        (recorded.run(0) / name).unlink()
    assert run_stack(recorded.jobs) == {}
    assert read_result(recorded.run(0)).blas_kernel == "+".join(sorted({"Haswell", blas_kernel()}))


def test_an_unfit_worker_records_why_if_no_command_waits_for_it(demands, recorded):
    recorded.write(state="detached")
    train_stack(tuple(recorded.jobs), demands._replace(code="another"))
    assert "the code that computes results must be the same" in read_failure(recorded.run(0)).text


@pytest.mark.parametrize(
    ("address", "problem"), [("tcp://127.0.0.1:1", "nothing answered within"), ("no/file.json", "which is no file")]
)
def test_an_address_without_a_scheduler_is_told_in_one_line(demands, monkeypatch, address, problem):
    pytest.importorskip("distributed", reason="needs convsweep[dask]")
    monkeypatch.setattr(dask, "PATIENCE", 0.5)
    with pytest.raises(UserError) as refused:
        dask.Dask(address, None, demands)
    (line,) = str(refused.value).splitlines()
    assert line.startswith(
        "'hydra.launcher.address' must be a Dask scheduler's, tcp://HOST:PORT, or its scheduler file"
    )
    assert address in line
    assert problem in line


def test_workers_of_different_kernels_are_named_with_their_hosts(demands, recorded):
    worker = examine(demands._replace(sweep="none"), recorded.jobs[0].config.data)
    ones = [worker._replace(host="b", kernel="SkylakeX"), worker._replace(host="a", kernel="Haswell")]
    assert "(Haswell on a, SkylakeX on b)" in different_kernels(ones)
    assert different_kernels(ones[:1]) == ""
