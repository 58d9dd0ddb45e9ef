"""What is imported when: the walls that import-linter's contracts (pyproject.toml) can't hold."""

import json
import os
import subprocess
import sys

import pytest
from configurations import small_job, small_sweep

from convsweep.data import load
from convsweep.records.sweep import write_sweep
from convsweep.runs.stack import run_stack

PROGRAM = """
import json, sys
from convsweep.commands.main import main
sys.argv = ["convsweep", *sys.argv[1:]]
try:
    main()
finally:
    print("IMPORTED", json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""

HEAVY = {"mlflow", "matplotlib", "pandas", "scipy", "sqlalchemy"}


def imported_by(arguments, folder, **environment):
    """Run a command in a process of its own; return its exit status, and the packages imported by its end."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line for line in done.stdout.splitlines() if line.startswith("IMPORTED ")]
    return done.returncode, set(json.loads(said[-1].removeprefix("IMPORTED "))), done.stdout + done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        "--help",
        "train --help",
        "plan --help",
        "watch --help",
        "compare --help",
        "predict --help",
        "sync --help",
        "ui --help",
        "reproduce --help",
    ],
)
def test_help_imports_nothing_heavy_and_writes_nothing(arguments, tmp_path):
    status, packages, output = imported_by(arguments.split(), tmp_path)
    assert status == 0, output
    assert packages & HEAVY == set()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", ["train train.epochs=0", "train -m train.epochs=0,1", "plan train.epochs=0"])
def test_refusing_a_configuration_imports_nothing_heavy_and_writes_nothing(arguments, tmp_path):
    status, packages, output = imported_by(arguments.split(), tmp_path)
    assert status == 1
    assert "'train.epochs' must be >= 1 (got 0)." in output
    assert packages & HEAVY == set()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", ["convsweep ", "convsweep train train.ep", "convsweep pl"])
def test_completion_imports_nothing_heavy(words, tmp_path):
    """As bash asks for it."""
    asked = {"_CONVSWEEP_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    program = PROGRAM.replace("main()\n", "commands(prog_name='convsweep')\n").replace("import main", "import commands")
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=os.environ | asked,
        capture_output=True,
        text=True,
        check=True,
    )
    *completions, imported = done.stdout.splitlines()
    assert completions
    assert set(json.loads(imported.removeprefix("IMPORTED "))) & HEAVY == set()


@pytest.fixture(scope="module")
def mlruns(tmp_path_factory):
    """A finished sweep of two jobs."""
    folder = tmp_path_factory.mktemp("work")
    jobs = [small_job(folder / "mlruns", number, {"train.seed": number}) for number in range(2)]
    assert run_stack(jobs) == {}
    write_sweep(folder / "mlruns", small_sweep(jobs, state="finished"))
    return folder


@pytest.fixture(scope="module")
def picture(mlruns):
    from PIL import Image

    path = mlruns / "digit.png"
    Image.fromarray(load(small_job(mlruns).config.data).splits.test.images[0]).save(path)
    return path


@pytest.mark.parametrize(
    "arguments", ["plan", "plan -m train.seed=0,1,2", "watch", "compare", "predict best digit.png"]
)
def test_what_is_read_from_records_does_not_import_mlflow(arguments, mlruns, picture):
    assert picture.exists()
    before = {path for path in mlruns.rglob("*") if path.name != "lock"}
    status, packages, output = imported_by(arguments.split(), mlruns)
    assert status == 0, output
    assert packages & {"mlflow", "sqlalchemy"} == set()
    assert {path for path in mlruns.rglob("*") if path.name != "lock"} == before


def test_the_mathematics_imports_numpy_and_the_standard_library_only():
    program = "import json, sys, convsweep.nn.training; print(json.dumps(sorted(sys.modules)))"
    before = subprocess.run(
        [sys.executable, "-c", program.replace("convsweep.nn.training", "numpy.random")],
        capture_output=True,
        text=True,
        check=True,
    )
    after = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    new = {name.partition(".")[0] for name in set(json.loads(after.stdout)) - set(json.loads(before.stdout))}
    assert new - set(sys.stdlib_module_names) <= {"numpy", "convsweep"}


def test_the_statistics_of_comparing_runs_import_neither_pandas_nor_all_of_scipy():
    """``scipy.stats`` takes half a second, ``scipy.special`` a tenth."""
    modules = ("best", "budget", "effects", "intervals", "paired", "pareto")
    program = "import json, sys; print(json.dumps(sorted(sys.modules)))"
    imports = "".join(f"import convsweep.compare.statistics.{module}; " for module in modules)
    done = subprocess.run([sys.executable, "-c", imports + program], capture_output=True, text=True, check=True)
    assert {"pandas", "scipy.stats", "scipy.optimize"} & set(json.loads(done.stdout)) == set()
