"""The recorded difference, applied by git to the recorded commit, is the code that ran. Real repositories."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sweeps_on_disk import TINY

import convsweep
from convsweep.compare.comparison import compare_runs
from convsweep.compare.runs import load_runs
from convsweep.records.journal import read_result, run_directory
from convsweep.records.provenance import changed_files
from convsweep.records.sweep import find_sweep, sweep_directory
from convsweep.tracking.descriptions import places, run_note, sweep_note

PACKAGE = Path(convsweep.__file__).parent
IDENTITY = {f"GIT_{who}_{what}": "somebody@nowhere" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}

PROGRAM = """
import json, sys
from pathlib import Path
from convsweep.records import provenance
provenance.LARGEST_DIFF = int(sys.argv[2])
found, folder = provenance.provenance(), Path(sys.argv[1])
provenance.write_provenance(folder, found)
changes = provenance.read_changes(folder)
print(json.dumps([found.git_commit, found.git_diff is None, changes.files, changes.not_written, found.environment]))
"""


class Repository:
    """A repository with a copy of the package in ``src``, and settings of its own."""

    def __init__(self, folder):
        self.root = folder / "checkout"
        self.package = self.root / "src" / "convsweep"
        self.record = folder / "record"
        self.diff_file = self.record / "uncommitted.diff"
        self.changed, self.not_written = [], ""  # as last recorded
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "PYTHONPATH": str(self.root / "src"),
            **IDENTITY,
        }
        shutil.copytree(PACKAGE.parents[1] / "conf", self.root / "conf")
        shutil.copytree(PACKAGE, self.package, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        self.git("init", "--quiet")
        (self.root / ".gitignore").write_text("__pycache__/\n")

    def git(self, *arguments, root=None):
        done = subprocess.run(
            ["git", "-C", root or self.root, *arguments], env=self.environment, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def commit(self):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "All of it")

    def provenance(self, largest=10_000_000, **environment):
        """Return commit, difference (None: none was found) and environment, as a process records them."""
        shutil.rmtree(self.record, ignore_errors=True)
        self.record.mkdir()
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, self.record, str(largest)],
            env=self.environment | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        commit, unknown, self.changed, self.not_written, found = json.loads(done.stdout)
        written = self.diff_file.read_bytes() if self.diff_file.exists() else b""
        return commit, None if unknown else written, found

    def convsweep(self, *arguments):
        """Run a command beside the checkout; return what it says."""
        done = subprocess.run(
            [sys.executable, "-m", "convsweep", *arguments],
            cwd=self.root.parent,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def files(self, root=None):
        """Return the content and mode of every file of the package."""
        package = (root or self.root) / "src" / "convsweep"
        return {
            str(path.relative_to(package)): (path.read_bytes(), os.access(path, os.X_OK))
            for path in package.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }

    def applied(self, commit, diff):
        """Return the files of the commit with the difference applied, as somebody else would do it."""
        clone = self.root.parent / "clone"
        shutil.rmtree(clone, ignore_errors=True)
        self.git("clone", "--quiet", self.root, clone, root=self.root.parent)
        self.git("checkout", "--quiet", commit, root=clone)
        if diff:
            given = self.root.parent / "given.diff"
            given.write_bytes(diff)
            self.git("apply", given, root=clone)
        return self.files(clone)


@pytest.fixture
def repository(tmp_path):
    if shutil.which("git") is None:
        pytest.skip("needs git")
    return Repository(tmp_path)


def latin_1_byte(package):
    (package / "errors.py").write_bytes((package / "errors.py").read_bytes() + b"# caf\xe9\n")


def last_line_of_context_is_blank(package):
    path = package / "words.txt"
    path.write_text("one\ntwo\nTHREE\nfour\n\n")


def no_end_of_line(package):
    path = package / "errors.py"
    path.write_bytes(path.read_bytes().rstrip(b"\n"))


def binary_file(package):
    (package / "tracked.bin").write_bytes(bytes(range(255, -1, -1)) * 9)


def untracked_files(package):
    (package / "new.py").write_text("x = 1\n")
    (package / "new file with spaces.py").write_text("x = 2\n")
    (package / "n\u00e9w.py").write_text("x = 3\n")
    (package / 'quo"ted.py').write_text("x = 4\n")
    (package / "new.bin").write_bytes(b"\0\xff" * 99)
    (package / "empty.py").touch()


def file_with_spaces_changed(package):
    (package / "a name with spaces.txt").write_text("other\n")


def deleted_file(package):
    (package / "words.txt").unlink()


def renamed_file(package):
    (package / "words.txt").rename(package / "other words.txt")


def made_executable(package):
    (package / "words.txt").chmod(0o755)


def windows_line_ends(package):
    path = package / "errors.py"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


CHANGES = [
    latin_1_byte,
    last_line_of_context_is_blank,
    no_end_of_line,
    binary_file,
    untracked_files,
    file_with_spaces_changed,
    deleted_file,
    renamed_file,
    made_executable,
    windows_line_ends,
]
SETTINGS = {
    "color.ui": "always",
    "diff.noprefix": "true",
    "diff.mnemonicPrefix": "true",
    "diff.context": "0",
    "diff.external": "false",
    "diff.submodule": "log",
    "diff.renames": "copies",
    "diff.suppressBlankEmpty": "true",
    "core.quotePath": "false",
    "diff.relative": "true",
    "diff.orderFile": "/nowhere",
}


@pytest.fixture
def committed(repository):
    """A repository with a commit of the package and some odd files."""
    (repository.package / "words.txt").write_text("one\ntwo\nthree\nfour\n\n")
    (repository.package / "tracked.bin").write_bytes(bytes(range(256)) * 9)
    (repository.package / "a name with spaces.txt").write_text("words\n")
    repository.commit()
    return repository


def assert_gives_back_what_ran(repository):
    commit, diff, _ = repository.provenance()
    assert commit == repository.git("rev-parse", "HEAD").decode().strip()
    assert diff
    assert repository.applied(commit, diff) == repository.files()
    return diff


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_commit_and_difference_give_back_the_code_that_ran(committed, change):
    change(committed.package)
    assert_gives_back_what_ran(committed)


def test_nobodys_settings_of_git_change_what_is_recorded(committed):
    latin_1_byte(committed.package)
    last_line_of_context_is_blank(committed.package)
    untracked_files(committed.package)
    plain = assert_gives_back_what_ran(committed)
    for name, value in SETTINGS.items():
        if name != "diff.orderFile":  # a file that isn't there is git's own error
            committed.git("config", name, value)
    assert b"\x1b" not in assert_gives_back_what_ran(committed)
    assert len(changed_files(plain)) == 8


def test_an_unchanged_checkout_has_a_commit_and_no_difference(committed):
    commit, diff, environment = committed.provenance()
    assert diff == b""
    assert committed.applied(commit, diff) == committed.files()
    assert environment["packages"]["numpy"]
    assert environment["python"]


def test_files_outside_the_package_that_git_does_not_know_are_left_out(committed):
    (committed.root / "notes").write_text("mine\n")
    assert committed.provenance()[1] == b""


def test_changed_files_are_listed_by_their_names(committed):
    file_with_spaces_changed(committed.package)
    untracked_files(committed.package)
    renamed_file(committed.package)
    names = {name.removeprefix("src/convsweep/") for name in changed_files(committed.provenance()[1])}
    plain = {"a name with spaces.txt", "new file with spaces.py", "new.py", "new.bin", "empty.py"}
    assert names == plain | {"words.txt", "other words.txt", "n\\303\\251w.py", 'quo\\"ted.py'}


def test_a_repository_without_commits_has_neither(repository):
    assert repository.provenance()[:2] == (None, None)
    repository.git("add", "--all")
    assert repository.provenance()[:2] == (None, None)


def test_without_git_there_is_neither(committed, tmp_path):
    """An empty PATH, and one on which git can't be started."""
    assert committed.provenance(PATH="")[:2] == (None, None)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").write_text("not a program")
    assert committed.provenance(PATH=str(tmp_path / "bin"))[:2] == (None, None)


