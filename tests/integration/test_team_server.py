"""``docs/cluster.md``, "MLflow for a team": the page's own commands, on a database server and a folder of the test's.

And whoever uses such a server: passwords and tokens appear nowhere.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "cluster.md"
BIN = Path(sys.executable).parent
TINY = "data.num_train=100 data.num_valid=50 data.num_test=50 train.epochs=2 train.window=50"
PATIENCE = 300  # seconds until a server that should have come up is given up on
CALM = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "60"}  # seconds: other people work on this machine, too


def blocks():
    """The commands of the section, in the order of its steps."""
    section = PAGE.read_text().partition("## MLflow for a team\n")[2]
    return re.findall(r"```bash\n(.*?)```", section, re.DOTALL)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


class Team(NamedTuple):
    """A server that was set up as the page says."""

    folder: Path
    variables: dict[str, str]  # what the page's commands leave to their environment
    secrets: dict[str, str]  # the content of the files of passwords

    def environment(self, **more):
        """What a command of the page runs in: nothing of this machine's MLflow settings."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "PG"))}
        path = f"{BIN}:{os.environ['PATH']}"
        return inherited | self.variables | {"PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true"} | CALM | more

    def run(self, block, folder, **more):
        """Run a block of the page to its end; return what it printed."""
        done = subprocess.run(
            ["bash", "-e", "-u", "-o", "pipefail", "-c", block],
            cwd=folder,
            env=self.environment(**more),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    @property
    def address(self):
        """Of the server, without a user."""
        return f"http://127.0.0.1:{self.variables['TEAM_PORT']}"


@pytest.fixture(scope="module")
def team():
    """Database and server of steps 1 to 4."""
    pytest.importorskip("psycopg", reason="needs the extra 'postgresql'")
    pytest.importorskip("flask_wtf", reason="needs the extra 'dev'")
    if not list(Path("/usr/lib/postgresql").glob("*/bin")) or os.geteuid() != 0 or shutil.which("runuser") is None:
        pytest.skip("needs PostgreSQL's programs, and to start them as another user")
    passwords, database, server, user, _ = blocks()
    folder = Path(subprocess.run(["mktemp", "-d"], check=True, capture_output=True, text=True).stdout.strip())
    ports = {"PGPORT": free_port(), "TEAM_PORT": free_port(), "TEAM_HOST": "127.0.0.1", "TEAM_SERVER": "127.0.0.1"}
    team = Team(folder, {"TEAM_FOLDER": str(folder), "TEAM_OVERRIDES": TINY, **ports}, {})
    process = None
    try:
        team.run(passwords, folder)
        (folder / "ada-password").write_text("correct/horse battery\n")
        team.secrets.update({path.name: path.read_text().strip() for path in folder.iterdir() if "-" in path.name})
        assert {oct(path.stat().st_mode & 0o077) for path in folder.glob("*-*") if "ada" not in path.name} == {"0o0"}
        folder.chmod(0o777)
        shutil.chown(folder / "database-password", "postgres")
        with (folder / "output").open("w") as output:
            command = ["runuser", "-u", "postgres", "--", "bash", "-e", "-u", "-c", database]
            subprocess.run(command, check=True, stdout=output, stderr=output, env=team.environment(), cwd="/")
            command = ["bash", "-e", "-u", "-c", server]
            process = subprocess.Popen(command, stdout=output, stderr=output, env=team.environment(), cwd=folder)
        wait_for(f"{team.address}/health", process, folder / "output")
        team.run(user, folder)
        yield team
    finally:
        if process is not None:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
            process.kill()
            process.wait()
        stop = f'"$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)/pg_ctl" -D {folder}/database -m immediate stop'
        quiet = subprocess.DEVNULL
        subprocess.run(["runuser", "-u", "postgres", "--", "bash", "-c", stop], check=False, stdout=quiet, stderr=quiet)
        shutil.rmtree(folder)


def wait_for(address, process, output):
    deadline = time.monotonic() + PATIENCE
    while True:
        assert process.poll() is None, output.read_text()
        assert time.monotonic() < deadline, output.read_text()
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.2)


@pytest.fixture(scope="module")
def trained(team, tmp_path_factory):
    """What step 5 printed, and the folder in which it was done."""
    folder = tmp_path_factory.mktemp("trained")
    return team.run(blocks()[4], folder), folder


def client(team, monkeypatch, user="ada"):
    """MLflow's client, signed in as somebody."""
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", user)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", team.secrets[f"{user}-password"])
    return MlflowClient(team.address)


def files_below(*folders):
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


def test_the_servers_runs_are_those_of_the_page_with_files_models_and_a_finished_parent(team, trained, monkeypatch):
    printed, _ = trained
    assert "MLflow has everything that was launched here (1 launch)." in printed
    mlflow = client(team, monkeypatch)
    runs = mlflow.search_runs([mlflow.get_experiment_by_name("convsweep").experiment_id])
    roles = [run.data.tags["convsweep.role"] for run in runs]
    assert (roles.count("run"), roles.count("sweep")) == (4, 1)
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert all(run.info.artifact_uri.startswith("mlflow-artifacts:/") for run in runs)
    assert len(list((team.folder / "artifacts").rglob("result.json"))) == 4
    assert len(mlflow.search_logged_models([runs[0].info.experiment_id])) == 4


