"""Basic, joblib and stacked launcher: where a job runs, and beside which others, does not show in what it computes."""

import json
import os
import signal
from collections import Counter

import psutil
import pytest
import yaml

FEW = ("data.num_train=400", "data.num_valid=50", "data.num_test=50")
# some diverge, some leave their stack early, and three filters are no multiple of what BLAS works on at a time
MIXED = (
    "train",
    "-m",
    *FEW,
    "model.num_filters=3,8",
    "train.learning_rate=0.005,10",
    "train.epochs=1,2",
    "train.seed=0,1",
)
LAUNCHERS = {
    "basic": ["hydra/launcher=basic"],
    "joblib": ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"],
    "stacked": [],
    "stacked, one process": ["hydra.launcher.n_jobs=1"],
    "stacked, eight processes": ["hydra.launcher.n_jobs=8"],
    "stacked, batches of three": ["hydra.sweeper.max_batch_size=3"],
    "stacked, other neighbours": ["train.learning_rate=10,0.02,0.005,1", "train.seed=5,1"],
}


@pytest.fixture(scope="module")
def sweeps(new_workplace):
    """The mixed sweep under every launcher, and how each ended."""
    found = {}
    for name, overrides in LAUNCHERS.items():
        workplace = new_workplace()
        found[name] = workplace, workplace.convsweep(*MIXED, *overrides)
    return found


@pytest.mark.parametrize("name", LAUNCHERS)
def test_every_job_ends_well(sweeps, name):
    workplace, ending = sweeps[name]
    assert (ending.status, ending.err) == (0, "")
    assert {run.status for run in workplace.runs() + workplace.runs("sweep")} == {"FINISHED"}
    outcomes = Counter((run.params["learning_rate"], run.tags["convsweep.outcome"]) for run in workplace.runs())
    assert outcomes["10", "diverged"] == outcomes["0.005", "finished"] > 0


@pytest.mark.parametrize("name", [name for name in LAUNCHERS if name != "basic"])
def test_records_are_the_same_bits_as_when_jobs_run_one_by_one(sweeps, digests_of, name):
    """Weights, biases, filters of every epoch, and every metric."""
    one_by_one = {record.name: record for record in sweeps["basic"][0].records()}
    others = {record.name: record for record in sweeps[name][0].records()}
    common = one_by_one.keys() & others.keys()
    assert len(common) == (8 if "neighbours" in name else 16)
    for key in common:
        assert digests_of(others[key]) == digests_of(one_by_one[key])
        assert (others[key] / "events.jsonl").read_bytes() == (one_by_one[key] / "events.jsonl").read_bytes()


def test_the_launchers_are_not_one_and_the_same(sweeps):
    """Lest the test above compare a launcher with itself."""

    def owners(name):
        return Counter(run.tags["convsweep.owner"] for run in sweeps[name][0].runs())

    def parents(name):
        return {run.tags["convsweep.owner"] for run in sweeps[name][0].runs("sweep")}

    assert set(owners("basic")) == parents("basic")
    for name in ("joblib", "stacked", "stacked, eight processes"):
        assert len(owners(name)) > 1
        assert not parents(name) & set(owners(name))
    assert len(owners("stacked, one process")) == 1
    assert sorted(owners("stacked").values()) == [8, 8]