def test_a_copy_inside_somebody_elses_checkout_has_neither(repository):
    (repository.root / ".gitignore").write_text("src/\n")
    repository.commit()
    assert repository.provenance()[:2] == (None, None)


def test_a_submodule_whose_commit_differs_does_not_spoil_the_difference(committed, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    committed.git("init", "--quiet", root=other)
    for text in ("one", "two"):
        (other / "file").write_text(text)
        committed.git("add", "--all", root=other)
        committed.git("commit", "--quiet", "--message", text, root=other)
    committed.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "src/convsweep/sub")
    committed.commit()
    committed.git("checkout", "--quiet", "HEAD~1", root=committed.package / "sub")
    (committed.package / "sub" / "file").write_text("dirty")
    latin_1_byte(committed.package)
    committed.git("config", "diff.submodule", "diff")
    commit, diff, _ = committed.provenance()
    assert b"Subproject commit" in diff
    ran = {name: content for name, content in committed.files().items() if not name.startswith("sub/")}
    assert committed.applied(commit, diff) == ran


def test_a_repository_within_the_package_that_git_does_not_know_is_left_out(committed):
    inner = committed.package / "inner"
    inner.mkdir()
    committed.git("init", "--quiet", root=inner)
    (inner / "file").write_text("x")
    latin_1_byte(committed.package)
    commit, diff, _ = committed.provenance()
    ran = {name: content for name, content in committed.files().items() if not name.startswith("inner/")}
    assert committed.applied(commit, diff) == ran