@pytest.mark.usefixtures("trained")
def test_the_database_holds_the_runs(team):
    import psycopg

    address = f"postgresql://mlflow:{team.secrets['database-password']}@127.0.0.1:{team.variables['PGPORT']}/mlflow"
    with psycopg.connect(address) as database:
        assert database.execute("SELECT count(*) FROM runs").fetchone() == (5,)


def test_no_password_is_printed_or_written_where_runs_are_recorded_or_served(team, trained):
    printed, folder = trained
    written = files_below(folder, team.folder / "artifacts")
    assert len(written) > 50
    for secret in team.secrets.values():
        assert secret not in printed
        for path in [*written, team.folder / "output", team.folder / "database.log"]:
            assert secret.encode() not in path.read_bytes(), path


@pytest.mark.usefixtures("trained")
def test_no_password_is_in_the_database_of_runs(team):
    dump = '"$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)/pg_dump"'
    more = {"PGHOST": "127.0.0.1", "PGUSER": "mlflow", "PGPASSWORD": team.secrets["database-password"]}
    content = team.run(f"{dump} mlflow", team.folder, **more)
    assert "convsweep.sweep" in content
    assert all(secret not in content for secret in team.secrets.values())


def test_no_password_is_in_a_command_line_of_the_server(team):
    words = " ".join(word for process in psutil.process_iter(["cmdline"]) for word in process.info["cmdline"] or ())
    assert str(team.folder) in words
    assert all(secret not in words for secret in team.secrets.values())


def convsweep(team, folder, *arguments, **environment):
    """Run the program; return its status and what it printed."""
    done = subprocess.run(
        [BIN / "convsweep", *arguments],
        cwd=folder,
        env=team.environment(**environment),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    "given",
    [
        {"MLFLOW_TRACKING_URI": "http://{host}"},
        {"MLFLOW_TRACKING_URI": "http://{host}", "MLFLOW_TRACKING_USERNAME": "ada"},
        {"MLFLOW_TRACKING_URI": "http://ada:wr0ng%2Fpassword@{host}"},
        {"MLFLOW_TRACKING_URI": "http://wr0ng-token@{host}"},
        {
            "MLFLOW_TRACKING_URI": "http://{host}",
            "MLFLOW_TRACKING_USERNAME": "ada",
            "MLFLOW_TRACKING_PASSWORD": "wr0ng/password",
        },
        {"MLFLOW_TRACKING_URI": "http://{host}", "MLFLOW_TRACKING_TOKEN": "wr0ng-token"},
    ],
    ids=[
        "nothing",
        "user without password",
        "password in the address",
        "token in the address",
        "password in the environment",
        "token in the environment",
    ],
)
def test_a_wrong_password_or_token_is_refused_in_a_line_that_does_not_show_it(team, tmp_path, given):
    environment = {name: value.format(host=team.address.removeprefix("http://")) for name, value in given.items()}
    status, printed = convsweep(team, tmp_path, "train", *TINY.split(), **environment)
    assert status == 1
    assert "Traceback" not in printed
    refusals = [line for line in printed.splitlines() if "cannot be used" in line]
    if "MLFLOW_TRACKING_TOKEN" in given:  # this server itself breaks on a token, and answers with 500
        said = "it wants a user and a password (HTTP 401), no token: set MLFLOW_TRACKING_USERNAME and "
    else:
        said = "it refuses the user and password, or the token, or that there are none (HTTP 401): MLflow takes user "
    assert f"cannot be used: {said}" in refusals[-1]
    assert {"MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"} <= set(
        re.findall(r"MLFLOW_\w+", refusals[-1])
    )
    assert "`convsweep sync` sends them" in refusals[-1]
    everything = printed + "".join(path.read_bytes().decode(errors="replace") for path in files_below(tmp_path))
    assert "wr0ng" not in everything
    status, printed = convsweep(team, tmp_path, "ui", **environment)
    assert (status, "wr0ng" in printed) == (1, False)


def test_an_address_that_holds_the_password_is_printed_without_it(team, trained):
    _, folder = trained
    password = team.secrets["ada-password"].replace("/", "%2F").replace(" ", "%20")
    address = team.address.replace("//", f"//ada:{password}@")
    status, printed = convsweep(team, folder, "ui", MLFLOW_TRACKING_URI=address)
    assert status == 0
    assert f"{team.address}/#/experiments/" in printed
    assert "horse" not in printed


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("tracking.experiment=a-long-token", "(got that of MLFLOW_TRACKING_TOKEN)"),
        (
            "+hydra.job.env_set.MLFLOW_TRACKING_TOKEN=other",
            "'+hydra.job.env_set.MLFLOW_TRACKING_TOKEN' would be recorded",
        ),
    ],
)
def test_an_argument_that_holds_a_token_is_refused_before_anything_is_recorded(team, tmp_path, argument, said):
    status, printed = convsweep(team, tmp_path, "train", "-m", argument, MLFLOW_TRACKING_TOKEN="a-long-token")
    assert status == 1
    assert said in printed
    assert "a-long-token" not in printed
    assert list(tmp_path.iterdir()) == []
