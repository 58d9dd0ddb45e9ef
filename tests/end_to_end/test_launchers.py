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
    "tracking.enabled=false",
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
SAYS = {  # what only this launcher says
    "basic": "Launching 16 jobs locally",
    "joblib": "Joblib.Parallel(n_jobs=2",
    "stacked": "Training 16 jobs in 2 stacks, 2 at a time",
    "stacked, one process": "Training 16 jobs in 2 stacks, 1 at a time",
    "stacked, eight processes": "Training 16 jobs in 8 stacks, 8 at a time",
    "stacked, batches of three": "Training 3 jobs in",
    "stacked, other neighbours": "Training 32 jobs in",
}


@pytest.fixture(scope="module")
def sweeps(new_workplace):
    """The mixed sweep under every launcher, and how each ended."""
    found = {}
    for name, overrides in LAUNCHERS.items():
        workplace = new_workplace(store=False)
        found[name] = workplace, workplace.convsweep(*MIXED, *overrides)
    return found


@pytest.mark.parametrize("name", LAUNCHERS)
def test_every_job_ends_well_under_every_launcher(sweeps, name):
    workplace, ending = sweeps[name]
    assert (ending.status, ending.err) == (0, "")
    assert [sweep["state"] for sweep in workplace.sweeps()] == ["finished"]
    outcomes = Counter(
        (yaml.safe_load((record / "config.yaml").read_text())["train"]["learning_rate"], outcome(record))
        for record in workplace.records()
    )
    assert outcomes[10, "diverged"] == outcomes[0.005, "finished"] > 0


def outcome(record):
    return json.loads((record / "result.json").read_text())["outcome"]


@pytest.mark.parametrize("name", [name for name in LAUNCHERS if name != "basic"])
def test_records_are_the_same_bits_as_when_jobs_run_one_by_one(sweeps, digests_of, events_of, name):
    """Weights, biases, filters of every epoch, and every metric."""
    one_by_one = {record.name: record for record in sweeps["basic"][0].records()}
    others = {record.name: record for record in sweeps[name][0].records()}
    common = one_by_one.keys() & others.keys()
    assert len(common) == (8 if "neighbours" in name else 16)
    for key in common:
        assert digests_of(others[key]) == digests_of(one_by_one[key])
        assert events_of(others[key]) == events_of(one_by_one[key])


@pytest.mark.parametrize("name", LAUNCHERS)
def test_each_sweep_ran_under_the_launcher_it_asked_for(sweeps, name):
    """Lest the test above compare a launcher with itself."""
    assert SAYS[name] in sweeps[name][1].out


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
        self.tell("end", num=config.hydra.job.num, seed=job_return.cfg.train.seed, accuracy=accuracy)

    def tell(self, what, **fields):
        with open("told.jsonl", "a") as file:
            print(json.dumps({"what": what, **fields}), file=file)