def test_a_difference_that_is_too_large_is_not_written_and_the_record_says_so(committed):
    (committed.package / "words.txt").write_text("one word\n" * 1000)
    _, whole, _ = committed.provenance(largest=20_000)
    assert whole.count(b"one word") == 1000
    assert committed.provenance(largest=2000)[1] == b""
    assert not committed.diff_file.exists()
    assert committed.changed == ["src/convsweep/words.txt"]
    assert committed.not_written == f"it has {len(whole):,} bytes, more than 2,000"


WORDS = {"MLFLOW_TRACKING_PASSWORD": "dev", "MLFLOW_TRACKING_TOKEN": "mlflow", "PGPASSWORD": "as a header says"}


def test_words_that_look_like_credentials_or_equal_short_ones_change_nothing(committed):
    """Stars in their place would make a difference that `git apply` refuses, or worse, applies."""
    path = committed.package / "words.txt"
    path.write_text("one\nBasic word\nBearer word\n# of the dev, in mlflow\n")
    commit, diff, _ = committed.provenance(**WORDS)
    assert b"Basic word\n+Bearer word\n+# of the dev, in mlflow\n" in diff
    assert committed.applied(commit, diff) == committed.files()


SECRETS = {
    "MLFLOW_TRACKING_TOKEN": "t0ken/with+signs",
    "MLFLOW_TRACKING_URI": "https://ada:correct%20horse@127.0.0.1",
    "AWS_SECRET_ACCESS_KEY": "not-in-any-file",
}


@pytest.mark.parametrize("spelling", ["'t0ken/with+signs'", "https://t0ken%2Fwith%2Bsigns@there"])
def test_a_difference_that_holds_a_credential_is_not_written_and_the_record_says_which_file_holds_which(
    committed, spelling
):
    file_with_spaces_changed(committed.package)
    (committed.package / "words.txt").write_text(f"TOKEN = {spelling}\n")
    (committed.package / "new.py").write_text("x = 't0ken/with+signs, correct horse'\n")
    assert committed.provenance(**SECRETS)[1] == b""
    assert sorted(committed.not_written.split("; ")) == [
        "src/convsweep/new.py holds the value of MLFLOW_TRACKING_TOKEN, MLFLOW_TRACKING_URI",
        "src/convsweep/words.txt holds the value of MLFLOW_TRACKING_TOKEN",
    ]
    names = ["a name with spaces.txt", "new.py", "words.txt"]
    assert sorted(committed.changed) == [f"src/convsweep/{name}" for name in names]
    recorded = b"".join(path.read_bytes() for path in committed.record.iterdir())
    assert b"t0ken" not in recorded
    assert b"horse" not in recorded


