"""MLflow's store itself: made whole, moved, deleted, refused, wherever it lies and whatever it is called."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import filelock
import numpy as np
import pytest
from shifted_clocks import needs_compiler, shifted
from store_content import folder_of, read_content, read_statuses
from sweeps_on_disk import kill

from convsweep.tracking import addresses, database
from convsweep.tracking.store import StoreError, connect, open_existing

ODD_NAMES = ["a?b", "100%25 done", "bob's sweep", "größe 例", "a#b"]

LOAD = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("convsweep", "hydra"):
            raise ModuleNotFoundError(f"{name} is not to be had here", name=name)

sys.meta_path.insert(0, Refuse())
import mlflow, numpy
mlflow.set_tracking_uri(sys.argv[1])
for run_id in sys.argv[2:]:
    table = mlflow.pyfunc.load_model(f"runs:/{run_id}/model").predict(numpy.zeros((1, 28, 28), "uint8"))
    print(*table.iloc[0, 1:])
"""


CONNECT = """
import pathlib, sys
from convsweep.tracking.store import connect
print(connect(pathlib.Path(sys.argv[1]), "convsweep").told)
"""


def make(mlruns):
    """Make a store; what a killable process runs."""
    connect(mlruns, "convsweep")


def make_as_mlflow_does(path):
    """Make a database in its own place."""
    from mlflow import MlflowClient

    MlflowClient(f"sqlite:///{path}")


def is_locked(path):
    """Tell whether somebody holds a lock."""
    try:
        with filelock.FileLock(path, blocking=False):
            return False
    except filelock.Timeout:
        return True


def locations(path):
    """Return every place of artifacts that a database holds."""
    with closing(sqlite3.connect(path)) as store:
        return [
            value
            for table, column, _ in database.LOCATIONS
            for (value,) in store.execute(f"SELECT {column} FROM {table}")
            if value is not None
        ]


def model_ids(path):
    """Return the run ids that have a model."""
    with closing(sqlite3.connect(path)) as store:
        return [run_id for (run_id,) in store.execute("SELECT source_run_id FROM logged_models")]


@pytest.fixture(scope="session")
def probabilities_of():
    """The probabilities that logged models give, in a process without convsweep."""

    def load(uri, *run_ids):
        command = [sys.executable, "-I", "-W", "ignore", "-c", LOAD, uri, *run_ids]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return [np.array(line.split(), float) for line in done.stdout.splitlines()]

    return load


class TestMaking:
    """A database is there whole or not at all."""

    def test_a_kill_at_any_moment_leaves_none_or_a_whole_one(self, killable, tmp_path):
        rng = random.Random(2)
        for trial in range(8):
            mlruns = tmp_path / str(trial)
            process = killable(make, mlruns)
            process.join(rng.uniform(0.1, 1.5))
            kill(process)
            assert not (mlruns / "mlflow.db").exists() or read_content(mlruns / "mlflow.db") == []
        connect(mlruns, "convsweep")
        assert {path.name for path in mlruns.iterdir()} <= {
            "mlflow.db",
            "mlflow.db-shm",
            "mlflow.db-wal",
            "mlflow.lock",
        }

    def test_a_half_made_one_is_set_aside_and_told(self, killable, tmp_path):
        path = tmp_path / "mlflow.db"
        process = killable(make_as_mlflow_does, path)
        while not path.exists() or path.stat().st_size < 50_000:
            time.sleep(0.005)
        kill(process)
        store = connect(tmp_path, "convsweep")
        (line,) = store.told
        (aside,) = tmp_path.glob("mlflow.db.damaged-*")
        assert line == (
            f"'{path}' was only half made (a program was killed meanwhile): it is now '{aside.name}', and made anew."
        )
        assert connect(tmp_path, "convsweep").told == ()

    @needs_compiler
    def test_one_that_another_program_is_making_is_waited_for_though_this_hosts_clock_is_ahead(
        self, killable, tmp_path
    ):
        path = tmp_path / "mlflow.db"
        process = killable(make_as_mlflow_does, path)
        while not path.exists() or path.stat().st_size < 50_000:
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGSTOP)
        command = [sys.executable, "-c", CONNECT, tmp_path]
        clock = shifted(tmp_path, 7 * 60)
        with subprocess.Popen(command, env=os.environ | clock, stdout=subprocess.PIPE) as connecting:
            while not is_locked(path.with_suffix(".lock")):
                time.sleep(0.05)
            time.sleep(1)  # it has looked at the half-made file by now
            os.kill(process.pid, signal.SIGCONT)
            told, _ = connecting.communicate()
        process.join()
        assert (told, process.exitcode) == (b"()\n", 0)

    def test_several_processes_make_one(self, killable, tmp_path):
        processes = [killable(make, tmp_path) for _ in range(3)]
        for process in processes:
            process.join()
        assert [process.exitcode for process in processes] == [0, 0, 0]
        with closing(sqlite3.connect(tmp_path / "mlflow.db")) as store:
            assert store.execute("SELECT name FROM experiments ORDER BY 1").fetchall() == [
                ("Default",),
                ("convsweep",),
            ]

    def test_the_log_of_a_deleted_database_is_not_taken_for_the_new_ones(self, tables, tmp_path):
        shutil.copy(tables, tmp_path)
        with closing(sqlite3.connect(tmp_path / "mlflow.db")) as store:
            store.execute("CREATE TABLE stray (x)")
            store.execute("INSERT INTO stray VALUES (1)")
            store.commit()
            (tmp_path / "mlflow.db").unlink()
            assert (tmp_path / "mlflow.db-wal").stat().st_size > 0
            connect(tmp_path, "convsweep")
        with closing(sqlite3.connect(tmp_path / "mlflow.db")) as store:
            assert store.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert store.execute("SELECT name FROM sqlite_master WHERE name = 'stray'").fetchall() == []

    def test_only_our_own_database_is_written_without_waiting_for_the_disk(self, tables, tmp_path):
        import sqlalchemy

        shutil.copy(tables, tmp_path)
        store = connect(tmp_path, "convsweep")
        with store.client._tracking_client.store.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 1  # NORMAL
        other = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/other.db")
        with other.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
        other.dispose()


