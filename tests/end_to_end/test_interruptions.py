"""Ctrl-C, SIGTERM and SIGKILL: finished epochs are kept, and MLflow says what happened."""

import signal
import sqlite3
import time
from contextlib import ExitStack, closing

import psutil
import pytest

from convsweep.records.journal import read_record

LONG = ("data.num_train=1000", "data.num_valid=50", "data.num_test=50")
ENDLESS = (*LONG, "train.epochs=100000")  # however fast the machine is, and however late it is stopped
SINGLE = ("train", *ENDLESS)
SWEEP = ("train", "-m", *ENDLESS, "train.seed=0,1,2")
SIGNALS = {"SIGTERM": 143, "SIGINT": 130}  # and the exit status that shells know each by


@pytest.fixture(scope="module")
def interrupted(new_workplace):
    """Every kind of interruption, all under way at once: (command, signal) -> workplace and ending."""
    cases = [(command, name) for command in (SINGLE, SWEEP) for name in SIGNALS]
    with ExitStack() as programs:
        workplaces = [new_workplace() for _ in cases]
        running = [
            programs.enter_context(workplace.running(*command))
            for workplace, (command, _) in zip(workplaces, cases, strict=True)
        ]
        for workplace, program, (command, name) in zip(workplaces, running, cases, strict=True):
            jobs = 3 if command == SWEEP else 1
            program.until(lambda workplace=workplace, jobs=jobs: workplace.all_shown(jobs))
            program.send(getattr(signal, name))
        endings = [program.end() for program in running]
    return dict(zip(cases, zip(workplaces, endings, strict=True), strict=True))


@pytest.fixture(params=[SINGLE, SWEEP], ids=["run", "sweep"])
def command(request):
    return request.param


@pytest.fixture(params=SIGNALS)
def signal_name(request):
    return request.param


class TestSignals:
    """What Ctrl-C and SIGTERM leave of a run and of a sweep."""

    @pytest.fixture
    def workplace(self, interrupted, command, signal_name):
        return interrupted[command, signal_name][0]

    @pytest.fixture
    def ending(self, interrupted, command, signal_name):
        return interrupted[command, signal_name][1]

    def test_the_exit_status_names_the_signal(self, ending, signal_name):
        assert ending.status == SIGNALS[signal_name]

    def test_one_line_says_that_the_same_command_goes_on(self, ending):
        assert "goes on from the last finished epoch" in ending.only_line

    def test_the_run_is_killed_and_so_is_its_sweep(self, workplace, command):
        assert [run.status for run in workplace.runs()] == ["KILLED"] * (3 if command == SWEEP else 1)
        assert [run.status for run in workplace.runs("sweep")] == (["KILLED"] if command == SWEEP else [])

    def test_every_finished_epoch_has_its_checkpoint(self, workplace, events_of):
        for directory in workplace.records():
            ends = [event["epoch"] for event in events_of(directory) if event["event"] == "epoch_end"]
            assert ends == list(range(len(ends)))
            assert len(ends) >= 2
            record = read_record(directory)
            assert (record.last_epoch, record.damage) == (ends[-1], ())
            for epoch in ends:
                assert record.checkpoint(epoch).epoch == epoch

    def test_what_was_finished_is_in_the_store(self, workplace, events_of):
        for run in workplace.runs():
            recorded = [event for event in events_of(workplace.record(run)) if event["event"] == "evaluation"]
            logged = run.metric("valid/accuracy")
            assert logged
            assert logged == [(event["step"], event["accuracy"]) for event in recorded]

    def test_the_run_has_no_result(self, workplace):
        assert not any((record / "result.json").exists() for record in workplace.records())


def test_ctrl_c_is_not_held_up_by_a_store_that_is_locked(workplace):
    """What trains doesn't talk to MLflow, so nobody has to wait for its answer."""
    with workplace.running(*SWEEP) as program:
        program.until(lambda: workplace.all_shown(3))
        with closing(sqlite3.connect(workplace.mlruns / "mlflow.db", isolation_level=None, timeout=20)) as store:
            store.execute("BEGIN IMMEDIATE")
            program.send(signal.SIGINT)
            ending = program.end()  # though the store is still locked
            store.execute("ROLLBACK")
    assert ending.status == 130
    assert workplace.convsweep("sync").status == 0
    assert {run.status for run in workplace.runs()} == {"KILLED"}


def test_two_signals_end_a_sweep_as_well_as_one(workplace):
    with workplace.running(*SWEEP) as program:
        program.until(lambda: workplace.all_begun(3))
        family = program.family()
        program.send(signal.SIGINT)
        time.sleep(0.3)
        program.send(signal.SIGINT)
        ending = program.end()
    assert ending.status in (130, -signal.SIGINT)
    psutil.wait_procs(family, timeout=60)
    assert not any(process.is_running() for process in family)


class TestSigkill:
    """Nobody can answer SIGKILL: the same command goes on, and MLflow is told what is true by then."""

    @pytest.fixture(scope="class")
    @classmethod
    def killed_and_repeated(cls, new_workplace):
        """What MLflow says of a sweep whose processes are all killed outright, then, and after the same command."""
        workplace = new_workplace()
        command = ("train", "-m", *LONG, "train.epochs=60", "train.seed=0,1,2")
        with workplace.running(*command) as sweep:
            sweep.until(lambda: workplace.all_begun(3))
            sweep.stop_workers()  # MLflow's import takes as long as the training
            sweep.until(lambda: workplace.all_shown(3))
            for process in sweep.family():
                process.kill()
            sweep.end()
        before = cls.look(workplace)
        ending = workplace.convsweep(*command)
        assert ending.status == 0, ending.err
        return before, cls.look(workplace), ending

    @staticmethod
    def look(workplace):
        statuses = {run.params["seed"]: (run.id, run.status) for run in workplace.runs()}
        (parent,) = workplace.runs("sweep")
        return statuses | {"sweep": (parent.id, parent.status)}

    def test_runs_and_sweep_seem_to_run_when_everything_is_killed(self, killed_and_repeated):
        assert {status for _, status in killed_and_repeated[0].values()} == {"RUNNING"}

    def test_the_same_command_finishes_the_same_runs_of_mlflow(self, killed_and_repeated):
        before, after, ending = killed_and_repeated
        assert after == {who: (run_id, "FINISHED") for who, (run_id, _) in before.items()}
        assert "3 to go on with" in ending.out


def test_four_launches_of_the_same_and_of_overlapping_sweeps_train_each_run_once(bare_workplace):
    """On a fresh folder, all at once: what one trains the others take over."""
    few = ("train", "-m", "data.num_train=500", "data.num_valid=50", "data.num_test=50", "train.epochs=3")
    commands = [[*few, f"train.seed={seeds}"] for seeds in ("0,1,2", "0,1,2", "1,2,3", "2,3,4,5")]
    endings = bare_workplace.at_once(*commands)
    assert [(ending.status, ending.err) for ending in endings] == [(0, "")] * 4
    assert [sweep["state"] for sweep in bare_workplace.sweeps()] == ["finished"] * 3
    assert len(bare_workplace.records()) == 6
    assert len(bare_workplace.runs()) == 3 + 3 + 4
    assert {run.status for run in bare_workplace.runs() + bare_workplace.runs("sweep")} == {"FINISHED"}
    trained = [run for run in bare_workplace.runs() if run.tags["convsweep.reused"] == "false"]
    assert sorted(run.params["seed"] for run in trained) == ["0", "1", "2", "3", "4", "5"]
