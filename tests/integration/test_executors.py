"""Real processes: what a worker imports, how it ends, and what one that is killed costs."""

import functools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from configurations import small_job

from convsweep.errors import UserError
from convsweep.records.journal import read_record
from convsweep.runs.executors import Processes

TESTS = Path(__file__).parents[1]
PATIENCE = 60  # seconds: workers look for their head twice a second


def kill_itself(folder, task):
    """Return what the task is; die of the kernel's signal as often as the task says."""
    name, deaths = task
    marks = [Path(folder, f"{name}.{number}") for number in range(deaths)]
    for mark in marks:
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return name, os.getpid()


def run_all(function, tasks, number):
    """Run tasks in processes; return how each ended, by task."""
    ended, waiting = {}, list(tasks)
    with Processes(function, number) as processes:
        while waiting or processes.busy:
            while waiting and processes.idle:
                processes.submit(waiting.pop(0))
            for done in processes.wait():
                assert done.task not in ended
                ended[done.task] = done
    return ended


def test_a_process_that_is_killed_costs_one_retry_and_twice_a_failure_that_others_do_not_notice(tmp_path):
    tasks = [("well", 0), ("once", 1), ("twice", 2), ("later", 0), ("after", 0)]
    ended = run_all(functools.partial(kill_itself, str(tmp_path)), tasks, 2)
    assert ended.keys() == set(tasks)
    for task in tasks:
        if task[0] == "twice":
            assert isinstance(ended[task].error, UserError)
            assert str(ended[task].error).startswith("the process that worked at it was killed 2 times")
            assert len(str(ended[task].error).splitlines()) == 1
        else:
            assert ended[task].error is None
            assert ended[task].result[0] == task[0]


def fail(task):
    raise ValueError(task)


def test_an_exception_in_a_process_is_handed_on_and_the_process_goes_on():
    ended = run_all(fail, ["one", "two", "three"], 1)
    assert [(type(done.error), str(done.error)) for done in ended.values()] == [
        (ValueError, "one"),
        (ValueError, "two"),
        (ValueError, "three"),
    ]


def test_leaving_the_processes_ends_them_in_the_middle_of_their_work():
    before = set(psutil.Process().children(recursive=True))
    with Processes(time.sleep, 2) as processes:
        processes.submit(600)
        processes.submit(600)
        begun = time.perf_counter()
    assert time.perf_counter() - begun < 300  # half of what they were to sleep
    left = [
        child
        for child in set(psutil.Process().children(recursive=True)) - before
        if "resource_tracker" not in str(child.cmdline())
    ]
    assert left == []


def test_a_worker_that_trained_and_drew_has_imported_nothing_heavy(tmp_path):
    """This process has imported Hydra and others already: only a started one tells."""
    program = """
import sys, json
from worker_modules import modules_after
from pathlib import Path
from configurations import small_job
from convsweep.runs.executors import Processes
if __name__ == "__main__":
    with Processes(modules_after, 1) as processes:
        processes.submit((small_job(Path(sys.argv[1])),))
        (done,) = processes.wait()
        print(json.dumps(done.result))
"""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    }
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path], env=environment, capture_output=True, text=True, check=True
    )
    failures, modules, threads = json.loads(done.stdout)
    assert failures == {}
    assert read_record(small_job(tmp_path).directory).result is not None
    packages = {name.partition(".")[0] for name in modules}
    assert {"numpy", "PIL", "pydantic"} <= packages
    heavy = {"mlflow", "sqlalchemy", "hydra", "omegaconf", "rich", "click", "pandas", "scipy", "requests"}
    assert packages & heavy == set()
    assert set(threads.values()) == {"1"}
    assert "OPENBLAS_NUM_THREADS" in threads


ENDLESS = """
import sys
print("ready", flush=True)
try:
    import time
    from convsweep.runs.executors import Processes
    with Processes(time.sleep, 2) as processes:
        processes.submit(600)
        processes.submit(600)
        print("working", flush=True)
        for done in processes.wait():
            print(done)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.fixture
def head():
    """Return a function that starts a process which starts workers, in a process group of its own."""
    started = []

    def start(program):
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def gone_within(processes, seconds):
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    return not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def test_workers_whose_head_is_killed_outright_end_by_themselves(head):
    process = head(ENDLESS)
    assert [process.stdout.readline() for _ in range(2)] == ["ready\n", "working\n"]
    children: list[psutil.Process] = []
    while sum("popen_loky" in str(child.cmdline()) for child in children) < 2:  # until both have started
        children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    assert gone_within(children, PATIENCE)


@pytest.mark.parametrize("delay", [0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1, 1.5])
def test_ctrl_c_while_workers_start_ends_all_of_them_and_prints_nothing(head, delay):
    """A terminal sends SIGINT to every process of the group, also to those that are half started."""
    process = head(ENDLESS)
    assert process.stdout.readline() == "ready\n"
    time.sleep(delay)
    children = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, errors) == (130, "")
    assert gone_within(children, PATIENCE)


def test_a_second_ctrl_c_while_workers_are_ended_leaves_none_alive(head):
    process = head(ENDLESS)
    assert [process.stdout.readline() for _ in range(2)] == ["ready\n", "working\n"]
    children = psutil.Process(process.pid).children(recursive=True)
    for _ in range(3):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.03)
    process.communicate(timeout=PATIENCE)  # the second one may end Python's own end with a traceback
    assert gone_within(children, PATIENCE)
