"""Dask and Slurm, the real ones: the same records as on this machine, whatever happens to the cluster meanwhile."""

import os
import platform
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from clusters import DaskCluster, SlurmCluster, until
from training_sweeps import LONG, assert_went_on, paused, written

from convsweep.records.journal import read_result

SOURCE = Path(__file__).parents[2] / "src"
FEW = ("data.num_train=400", "data.num_valid=50", "data.num_test=50", "tracking.enabled=false")
# some diverge, some leave their stack early, and three filters are no multiple of what BLAS works on at a time
MIXED = (*FEW, "model.num_filters=3,8", "train.learning_rate=0.005,10", "train.epochs=1,2", "train.seed=0,1")
WAITING = "Waiting for 4 jobs that an earlier command left to the cluster"


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    """A Dask cluster of two hosts."""
    with DaskCluster.running(tmp_path_factory.mktemp("dask")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """Slurm with two nodes."""
    pytest.importorskip("submitit", reason="needs convsweep[slurm]")
    if obstacle := SlurmCluster.obstacle():
        pytest.skip(obstacle)
    cluster = SlurmCluster(tmp_path_factory.mktemp("slurm"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.end()


@pytest.fixture(scope="module")
def on_slurm():
    return ("train", "-m", "hydra.launcher.executor=slurm", "hydra.launcher.n_jobs=2")


@pytest.fixture(scope="module")
def mixed_here(new_workplace):
    """The mixed sweep in processes of this machine."""
    workplace = new_workplace(store=False)
    assert workplace.convsweep("train", "-m", *MIXED).status == 0
    return workplace


@pytest.fixture(scope="module")
def long_here(new_workplace):
    """The long sweep in processes of this machine, undisturbed."""
    workplace = new_workplace(store=False)
    assert workplace.convsweep("train", "-m", *LONG).status == 0
    return workplace


def has_waiting(process, number):
    """Tell whether a signal has reached a process that stands still."""
    with suppress(FileNotFoundError):  # it was killed
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        waiting = [int(line.split()[1], 16) for line in lines if line.startswith(("SigPnd:", "ShdPnd:"))]
        return any(mask >> (number - 1) & 1 for mask in waiting)
    return False


def results(workplace):
    return [read_result(record) for record in workplace.records()]


class TestDask:
    def test_records_are_the_same_bits_as_those_of_local_processes(self, on_dask, mixed_here, new_workplace, same):
        workplace = new_workplace(store=False)
        ending = workplace.convsweep(*on_dask, *MIXED)
        assert (ending.status, ending.err) == (0, "")
        assert "on the cluster" in ending.out
        same(workplace, mixed_here)
        assert {result.host for result in results(workplace)} == {"host1", "host2"}

    def test_stacks_of_a_killed_host_go_on_elsewhere_from_their_checkpoints(
        self, dask, on_dask, long_here, new_workplace, same
    ):
        workplace = new_workplace(store=False)
        with workplace.running(*on_dask, *LONG) as program:
            program.until(lambda: workplace.all_begun(4))
            with paused(workplace):
                before = written(workplace)
                dask.daemons.kill("worker1")
            ending = program.end()
        dask.start_worker(1)
        assert (ending.status, ending.err) == (0, "")
        assert_went_on(before, workplace)
        same(workplace, long_here)
        assert {result.host for result in results(workplace)} == {"host2"}

    def test_a_scheduler_that_is_started_anew_is_given_its_stacks_again(
        self, dask, on_dask, long_here, new_workplace, same
    ):
        workplace = new_workplace(store=False)
        with workplace.running(*on_dask, *LONG) as program:
            program.until(lambda: workplace.all_begun(4))
            with paused(workplace):
                before = written(workplace)
                for name in ("scheduler", "worker1", "worker2"):
                    dask.daemons.kill(name)
            dask.start_scheduler()
            for number in (1, 2):
                dask.start_worker(number)
            ending = program.end()
        assert (ending.status, ending.err) == (0, "")
        assert_went_on(before, workplace)
        same(workplace, long_here)

    def test_a_sweep_whose_command_was_killed_is_waited_for_by_the_same_command_and_trained_once(
        self, on_dask, long_here, new_workplace, same
    ):
        workplace = new_workplace(store=False)
        with ExitStack() as stack:
            program = stack.enter_context(workplace.running(*on_dask, *LONG))
            program.until(lambda: workplace.all_begun(4))
            with paused(workplace):
                program.kill()
                before = written(workplace)
                again = stack.enter_context(workplace.running(*on_dask, *LONG))
                again.until(lambda: WAITING in again.out)
            ending = again.end()
        assert (ending.status, ending.err) == (0, "")
        assert_went_on(before, workplace)
        same(workplace, long_here)

    def test_sigterm_leaves_nothing_running_on_the_cluster(self, on_dask, new_workplace):
        workplace = new_workplace(store=False)
        with workplace.running(*on_dask, *LONG, "train.epochs=500") as program:
            program.until(lambda: workplace.all_begun(4))
            program.send(signal.SIGTERM)
            ending = program.end()
        assert ending.status == 143
        before = written(workplace)
        time.sleep(1)
        assert written(workplace) == before
        assert [sweep["state"] for sweep in workplace.sweeps()] == ["killed"]

    def test_a_detached_sweep_goes_on_is_watched_and_ends_with_the_same_command(
        self, on_dask, long_here, new_workplace, same
    ):
        workplace = new_workplace(store=False)
        ending = workplace.convsweep(*on_dask, *LONG, "--detach")
        assert (ending.status, ending.err) == (0, "")
        assert [sweep["state"] for sweep in workplace.sweeps()] == ["detached"]
        watched = workplace.convsweep("watch")
        assert (watched.status, watched.err) == (0, "")
        assert watched.out.count("valid accuracy") == 4
        ending = workplace.convsweep(*on_dask, *LONG)
        assert (ending.status, ending.err) == (0, "")
        assert "all 4 jobs are finished" in ending.out
        assert [sweep["state"] for sweep in workplace.sweeps()] == ["finished"]
        same(workplace, long_here)


class TestPlan:
    """What a cluster is known to have room for; this machine's cores say nothing of it."""

    DASK = ("plan", "-m", *FEW, "train.seed=range(6)", "hydra.launcher.executor=dask")
    SLURM = ("plan", "-m", *FEW, "train.seed=range(6)", "hydra.launcher.executor=slurm")

    def test_a_dask_cluster_has_the_threads_of_its_workers(self, dask, mixed_here):
        out = mixed_here.convsweep(*self.DASK, f"hydra.launcher.address={dask.address}").out
        assert "\n2 stacks of up to 3 jobs, at most 2 at a time.\nAbout " in out
        assert "s once that many train, waiting in the queue not counted, and " in out

    def test_a_scheduler_that_does_not_answer_leaves_open_what_depends_on_it(self, mixed_here, bare_workplace):
        nowhere = "hydra.launcher.address=tcp://127.0.0.1:1"
        depends = "how many train at a time depends on Dask's workers: 'hydra.launcher.address' must be "
        ending = mixed_here.convsweep(*self.DASK, nowhere, "hydra.launcher.n_jobs=3")
        assert (ending.status, ending.err) == (0, "")
        assert f"\n3 stacks of up to 2 jobs; {depends}" in ending.out
        assert " s if one stack trains after the other, less if several train at a time, and " in ending.out
        ending = bare_workplace.convsweep(*self.DASK, nowhere)
        assert (ending.status, ending.err) == (0, "")
        assert "\nHow many stacks there are, and how many train at a time, depends on Dask's workers: " in ending.out
        assert "How long it takes can't be told yet: no run has finished.\n" in ending.out

    @pytest.mark.parametrize(
        ("n_jobs", "stacks"),
        [
            (-1, "1 stack of up to 6 jobs, as many at a time as Slurm has room for."),
            (3, "3 stacks of up to 2 jobs, at most 3 at a time."),
        ],
    )
    def test_slurm_has_room_for_as_many_tasks_as_it_is_told_to_run_at_a_time(self, bare_workplace, n_jobs, stacks):
        """No Slurm is needed to plan."""
        assert f"\n{stacks}\n" in bare_workplace.convsweep(*self.SLURM, f"hydra.launcher.n_jobs={n_jobs}").out

    def test_a_run_must_fit_into_the_memory_of_its_task_and_not_into_this_machines(self, bare_workplace):
        large = "model.num_filters=100000000"
        assert "must fit into this machine's" in bare_workplace.convsweep("plan", "-m", large).only_line
        assert bare_workplace.convsweep(*self.SLURM, large).status == 0
        ending = bare_workplace.convsweep(*self.SLURM, large, "hydra.launcher.slurm.memory=4")
        assert "'model.num_filters' must fit into 'hydra.launcher.slurm.memory', 4 GB (got " in ending.only_line


@pytest.mark.skipif(platform.machine() != "x86_64", reason="Haswell's kernels are for x86-64")
class TestBlasKernels:
    """Two hosts whose processors have BLAS kernels that round differently: one worker is told to use Haswell's."""

    @pytest.fixture(scope="class")
    @classmethod
    def two_kernels(cls, dask):
        dask.restart_worker(2, OPENBLAS_CORETYPE="Haswell")
        yield
        dask.restart_worker(2)

    @pytest.fixture(scope="class")
    @classmethod
    def mixed(cls, two_kernels, on_dask, new_workplace):  # noqa: ARG003 - it must be there
        workplace = new_workplace(store=False)
        return workplace, workplace.convsweep(*on_dask, *MIXED)

    @pytest.mark.usefixtures("two_kernels")
    def test_kernels_that_differ_are_told_by_the_launch_the_plan_and_compare(self, on_dask, mixed):
        workplace, ending = mixed
        kernels = {result.blas_kernel for result in results(workplace)}
        if kernels == {"Haswell"}:
            pytest.skip("this processor's own kernels are Haswell's")
        assert ending.status == 0
        assert "Workers use different BLAS kernels (Haswell on host2, " in ending.out
        for command in (("plan", *on_dask[1:], *MIXED), ("compare",)):
            assert "different BLAS kernels (Haswell " in workplace.convsweep(*command).out

    def test_bits_depend_on_the_kernels(self, mixed, mixed_here, digests_of):
        """Or the next test would prove nothing."""
        workplace, _ = mixed
        for record, result in zip(workplace.records(), results(workplace), strict=True):
            if result.outcome == "diverged":
                continue  # in its first epoch: there is only the checkpoint of before
            here = mixed_here.mlruns / "runs" / record.name
            same_kernel = read_result(here).blas_kernel == result.blas_kernel
            assert (digests_of(record) == digests_of(here)) == same_kernel

    @pytest.mark.usefixtures("two_kernels")
    def test_bits_are_the_same_everywhere_once_all_workers_use_the_same_kernels(self, on_dask, new_workplace, same):
        here, there = new_workplace(store=False), new_workplace(store=False)
        chosen = "hydra.launcher.blas_kernel=Haswell"
        assert here.convsweep("train", "-m", *MIXED, chosen).status == 0
        ending = there.convsweep(*on_dask, *MIXED, chosen)
        assert (ending.status, ending.err) == (0, "")
        assert {result.blas_kernel for result in results(here) + results(there)} == {"Haswell"}
        assert {result.host for result in results(there)} == {"host1", "host2"}
        same(there, here)


class TestSlurm:
    def test_records_are_the_same_bits_as_those_of_local_processes(
        self, slurm, on_slurm, mixed_here, new_workplace, same
    ):
        workplace = new_workplace(store=False)
        ending = workplace.convsweep(*on_slurm, *MIXED, **slurm.environment)
        assert (ending.status, ending.err) == (0, "")
        assert "on the cluster" in ending.out
        same(workplace, mixed_here)
        assert not list(workplace.mlruns.glob("sweeps/*/slurm"))

    def test_a_cancelled_a_preempted_task_and_a_restarted_controller_cost_no_epoch(
        self, slurm, on_slurm, long_here, new_workplace, same
    ):
        workplace = new_workplace(store=False)
        with workplace.running(*on_slurm, *LONG, **slurm.environment) as program:
            program.until(lambda: workplace.all_begun(4))
            with paused(workplace) as training:
                before = written(workplace)
                cancelled, preempted = (line.split()[0] for line in slurm.queue())
                slurm.ask("scancel", cancelled)
                slurm.ask("scancel", "--signal=USR2", preempted)
                # the controller hands it on after it has answered
                program.until(lambda: any(has_waiting(process, signal.SIGUSR2) for process in training))
                slurm.daemons.kill("slurmctld", signal.SIGTERM)  # it writes its queue down
                time.sleep(3)
                slurm.start_controller()
            program.until(lambda: f"{preempted} PENDING" in slurm.queue())
            slurm.ask("scontrol", "update", f"jobid={preempted}", "StartTime=now")  # Slurm lets it wait two minutes
            ending = program.end()
        assert (ending.status, ending.err) == (0, "")
        assert_went_on(before, workplace)
        same(workplace, long_here)

    def test_a_sweep_whose_command_was_killed_is_waited_for_by_the_same_command_and_trained_once(
        self, slurm, on_slurm, long_here, new_workplace, same
    ):
        workplace = new_workplace(store=False)
        with ExitStack() as stack:
            program = stack.enter_context(workplace.running(*on_slurm, *LONG, **slurm.environment))
            program.until(lambda: workplace.all_begun(4))
            with paused(workplace):
                program.kill()
                before, queue = written(workplace), slurm.queue()
                assert len(queue) == 2
                again = stack.enter_context(workplace.running(*on_slurm, *LONG, **slurm.environment))
                again.until(lambda: WAITING in again.out)
                assert slurm.queue() == queue
            ending = again.end()
        assert (ending.status, ending.err) == (0, "")
        assert_went_on(before, workplace)
        same(workplace, long_here)

    def test_watch_follows_a_sweep_whose_command_was_killed_to_its_end(self, slurm, on_slurm, new_workplace):
        """As when the connection to the login node breaks."""
        workplace = new_workplace(store=False)
        with workplace.running(*on_slurm, *LONG, **slurm.environment) as program:
            program.until(lambda: workplace.all_begun(4))
            program.kill()
        ending = workplace.convsweep("watch")
        assert (ending.status, ending.err) == (0, "")
        assert ending.out.count("valid accuracy") == 4
        assert "All jobs have ended" in ending.out

    def test_a_detached_sweep_that_ended_is_found_finished_and_what_slurm_wrote_is_removed(
        self, slurm, on_slurm, mixed_here, new_workplace, same
    ):
        workplace = new_workplace(store=False)
        ending = workplace.convsweep(*on_slurm, *MIXED, "--detach", **slurm.environment)
        assert (ending.status, ending.err) == (0, "")
        assert "All jobs have ended" in workplace.convsweep("watch").out
        until(lambda: slurm.queue() == [], "an empty queue")
        assert list(workplace.mlruns.glob("sweeps/*/slurm/*"))
        ending = workplace.convsweep(*on_slurm, *MIXED, **slurm.environment)
        assert (ending.status, ending.err) == (0, "")
        assert "all 16 jobs are finished" in ending.out
        assert not list(workplace.mlruns.glob("sweeps/*/slurm"))
        same(workplace, mixed_here)

    def test_a_full_disk_is_told_in_one_line_and_once_it_has_room_the_same_command_goes_on(
        self, slurm, on_slurm, long_here, bare_workplace, same, mount
    ):
        again = mount(bare_workplace.mlruns, "size=600k")
        ending = bare_workplace.convsweep(*on_slurm, *LONG, **slurm.environment)
        assert "No space left on device" in ending.only_line
        assert slurm.queue() == []
        before = written(bare_workplace)
        again("size=64m")
        ending = bare_workplace.convsweep(*on_slurm, *LONG, **slurm.environment)
        assert (ending.status, ending.err) == (0, "")
        assert_went_on(before, bare_workplace)
        same(bare_workplace, long_here)

    @pytest.mark.skipif(shutil.which("strace") is None, reason="needs Debian's package strace")
    def test_a_task_whose_result_is_listed_late_is_not_submitted_again(self, slurm, on_slurm, bare_workplace):
        """NFS may list a folder as it was up to a minute ago; here it lists nothing the first twelve times."""
        sweep = bare_workplace.mlruns / "sweeps" / "late"
        strace = ["strace", "-f", "-qqq", "-o", "/dev/null", "-P", sweep / "slurm"]
        late = [*strace, "-e", "trace=getdents64", "-e", "inject=getdents64:retval=0:when=1..12"]
        command = [*late, bare_workplace.program, *on_slurm, *FEW, "train.seed=0,1", f"hydra.sweep.dir={sweep}"]
        before = slurm.next_number()
        ending = bare_workplace.start(command, **slurm.environment).end()
        assert (ending.status, ending.err) == (0, "")
        assert slurm.next_number() - before == 2  # two jobs in two stacks

    def test_a_controller_too_busy_to_say_why_tasks_wait_costs_the_sweep_nothing(
        self, slurm, on_slurm, bare_workplace, tmp_path
    ):
        busy = tmp_path / "squeue"
        said = "slurm_load_jobs error: Socket timed out on send/recv operation"
        asked = 'case "$*" in *format=%r*)'
        busy.write_text(f'#!/bin/sh\n{asked} echo "{said}" >&2; exit 1;; esac\nexec {shutil.which("squeue")} "$@"\n')
        busy.chmod(0o755)
        path = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
        ending = bare_workplace.convsweep(*on_slurm, *FEW, "train.seed=0,1", PATH=path, **slurm.environment)
        assert (ending.status, ending.err) == (0, "")
        assert len(results(bare_workplace)) == 2

    @pytest.mark.parametrize(("answer", "status", "state"), [("y", 0, "detached"), ("n", 130, "killed")])
    def test_ctrl_c_in_a_terminal_asks_whether_to_leave_the_sweep_to_the_cluster(
        self, slurm, on_slurm, new_workplace, answer, status, state
    ):
        workplace = new_workplace(store=False)
        with Terminal([workplace.program, *on_slurm, *LONG], workplace.folder, slurm.environment) as terminal:
            terminal.until(lambda: workplace.all_begun(4))
            with paused(workplace):
                terminal.process.send_signal(signal.SIGINT)
                terminal.until(lambda: "leave the sweep running? [y/n]" in terminal.said)
                terminal.write(f"{answer}\n")
                terminal.until(lambda: terminal.process.poll() is not None)
                queue = slurm.queue()
        assert terminal.process.returncode == status
        assert [sweep["state"] for sweep in workplace.sweeps()] == [state]
        assert len(queue) == (2 if answer == "y" else 0)
        slurm.ask("scancel", "--user=root")


class Terminal:
    """A program that sits at a terminal of its own."""

    def __init__(self, command, folder, environment):
        self._ours, theirs = pty.openpty()
        inherited = os.environ | {"TERM": "xterm", "COLUMNS": "200"}
        self.process = subprocess.Popen(
            command, cwd=folder, env=inherited | environment, stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        self.said = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self._ours)

    def until(self, happened):
        """Read until something has happened."""
        deadline = time.monotonic() + 60
        while not happened():
            assert time.monotonic() < deadline, self.said
            if select.select([self._ours], [], [], 0.1)[0]:
                try:
                    self.said += os.read(self._ours, 4096).decode(errors="replace")
                except OSError:  # it has ended
                    time.sleep(0.05)

    def write(self, text):
        """Type."""
        os.write(self._ours, text.encode())


class TestRefusals:
    """One line, before job 0, and nothing is left in the queue."""

    @pytest.mark.parametrize(
        ("arguments", "rule"),
        [
            (("-m", "--detach"), "'--detach' needs 'hydra.launcher.executor=dask' or slurm"),
            (("--detach",), "'--detach' needs -m"),
            (
                ("-m", "--detach", "train.seed=0,1", "hydra.sweeper.max_batch_size=1", "hydra.launcher.executor=slurm"),
                "'--detach' cannot be given with 'hydra.sweeper.max_batch_size'",
            ),
            (("hydra.launcher.executor=slurm",), "'hydra.launcher.executor=slurm' needs -m"),
            (
                ("-m", "hydra.launcher.executor=slurm", "hydra.job.chdir=true"),
                "'hydra.job.chdir' needs 'hydra/launcher=basic' or joblib",
            ),
            (
                ("-m", "hydra.launcher.executor=slurm", "+hydra.job.env_set.OMP_DYNAMIC=1"),
                "'hydra.job.env_set' needs 'hydra/launcher=basic' or joblib",
            ),
            (("-m", "hydra.launcher.executor=dask"), "needs 'hydra.launcher.address'"),
            (("-m", "hydra.launcher.executor=ray"), "must be local, dask or slurm (got ray)"),
            (
                ("-m", "hydra.launcher.address=tcp://a:1"),
                "'hydra.launcher.address' needs 'hydra.launcher.executor=dask'",
            ),
            (
                ("-m", "hydra.launcher.executor=slurm", "hydra.launcher.slurm.time=0"),
                "'hydra.launcher.slurm.time' must be > 0 (got 0)",
            ),
            (
                ("-m", "hydra.launcher.slurm.partition=fast"),
                "'hydra.launcher.slurm.partition' needs 'hydra.launcher.executor=slurm' (got local).",
            ),
            (("-m", "hydra.launcher.blas_kernel='a;b'"), "must be the name of kernels of OpenBLAS, such as Haswell"),
        ],
    )
    def test_launcher_settings_that_make_no_sense_are_refused_in_one_line(self, bare_workplace, arguments, rule):
        for command in ("plan", "train"):
            assert rule in bare_workplace.convsweep(command, *FEW, *arguments).only_line
        assert list(bare_workplace.folder.iterdir()) == []

    def test_a_single_run_for_a_cluster_is_refused_also_if_it_names_a_folder_of_its_own(self, bare_workplace):
        for executor in ("dask", "slurm"):
            asked = f"hydra.launcher.executor={executor}"
            ending = bare_workplace.convsweep("train", *FEW, asked, "hydra.run.dir=own")
            needed = "needs -m and 'hydra/sweeper=grid', the default: it does nothing otherwise"
            assert ending.only_line == f"'{asked}' {needed} (got a run by itself)."
        assert not bare_workplace.mlruns.exists()

    @pytest.mark.parametrize(("executor", "library"), [("dask", "distributed"), ("slurm", "submitit")])
    def test_a_missing_library_is_told_with_the_extra_that_brings_it(self, bare_workplace, executor, library):
        (bare_workplace.folder / f"{library}.py").write_text(f'raise ImportError("no {library}")')
        command = [sys.executable, "-m", "convsweep", "train", "-m", *FEW, f"hydra.launcher.executor={executor}"]
        address = ["hydra.launcher.address=tcp://127.0.0.1:1"] if executor == "dask" else []
        ending = bare_workplace.start([*command, *address]).end()
        assert f"pip install 'convsweep[{executor}]'" in ending.only_line
        assert bare_workplace.records() == []

    @pytest.mark.parametrize(
        ("option", "reason"),
        [("partition=nowhere", "partition"), ("memory=900000", "emory"), ("options.licenses=x", "icense")],
    )
    def test_an_option_that_slurm_refuses_is_told_in_one_line_and_nothing_is_queued(
        self, slurm, on_slurm, bare_workplace, option, reason
    ):
        ending = bare_workplace.convsweep(*on_slurm, *FEW, f"++hydra.launcher.slurm.{option}", **slurm.environment)
        assert ending.only_line.startswith("Slurm refuses 'hydra.launcher.slurm'")
        assert reason in ending.only_line
        assert slurm.queue() == []

    @pytest.mark.parametrize(
        ("option", "reason"), [("time=61", "PartitionTimeLimit"), ("options.nodes=2", "PartitionNodeLimit")]
    )
    @pytest.mark.parametrize("detached", [(), ("--detach",)])
    def test_tasks_that_slurm_would_queue_but_never_start_are_refused_and_leave_the_queue(
        self, slurm, on_slurm, bare_workplace, option, reason, detached
    ):
        asked = (*on_slurm, *FEW, f"++hydra.launcher.slurm.{option}", *detached)
        ending = bare_workplace.convsweep(*asked, **slurm.environment)
        assert ending.only_line == f"Slurm would never start tasks with this 'hydra.launcher.slurm': {reason}."
        assert slurm.queue() == []
        assert bare_workplace.records() == []
        assert [sweep["state"] for sweep in bare_workplace.sweeps()] == ["failed"]

    def test_a_node_without_the_wanted_kernels_is_named_and_the_other_tasks_are_cancelled(
        self, slurm, on_slurm, bare_workplace
    ):
        many = ("train.seed=range(12)", "hydra.launcher.n_jobs=12", "hydra.launcher.blas_kernel=Nonsense")
        ending = bare_workplace.convsweep(*on_slurm, *FEW, *many, **slurm.environment)
        assert "'hydra.launcher.blas_kernel' must be kernels that NumPy's BLAS has" in ending.only_line
        assert "(asked for Nonsense, got " in ending.only_line
        assert slurm.queue() == []
        (sweep,) = bare_workplace.sweeps()
        of_sweep = ("squeue", "--states=all", "--noheader", "--array", "--format=%T", f"--name=convsweep-{sweep['id']}")
        assert sweep["state"] == "failed"
        assert "CANCELLED" in slurm.ask(*of_sweep).split()
        assert bare_workplace.records() == []

    def test_a_slurm_whose_controller_is_away_is_told_in_one_line(self, slurm, bare_workplace, on_slurm, tmp_path):
        configuration = Path(slurm.environment["SLURM_CONF"]).read_text()
        (tmp_path / "slurm.conf").write_text(configuration.replace("SlurmctldPort=", "SlurmctldPort=1 #"))
        ending = bare_workplace.convsweep(*on_slurm, *FEW, SLURM_CONF=str(tmp_path / "slurm.conf"))
        assert ending.only_line.startswith("Slurm doesn't answer: Unable to contact slurm controller")
        assert bare_workplace.records() == []

    def test_hosts_with_other_code_or_another_folder_are_told_a_line_each_and_nothing_is_trained(
        self, dask, on_dask, bare_workplace, tmp_path
    ):
        shutil.copytree(SOURCE, tmp_path / "src")
        layers = tmp_path / "src" / "convsweep" / "nn" / "layers.py"
        layers.write_text(layers.read_text() + "\nADDED = 1\n")
        bare_workplace.mlruns.mkdir()
        dask.restart_worker(1, PYTHONPATH=str(tmp_path / "src"))
        dask.restart_worker(2, setup=f"mount -t tmpfs none '{bare_workplace.mlruns}'")
        ending = bare_workplace.convsweep(*on_dask, *FEW)
        for number in (1, 2):
            dask.restart_worker(number)
        assert ending.status == 1
        lines = sorted(ending.err.splitlines())
        assert len(lines) == 2
        assert lines[0].startswith("convsweep: host1: the code that computes results must be the same as on ")
        assert lines[1].startswith(f"convsweep: host2: '{bare_workplace.mlruns}' must be the folder of that name on ")
        assert bare_workplace.records() == []
