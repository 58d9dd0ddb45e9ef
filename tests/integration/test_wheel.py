"""The built wheel, apart from the checkout: it must bring its configuration and tables along, and no studies."""

import subprocess
import sys
import zipfile


def test_an_unpacked_wheel_composes_its_configuration(pytestconfig, tmp_path):
    """Its modules come first on the path; its ``conf`` lies inside the package."""
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", tmp_path, pytestconfig.rootpath], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    program = (
        "from convsweep.hydra_app.compose import compose_run, conf_dir; "
        "print(compose_run(['experiment=first_sweep']).train.epochs, conf_dir())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(folder)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["3", str(folder / "convsweep" / "conf")]
    assert (folder / "convsweep" / "reproduce" / "reported.csv").is_file()
    report = {"page.css", "page.html.jinja", "page.js", "part.html.jinja"}
    assert report <= {path.name for path in (folder / "convsweep" / "compare" / "report").iterdir()}
    assert (folder / "hydra_plugins" / "convsweep_grid.py").is_file()
    assert not (folder / "hydra_plugins" / "__init__.py").exists()
    assert {path.name for path in folder.iterdir() if path.suffix != ".dist-info"} == {"convsweep", "hydra_plugins"}