"""

    @pytest.fixture(scope="class")
    @classmethod
    def workplace(cls, new_workplace):
        workplace = new_workplace(store=False)
        (workplace.folder / "callbacks.py").write_text(cls.CALLBACK)
        overrides = ["train.seed=4,3,5", "+hydra.callbacks.told._target_=callbacks.Told", "tracking.enabled=false"]
        ending = workplace.sweep(*overrides, PYTHONPATH=str(workplace.folder))
        assert ending.status == 0, ending.err
        return workplace

    @pytest.fixture
    def directories(self, workplace):
        (sweep,) = workplace.mlruns.glob("sweeps/*")
        return [sweep / str(number) for number in range(3)]

    def test_callbacks_are_told_when_a_job_begins_and_ends_and_what_it_returned(self, workplace, events_of):
        told = [json.loads(line) for line in (workplace.folder / "told.jsonl").read_text().splitlines()]
        begun = {call["num"]: (call["seed"], call["task"]) for call in told if call["what"] == "start"}
        assert begun == {0: (4, "train"), 1: (3, "train"), 2: (5, "train")}
        ended = {call["num"]: (call["seed"], call["accuracy"]) for call in told if call["what"] == "end"}
        (sweep,) = workplace.sweeps()
        for number, _, key, _ in sweep["jobs"]:
            events = events_of(workplace.mlruns / "runs" / key)
            last = [event["accuracy"] for event in events if event.get("split") == "valid"][-1]
            assert ended[number] == ((4, 3, 5)[number], last)

    def test_a_jobs_directory_holds_its_own_configuration(self, directories):
        for directory, seed in zip(directories, (4, 3, 5), strict=True):
            assert yaml.safe_load((directory / ".hydra" / "config.yaml").read_text())["train"]["seed"] == seed
            hydra = yaml.safe_load((directory / ".hydra" / "hydra.yaml").read_text())["hydra"]
            assert hydra["job"]["num"] == int(directory.name)
            assert hydra["runtime"]["output_dir"] == str(directory)
            assert f"train.seed={seed}" in yaml.safe_load((directory / ".hydra" / "overrides.yaml").read_text())

    def test_a_jobs_log_holds_its_own_result(self, directories):
        for directory, seed in zip(directories, (4, 3, 5), strict=True):
            (line,) = (directory / "convsweep.log").read_text().splitlines()
            assert f"seed{seed}: valid accuracy" in line


UNREADABLE = """
from pathlib import Path
from hydra.experimental.callback import Callback

class Loops(Callback):
    ended = 0

    def on_job_start(self, config, **kwargs):
        self.put_loops("failure.json")

    def on_job_end(self, config, **kwargs):
        self.ended += 1
        if self.ended == 2:
            self.put_loops("result.json")

    def put_loops(self, name):
        for folder in Path("mlruns/runs").glob("*"):
            (folder / name).unlink(missing_ok=True)
            (folder / name).symlink_to(name)
"""


def test_records_that_the_display_cannot_read_do_not_decide_how_a_sweep_ended(bare_workplace, key_of):
    """Loops of links while jobs train, and once both have ended; a shared disk's stale handles are read alike."""
    (bare_workplace.folder / "loops.py").write_text(UNREADABLE)
    for seed in range(2):
        (bare_workplace.mlruns / "runs" / key_of(f"train.seed={seed}", "train.epochs=60")).mkdir(parents=True)
    callback = "+hydra.callbacks.loops._target_=loops.Loops"
    given = ("train.seed=0,1", "train.epochs=60", "tracking.enabled=false", "hydra.launcher.n_jobs=1", callback)
    ending = bare_workplace.sweep(*given, PYTHONPATH=str(bare_workplace.folder))
    assert (ending.status, ending.err) == (0, "")
    assert [sweep["state"] for sweep in bare_workplace.sweeps()] == ["finished"]
    assert [(record / "result.json").is_symlink() for record in bare_workplace.records()] == [True, True]


def test_output_that_nobody_reads_any_more_does_not_end_a_sweep(bare_workplace):
    command = (
        f"'{bare_workplace.program}' train -m {' '.join(FEW)} 'train.seed=range(4)' tracking.enabled=false | head -1"
    )
    ending = bare_workplace.start(["bash", "-c", f"set -o pipefail; {command}"]).end()
    assert (ending.status, ending.err) == (0, "")
    assert [sweep["state"] for sweep in bare_workplace.sweeps()] == ["finished"]
    assert len(list(bare_workplace.mlruns.glob("runs/*/result.json"))) == 4


LONG = ("train", "-m", "data.num_train=1000", "data.num_valid=50", "data.num_test=50", "tracking.enabled=false")


def worker_at(program, workplace, num_filters):
    """Return the process that trains the runs with so many filters: it has their files of events open."""
    records = {
        str(record / "events.jsonl")
        for record in workplace.records()
        if yaml.safe_load((record / "config.yaml").read_text())["model"]["num_filters"] == num_filters
    }
    for process in program.family()[1:]:
        if records & {file.path for file in process.open_files()}:
            return process
    return None