class TestStackedJobs:
    """What Hydra does for each job, done for the jobs of a stack."""

    CALLBACK = """
import json
from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback

class Told(Callback):
    def on_job_start(self, config, *, task_function, **kwargs):
        self.tell("start", num=HydraConfig.get().job.num, seed=config.train.seed, task=task_function.__name__)

    def on_job_end(self, config, job_return, **kwargs):
        accuracy = job_return.return_value
        self.tell("end", num=config.hydra.job.num, seed=config.train.seed, accuracy=accuracy)

    def tell(self, what, **fields):
        with open("told.jsonl", "a") as file:
            print(json.dumps({"what": what, **fields}), file=file)
"""

    @pytest.fixture(scope="class")
    @classmethod
    def workplace(cls, new_workplace):
        workplace = new_workplace()
        (workplace.folder / "callbacks.py").write_text(cls.CALLBACK)
        overrides = ["train.seed=4,3,5", "+hydra.callbacks.told._target_=callbacks.Told"]
        ending = workplace.sweep(*overrides, PYTHONPATH=str(workplace.folder))
        assert ending.status == 0, ending.err
        return workplace

    @pytest.fixture
    def directories(self, workplace):
        (sweep,) = workplace.mlruns.glob("sweeps/*")
        return [sweep / str(number) for number in range(3)]

    def test_callbacks_are_told_when_it_begins_and_ends_and_what_it_returned(self, workplace):
        told = [json.loads(line) for line in (workplace.folder / "told.jsonl").read_text().splitlines()]
        begun = {call["num"]: (call["seed"], call["task"]) for call in told if call["what"] == "start"}
        assert begun == {0: (4, "job"), 1: (3, "job"), 2: (5, "job")}
        ended = {call["num"]: call["accuracy"] for call in told if call["what"] == "end"}
        last = {run.params["seed"]: run.metric("valid/accuracy")[-1][1] for run in workplace.runs()}
        assert ended == {0: last["4"], 1: last["3"], 2: last["5"]}

    def test_its_directory_holds_its_own_configuration(self, directories):
        for directory, seed in zip(directories, (4, 3, 5), strict=True):
            assert yaml.safe_load((directory / ".hydra" / "config.yaml").read_text())["train"]["seed"] == seed
            hydra = yaml.safe_load((directory / ".hydra" / "hydra.yaml").read_text())["hydra"]
            assert hydra["job"]["num"] == int(directory.name)
            assert hydra["runtime"]["output_dir"] == str(directory)
            assert f"train.seed={seed}" in yaml.safe_load((directory / ".hydra" / "overrides.yaml").read_text())

    def test_its_log_holds_its_own_messages(self, directories):
        for directory, seed in zip(directories, (4, 3, 5), strict=True):
            (line,) = (directory / "convsweep.log").read_text().splitlines()
            assert f"seed{seed}: valid accuracy" in line


LONG = ("data.num_train=1000", "data.num_valid=50", "data.num_test=50")


@pytest.fixture(scope="module")
def bereft(new_workplace):
    """A sweep of two stacks, one process of which was killed outright; what the store had said of it, and the end."""
    workplace = new_workplace()
    command = ("train", "-m", *LONG, "model.num_filters=2,4", "train.seed=0,1", "train.epochs=200")
    with workplace.running(*command, "hydra.launcher.n_jobs=2") as program:
        program.until(lambda: [run.status for run in workplace.runs()] == ["RUNNING"] * 4 and workplace.all_begun())
        under_way = workplace.runs()
        victim = next(run for run in under_way if run.params["num_filters"] == "4")
        os.kill(int(victim.tags["convsweep.owner"].split(":")[1]), signal.SIGKILL)
        ending = program.end()
    return workplace, under_way, ending


def test_runs_are_there_and_fill_up_while_they_train(bereft):
    _, under_way, _ = bereft
    assert {run.status for run in under_way} == {"RUNNING"}
    assert all(run.metric("valid/accuracy") for run in under_way)


def test_a_process_that_is_killed_takes_its_own_stack_along_and_no_other(bereft):
    workplace, _, ending = bereft
    statuses = {(run.params["num_filters"], run.params["seed"]): run.status for run in workplace.runs()}
    assert statuses == {("2", "0"): "FINISHED", ("2", "1"): "FINISHED", ("4", "0"): "KILLED", ("4", "1"): "KILLED"}
    assert [parent.status for parent in workplace.runs("sweep")] == ["FAILED"]
    assert ending.status == 1
    assert [line.split(" failed: ")[0] for line in ending.err.splitlines()] == ["convsweep: job 2", "convsweep: job 3"]
    assert "goes on from the last finished epoch" in ending.err


def test_when_the_first_process_is_killed_the_others_end_what_they_do(workplace):
    command = ("train", "-m", *LONG, "train.seed=0,1", "train.epochs=500")
    with workplace.running(*command) as program:
        program.until(lambda: len(workplace.runs()) == 2 and workplace.all_begun())
        family = program.family()
        program.send(signal.SIGKILL)
        program.end()
        psutil.wait_procs(family, timeout=60)
        assert not any(process.is_running() for process in family)
    assert [run.status for run in workplace.runs()] == ["KILLED"] * 2


@pytest.mark.parametrize("number", ["0", "-2"])
def test_the_number_of_processes_must_make_sense(bare_workplace, number):
    ending = bare_workplace.sweep("train.seed=0,1", f"hydra.launcher.n_jobs={number}")
    assert ending.only_line == f"'hydra.launcher.n_jobs' must be >= 1, or -1 for all cores (got {number})."
    assert list(bare_workplace.folder.iterdir()) == []
