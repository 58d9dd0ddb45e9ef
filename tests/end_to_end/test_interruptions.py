"""Ctrl-C, SIGTERM and SIGKILL: the store says what happened, and finished epochs are kept."""

import signal
from contextlib import ExitStack

import pytest

from convsweep.journal import load_checkpoint

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
        for workplace, program, (_, name) in zip(workplaces, running, cases, strict=True):
            program.until(lambda workplace=workplace: workplace.epochs_done() >= 1)
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
        assert [run.status for run in workplace.runs()] == ["KILLED"]  # later jobs were not begun
        assert [run.status for run in workplace.runs("sweep")] == (["KILLED"] if command == SWEEP else [])

    def test_every_finished_epoch_has_its_checkpoint(self, workplace, events_of):
        (record,) = workplace.records()
        ends = [event["epoch"] for event in events_of(record) if event["event"] == "epoch_end"]
        assert ends == list(range(len(ends)))
        assert len(ends) >= 2
        for epoch in ends:
            assert load_checkpoint(record / "checkpoints" / f"epoch_{epoch:03d}.npz").epoch == epoch

    def test_what_was_finished_is_in_the_store(self, workplace, events_of):
        (run,) = workplace.runs()
        recorded = [event for event in events_of(workplace.record(run)) if event["event"] == "evaluation"]
        logged = run.metric("valid/accuracy")
        assert logged
        assert logged == [(event["step"], event["accuracy"]) for event in recorded][: len(logged)]

    def test_the_run_has_no_result(self, workplace):
        (record,) = workplace.records()
        assert not (record / "result.json").exists()


class TestSigkill:
    """Nobody can answer SIGKILL: the next start tidies up."""

    @pytest.fixture(scope="class")
    @classmethod
    def killed(cls, new_workplace):
        """A sweep that was killed outright, what the store said of it, and then another run."""
        workplace = new_workplace()
        with workplace.running(*SWEEP) as program:
            program.until(lambda: workplace.epochs_done() >= 1)
            program.send(signal.SIGKILL)
            program.end()
        before = {run.id: run.status for run in workplace.runs() + workplace.runs("sweep")}
        ending = workplace.train()
        assert ending.status == 0, ending.err
        return workplace, before

    def test_run_and_sweep_seem_to_run(self, killed):
        assert list(killed[1].values()) == ["RUNNING", "RUNNING"]

    def test_the_next_start_ends_them(self, killed):
        workplace, before = killed
        after = {run.id: run.status for run in workplace.runs() + workplace.runs("sweep")}
        assert {after.pop(run_id) for run_id in before} == {"KILLED"}
        assert list(after.values()) == ["FINISHED"]  # that start's own run

    def test_a_program_that_still_runs_is_left_alone(self, workplace):
        """Only runs whose process is gone are ended."""
        with workplace.running(*SINGLE) as program:
            program.until(lambda: workplace.epochs_done() >= 1)
            assert workplace.train().status == 0
            assert [run.status for run in workplace.runs()] == ["RUNNING", "FINISHED"]
            program.send(signal.SIGTERM)
            assert program.end().status == 143
        assert [run.status for run in workplace.runs()] == ["KILLED", "FINISHED"]