class TestNames:
    """Folders and experiments may be called anything."""

    @pytest.mark.parametrize("name", ODD_NAMES)
    def test_a_folder_may_be_called_anything(self, name, trained, tables, tmp_path, follow_once, content_of):
        folder = tmp_path / name
        folder.mkdir()
        copy = trained.copy(folder)
        shutil.copy(tables, copy.mlruns)
        assert follow_once(copy) == (True, [])
        assert read_content(copy.database) == content_of
        assert [path.name for path in tmp_path.iterdir()] == [name]

    def test_a_model_loads_from_such_a_folder(self, trained, tables, tmp_path, follow_once, probabilities_of):
        folder = tmp_path / "a?b 100%25"
        folder.mkdir()
        copy = trained.copy(folder)
        shutil.copy(tables, copy.mlruns)
        assert follow_once(copy) == (True, [])
        uri = addresses.tracking_uri(copy.mlruns)
        for probabilities in probabilities_of(uri, model_ids(copy.database)[0]):
            assert probabilities.sum() == pytest.approx(1)

    def test_an_experiments_name_cannot_lead_its_artifacts_elsewhere(self, tables, tmp_path):
        shutil.copy(tables, tmp_path)
        connect(tmp_path, "../../escaped")
        for location in locations(tmp_path / "mlflow.db"):
            if location.startswith(tmp_path.as_uri()):
                assert folder_of(location).parent == tmp_path / "artifacts"
        assert any(location.startswith(tmp_path.as_uri()) for location in locations(tmp_path / "mlflow.db"))

    def test_a_users_own_address_may_have_options(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///q.db?timeout=30")
        connect(tmp_path / "mlruns", "convsweep")
        assert {path.name for path in tmp_path.iterdir()} >= {"q.db"}
        assert not (tmp_path / "mlruns" / "mlflow.db").exists()


class TestMoved:
    """``mlruns`` goes on in its new place, a copy never writes to the original."""

    @pytest.fixture
    def mirrored(self, recorded, follow_once):
        assert follow_once(recorded) == (True, [])
        return recorded

    def test_a_moved_folder_goes_on_in_its_new_place(self, mirrored, tmp_path, follow_once, content_of):
        moved = mirrored._replace(mlruns=tmp_path / "elsewhere" / "mlruns")
        moved.mlruns.parent.mkdir()
        mirrored.mlruns.rename(moved.mlruns)
        assert follow_once(moved) == (
            True,
            [
                (
                    f"'{moved.mlruns}' was moved or copied from '{mirrored.mlruns}': "
                    "MLflow now looks for its artifacts here."
                )
            ],
        )
        assert follow_once(moved) == (True, [])
        assert read_content(moved.database) == content_of
        assert {folder_of(location).is_relative_to(moved.mlruns) for location in locations(moved.database)} == {True}
        assert not mirrored.mlruns.exists()

    def test_models_load_from_where_it_was_moved_to(self, mirrored, tmp_path, probabilities_of):
        ids = model_ids(mirrored.database)
        before = probabilities_of(addresses.tracking_uri(mirrored.mlruns), *ids)
        mirrored.mlruns.rename(tmp_path / "moved")
        connect(tmp_path / "moved", "convsweep")
        after = probabilities_of(addresses.tracking_uri(tmp_path / "moved"), *ids)
        assert np.array_equal(before, after)

    def test_a_copy_never_writes_to_the_original(self, mirrored, tmp_path, follow_once):
        (tmp_path / "second").mkdir()
        copy = mirrored.copy(tmp_path / "second")
        before = sorted(path for path in mirrored.mlruns.rglob("*") if "lock" not in path.name)
        written = mirrored.database.stat().st_mtime_ns
        again = copy._replace(sweep=copy.sweep._replace(id="2026-01-09_00-00-00.000000"))
        again.write()
        assert follow_once(again)[0]
        assert sorted(path for path in mirrored.mlruns.rglob("*") if "lock" not in path.name) == before
        assert mirrored.database.stat().st_mtime_ns == written
        assert {folder_of(location).is_relative_to(copy.mlruns) for location in locations(copy.database)} == {True}

    def test_the_same_folder_by_another_path_is_not_another_place(self, mirrored, tmp_path):
        (tmp_path / "link").symlink_to(mirrored.mlruns)
        assert connect(tmp_path / "link", "convsweep").told == ()

    def test_artifacts_that_were_left_behind_are_still_found(self, mirrored, tmp_path):
        other = tmp_path / "database_only"
        other.mkdir()
        mirrored.database.rename(other / "mlflow.db")
        for suffix in ("-wal", "-shm"):
            companion = mirrored.database.with_name(f"mlflow.db{suffix}")
            if companion.exists():
                companion.rename(other / companion.name)
        assert connect(other, "convsweep").told == ()
        assert {folder_of(location).is_relative_to(mirrored.mlruns) for location in locations(other / "mlflow.db")} == {
            True
        }


class TestRefusals:
    """One line that says what and why, and what to do; never a password."""

    SECRET = "s3cr/et pass"  # quoted in an address

    def refusal(self, mlruns, experiment="convsweep"):
        with pytest.raises(StoreError) as failure:
            connect(mlruns, experiment)
        text = str(failure.value)
        assert "\n" not in text
        return text

    def test_a_deleted_experiment_comes_with_the_way_out(self, tables, tmp_path):
        shutil.copy(tables, tmp_path)
        store = connect(tmp_path, "convsweep")
        store.client.delete_experiment(store.experiment_id)
        assert f"mlflow experiments restore -x {store.experiment_id}` brings it back" in self.refusal(tmp_path)
        with pytest.raises(StoreError, match="mlflow experiments restore"):
            open_existing(tmp_path, "convsweep")

    def test_nothing_to_open_is_not_made(self, tmp_path):
        with pytest.raises(StoreError, match="No experiment 'convsweep'"):
            open_existing(tmp_path / "mlruns", "convsweep")
        assert list(tmp_path.iterdir()) == []

    def test_tables_of_another_version_come_with_the_command_that_brings_them_up_to_date(self, tables, tmp_path):
        shutil.copy(tables, tmp_path)
        with closing(sqlite3.connect(tmp_path / "mlflow.db")) as store, store:
            store.execute("UPDATE alembic_version SET version_num = '0584bdc529eb'")
        with pytest.raises(Exception, match=r"`mlflow db upgrade \"sqlite:///.*mlflow.db\"`"):
            connect(tmp_path, "convsweep")

    def test_a_file_that_is_no_database_is_left_alone(self, tmp_path):
        (tmp_path / "mlflow.db").write_text("Dear reader, this is no database. " * 100)
        assert "not a database" in self.refusal(tmp_path)
        assert (tmp_path / "mlflow.db").read_text().startswith("Dear reader")

    def test_the_database_of_another_program_is_left_alone(self, tmp_path):
        with closing(sqlite3.connect(tmp_path / "mlflow.db")) as store, store:
            store.execute("CREATE TABLE recipes (name)")
        with pytest.raises(Exception, match="of another program"):
            connect(tmp_path, "convsweep")

    def test_a_server_that_is_away_is_told_without_its_password(self, tmp_path, monkeypatch):
        monkeypatch.setenv(
            "MLFLOW_TRACKING_URI", f"http://me:{self.SECRET.replace(' ', '%20').replace('/', '%2F')}@127.0.0.1:1"
        )
        assert self.refusal(tmp_path) == (
            "MLflow's store 'http://me:***@127.0.0.1:1' cannot be used: it does not answer"
        )

    def test_a_driver_that_is_missing_is_named(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "psycopg2", None)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql+psycopg2://me:word@127.0.0.1:1/runs")
        line = self.refusal(tmp_path)
        assert "psycopg2-binary" in line
        assert "word" not in line

    def test_the_secrets_of_an_address_are_hidden_in_any_text(self):
        uri = "postgresql://me:p%40ss%2Fword@host/runs?sslpassword=other-secret"
        text = f"could not connect to {uri} with p@ss/word or p%40ss%2Fword or other-secret"
        hidden = addresses.without_secrets(text, uri)
        assert hidden == "could not connect to postgresql://me:***@host/runs with *** or *** or ***"


def test_statuses_are_read_from_a_store_of_ours(recorded, follow_once):
    """Lest the tests above compare nothing with nothing."""
    assert follow_once(recorded) == (True, [])
    assert len(read_statuses(recorded.database)) == 4