class TestKilledWorkers:
    """A process that is killed outright, as the kernel does when memory runs out."""

    COMMAND = (*LONG, "model.num_filters=2,4", "train.seed=0,1", "hydra.launcher.n_jobs=2")

    def kill(self, program, workplace):
        """Kill the process at work on the runs of 4 filters; return its number."""
        found = []
        program.until(lambda: found.append(worker_at(program, workplace, 4)) or found[-1] is not None)
        os.kill(found[-1].pid, signal.SIGKILL)
        return found[-1].pid

    def test_a_stack_whose_process_is_killed_once_goes_on_from_its_last_checkpoints(self, new_workplace, digests_of):
        workplace, undisturbed = new_workplace(store=False), new_workplace(store=False)
        assert undisturbed.convsweep(*self.COMMAND, "train.epochs=80").status == 0
        with workplace.running(*self.COMMAND, "train.epochs=80") as program:
            program.until(lambda: workplace.all_begun(4))
            self.kill(program, workplace)
            ending = program.end()
        assert (ending.status, ending.err) == (0, "")
        for record in workplace.records():
            assert digests_of(record) == digests_of(undisturbed.mlruns / "runs" / record.name)

    def test_jobs_whose_process_is_killed_twice_fail_with_one_line_and_no_others_do(self, new_workplace):
        workplace = new_workplace(store=False)
        with workplace.running(*self.COMMAND, "train.epochs=300") as program:
            program.until(lambda: workplace.all_begun(4))
            first = self.kill(program, workplace)
            program.until(lambda: getattr(worker_at(program, workplace, 4), "pid", first) != first)
            self.kill(program, workplace)
            ending = program.end()
        assert ending.status == 1
        lines = ending.err.splitlines()
        assert [line.split(" failed: ")[0] for line in lines] == ["convsweep: 2 jobs (2, 3)"]
        assert all("was killed 2 times" in line for line in lines)
        assert sum((record / "result.json").exists() for record in workplace.records()) == 2


def test_workers_end_when_the_first_process_is_killed(new_workplace):
    workplace = new_workplace(store=False)
    with workplace.running(*LONG, "train.seed=0,1", "train.epochs=500") as program:
        program.until(lambda: workplace.all_begun(2))
        family = program.family()
        program.send(signal.SIGKILL)
        program.end()
        psutil.wait_procs(family, timeout=60)
        assert len(family) > 2
        assert not any(process.is_running() for process in family)


@pytest.mark.parametrize("launcher", [[], ["hydra/launcher=basic"]], ids=["stacked", "basic"])
def test_a_fault_of_the_programs_own_is_told_with_its_traceback(new_workplace, launcher):
    """Where a fault happens is most of what is needed to mend it; the job's own log keeps it, too."""
    workplace = new_workplace(store=False)
    broken = workplace.folder / "sitecustomize.py"
    broken.write_text(
        "import convsweep.runs.training as training\n"
        "def broken(*_):\n    raise LookupError('nobody expected this')\n"
        "training.beginning = broken\n"
    )
    ending = workplace.sweep("train.seed=0,1", "tracking.enabled=false", *launcher, PYTHONPATH=str(workplace.folder))
    assert ending.status == 1
    assert "LookupError: nobody expected this" in ending.err
    assert "sitecustomize.py" in ending.err
    if not launcher:
        (sweep,) = workplace.mlruns.glob("sweeps/*")
        assert "sitecustomize.py" in (sweep / "0" / "convsweep.log").read_text()
        failure = json.loads(next(workplace.mlruns.glob("runs/*/failure.json")).read_text())
        assert (failure["type"], failure["text"]) == ("LookupError", "LookupError: nobody expected this")


@pytest.mark.parametrize("number", ["0", "-2"])
def test_the_number_of_processes_must_make_sense(bare_workplace, number):
    ending = bare_workplace.sweep("train.seed=0,1", f"hydra.launcher.n_jobs={number}")
    assert ending.only_line == f"'hydra.launcher.n_jobs' must be >= 1, or -1 for all cores (got {number})."
    assert list(bare_workplace.folder.iterdir()) == []
