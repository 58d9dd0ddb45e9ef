"""The walls between modules: who may import whom."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import convsweep

PACKAGE = Path(convsweep.__file__).parent
MATHEMATICS = ("patches", "layers", "network", "training")
ORDER = (
    "nn",
    "config",
    "data",
    "records",
    "pictures",
    "terminal",
    "compare",
    "reproduce",
    "hydra_app",
    "commands",
    "studies",
)


def imports(path):
    """Return the modules that a file imports, at its top or inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def top_level(names):
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("module", MATHEMATICS)
def test_the_mathematics_needs_numpy_and_the_standard_library_only(module):
    others = top_level(imports(PACKAGE / "nn" / f"{module}.py")) - set(sys.stdlib_module_names)
    assert others <= {"numpy", "convsweep"}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_mlflow_is_imported_in_tracking_only(path):
    if "tracking" not in path.relative_to(PACKAGE).parts:
        assert "mlflow" not in top_level(imports(path))


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_hydra_and_omegaconf_stay_at_the_edge(path):
    within = path.relative_to(PACKAGE)
    if within.parts[0] != "hydra_app":
        assert not top_level(imports(path)) & {"hydra", "omegaconf"}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_pytorch_is_imported_by_its_study_only(path):
    if path.name != "torch_network.py":
        assert "torch" not in top_level(imports(path))


def test_statistics_know_nothing_of_ours():
    assert "convsweep" not in top_level(imports(PACKAGE / "reproduce" / "statistics.py"))


@pytest.mark.parametrize("module", ["printing", "reported", "study", "parallel"])
def test_what_workers_import_is_light(module):
    """Every process of a study imports these: no configuration, no store, no pictures, no tables."""
    ours = {name for name in imports(PACKAGE / "reproduce" / f"{module}.py") if name.startswith("convsweep.")}
    light = {f"convsweep.{name}" for name in ("nn", "errors", "runs", "reproduce")}
    assert {".".join(name.split(".")[:2]) for name in ours} <= light
    assert not top_level(imports(PACKAGE / "reproduce" / f"{module}.py")) & {"scipy", "pandas", "rich", "matplotlib"}


def test_imports_point_one_way():
    """Each layer may import those before it in ORDER, none after."""
    for position, name in enumerate(ORDER):
        paths = sorted((PACKAGE / name).glob("*.py")) or [PACKAGE / f"{name}.py"]
        for later in ORDER[position + 1 :]:
            for path in paths:
                assert not any(f"convsweep.{later}" in (found, found[: len(later) + 10]) for found in imports(path)), (
                    path
                )


@pytest.mark.parametrize(
    "arguments",
    [
        "--help",
        "train --help",
        "train train.epochs=0",
        "train -m train.epochs=0,1",
        "reproduce --help",
        "reproduce data.num_train=0",
    ],
)
def test_help_and_configuration_errors_do_not_import_mlflow(arguments, tmp_path):
    program = f"""
import sys
from convsweep.commands.main import main
sys.argv = ["convsweep", *{arguments.split()!r}]
try:
    main()
finally:
    assert "mlflow" not in sys.modules, "mlflow was imported"
    assert "matplotlib" not in sys.modules, "matplotlib was imported"
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "was imported" not in done.stderr
    assert done.returncode == ("0," in arguments or arguments.endswith("=0"))
    assert list(tmp_path.iterdir()) == []