def test_a_part_of_a_longer_word_is_no_credential(committed):
    (committed.package / "words.txt").write_text("x = 'Xcorrect horses'\n")
    assert b"+x = 'Xcorrect horses'" in committed.provenance(PGPASSWORD="correct horse")[1]


class TestASweepContinuedUnderAnotherCommit:
    """The first launch trained one of two runs to its end, and the other's first epoch; the second launch the rest."""

    @pytest.fixture(scope="class")
    @classmethod
    def repository(cls, tmp_path_factory):
        if shutil.which("git") is None:
            pytest.skip("needs git")
        repository = Repository(tmp_path_factory.mktemp("continued"))
        repository.commit()
        command = ("train", "-m", "train.seed=0,1", *TINY, "tracking.enabled=false")
        repository.convsweep(*command)
        sweep = find_sweep(repository.root.parent / "mlruns")
        record = run_directory(repository.root.parent / "mlruns", sweep.jobs[1].run_key)
        (record / "result.json").unlink()
        (record / "checkpoints" / "epoch_002.npz").unlink()
        (repository.package / "errors.py").write_bytes((repository.package / "errors.py").read_bytes() + b"# more\n")
        repository.commit()
        (repository.package / "errors.py").write_bytes((repository.package / "errors.py").read_bytes() + b"# yet\n")
        repository.convsweep(*command)
        return repository

    @pytest.fixture(scope="class")
    @classmethod
    def commits(cls, repository):
        return repository.git("log", "--format=%H", "--reverse").decode().split()

    @pytest.fixture(scope="class")
    @classmethod
    def sweep(cls, repository):
        return find_sweep(repository.root.parent / "mlruns")

    def test_each_launch_is_recorded_and_its_difference_is_kept(self, repository, commits, sweep):
        assert [launched.commit for launched in sweep.launches] == commits
        assert sweep.launches[0].diff == ""
        directory = sweep_directory(repository.root.parent / "mlruns", sweep.id)
        (kept,) = directory.glob("*.diff")
        assert kept.name == f"uncommitted-{sweep.launches[1].diff[:7]}.diff"
        assert hashlib.sha256(kept.read_bytes()).hexdigest() == sweep.launches[1].diff
        assert repository.applied(commits[1], kept.read_bytes()) == repository.files()
        assert [path.name for path in directory.glob("environment*.json")] == ["environment.json"]

    def test_each_attempt_names_the_code_that_ran(self, repository, commits, sweep):
        mlruns = repository.root.parent / "mlruns"
        one, other = (read_result(run_directory(mlruns, job.run_key)).attempts for job in sweep.jobs)
        assert [attempt.commit for attempt in one] == commits[:1]
        assert [attempt.commit for attempt in other] == commits
        assert other[1].diff == sweep.launches[1].diff

    def test_compare_the_report_and_mlflows_descriptions_tell_both_commits(self, repository, commits, sweep):
        first, second = (commit[:7] for commit in commits)
        changed = f"{second} with changes {sweep.launches[1].diff[:7]}"
        told = f"Runs were trained by different commits ({first} 1, {first}+{changed} 1)."
        assert told in repository.convsweep("compare", "--html", "report.html")
        report = (repository.root.parent / "report.html").read_text()
        assert told in report
        assert changed in report
        runs = load_runs(repository.root.parent / "mlruns", sweep)
        comparisons = compare_runs(runs, sweep.axes)
        assert told in sweep_note("1", sweep, "2 finished", comparisons, {}, mlruns=repository.root.parent / "mlruns")
        mixed = next(run for run in runs if len(run.result.attempts) == 2)
        assert f"({first}+{changed} 1)" in run_note(mixed, "FINISHED", sweep, places(comparisons[0])[mixed.run_key])
