"""Ctrl-C, SIGTERM and SIGKILL: the store says what happened, and finished epochs are kept."""

import signal
import sqlite3
import time
from contextlib import ExitStack, closing

import pytest

from convsweep.records.journal import load_checkpoint

LONG = ("data.num_train=1000", "data.num_valid=50", "data.num_test=50", "train.epochs=500")
SINGLE = ("train", *LONG)
SWEEP = ("train", "-m", *LONG, "train.seed=0,1,2")
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
            program.until(lambda workplace=workplace, jobs=jobs: workplace.all_begun(jobs))
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
        for record in workplace.records():
            ends = [event["epoch"] for event in events_of(record) if event["event"] == "epoch_end"]
            assert ends == list(range(len(ends)))
            assert len(ends) >= 2
            for epoch in ends:
                assert load_checkpoint(record / "checkpoints" / f"epoch_{epoch:03d}.npz").epoch == epoch

    def test_what_was_finished_is_in_the_store(self, workplace, events_of):
        for run in workplace.runs():
            recorded = [event for event in events_of(workplace.record(run)) if event["event"] == "evaluation"]
            logged = run.metric("valid/accuracy")
            assert logged
            assert logged == [(event["step"], event["accuracy"]) for event in recorded][: len(logged)]

    def test_the_run_has_no_result(self, workplace):
        assert not any((record / "result.json").exists() for record in workplace.records())


def test_a_signal_that_comes_while_the_store_is_written_to(workplace):
    """A transaction that is cut off in the middle would keep SQLite's lock, and the run's end could not be written.

    So that the signal does come then, somebody else locks the database for the while.
    """
    with workplace.running(*SINGLE) as program:
        program.until(lambda: workplace.epochs_done() >= 1)
        with closing(sqlite3.connect(workplace.mlruns / "mlflow.db", isolation_level=None, timeout=20)) as store:
            store.execute("BEGIN IMMEDIATE")
            program.until(stands_still(workplace))
            program.send(signal.SIGTERM)
            time.sleep(0.2)  # the signal is on its way
            store.execute("ROLLBACK")
        ending = program.end()
    assert ending.status == 143, ending.err
    assert "goes on from the last finished epoch" in ending.only_line
    assert [run.status for run in workplace.runs()] == ["KILLED"]


def stands_still(workplace):
    """Return what tells whether no epoch has come to its end for a while."""
    seen = [(0, time.monotonic())]

    def told():
        epochs = workplace.epochs_done()
        if epochs != seen[-1][0]:
            seen.append((epochs, time.monotonic()))
        return time.monotonic() > seen[-1][1] + 0.7

    return told


class TestSigkill:
    """Nobody can answer SIGKILL: the next start tidies up."""

    @pytest.fixture(scope="class")
    @classmethod
    def statuses(cls, new_workplace):
        """What the store says of a sweep that is killed outright, and of another run that goes on: then and later."""
        workplace = new_workplace()
        with workplace.running(*SWEEP) as sweep, workplace.running(*SINGLE, "train.seed=9"):
            sweep.until(lambda: len(workplace.runs()) == 4 and workplace.epochs_done() >= 1)
            for process in sweep.family():
                process.kill()
            sweep.end()
            before = cls.look(workplace)
            assert workplace.train("train.seed=5").status == 0
            after = cls.look(workplace)
        return before, after

    @staticmethod
    def look(workplace):
        statuses = {run.params["seed"]: run.status for run in workplace.runs()}
        (parent,) = workplace.runs("sweep")
        return statuses | {"sweep": parent.status}

    def test_run_and_sweep_seem_to_run(self, statuses):
        assert statuses[0] == dict.fromkeys(["sweep", "0", "1", "2", "9"], "RUNNING")

    def test_the_next_start_ends_them_but_not_what_does_run(self, statuses):
        killed = dict.fromkeys(["sweep", "0", "1", "2"], "KILLED")
        assert statuses[1] == killed | {"9": "RUNNING", "5": "FINISHED"}
