"""The logged models, loaded as a stranger would: by MLflow alone, in another place, without convsweep."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from convsweep.data import load
from convsweep.hydra_app.compose import compose_run
from convsweep.nn.layers import softmax
from convsweep.nn.training import predict

STRANGER = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("convsweep", "hydra", "hydra_plugins"):
            raise ModuleNotFoundError(f"{name} is not to be had here", name=name)

if sys.argv[1] == "without":
    sys.meta_path.insert(0, Refuse())

import mlflow, numpy

mlflow.set_tracking_uri(sys.argv[2])
images = numpy.load(sys.argv[3])
for run_id in sys.argv[4:]:
    model = mlflow.pyfunc.load_model(f"runs:/{run_id}/model")
    model.predict(images).to_csv(f"{run_id}.csv", index=False)
    model.predict(images[:0]).to_csv(f"{run_id}-empty.csv", index=False)
loaded = [name for name in sys.modules if name.partition(".")[0] == "convsweep"]
assert not loaded, loaded
"""


@pytest.fixture(scope="module")
def trained(new_workplace):
    """One run of each padding."""
    workplace = new_workplace()
    assert workplace.sweep("model.padding=valid,same").status == 0
    return workplace


@pytest.fixture(scope="module")
def images():
    """More test images than the model takes at once."""
    return load(compose_run(["data.num_test=300"]).data).splits.test.images


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Folders elsewhere, one for a stranger with convsweep, one for a stranger without."""
    return {reach: tmp_path_factory.mktemp(reach) for reach in ("with", "without")}


@pytest.fixture(scope="module")
def said(trained, images, places):
    """What the models say, by convsweep's reach (with it or without) and by padding; each in a process elsewhere."""
    runs = {run.tags["config.model.padding"]: run for run in trained.runs()}
    strangers = []
    for reach, place in places.items():
        np.save(place / "images.npy", images)
        command = [sys.executable, "-I", "-c", STRANGER, reach, f"sqlite:///{trained.mlruns}/mlflow.db", "images.npy"]
        command += [run.id for run in runs.values()]
        strangers.append(subprocess.Popen(command, cwd=place, stderr=subprocess.PIPE, text=True))
    for stranger in strangers:
        _, complaints = stranger.communicate()
        assert stranger.returncode == 0, complaints
    return {
        reach: {padding: pd.read_csv(place / f"{run.id}.csv") for padding, run in runs.items()}
        for reach, place in places.items()
    }


@pytest.fixture(params=["with", "without"])
def predictions(request, said):
    return said[request.param]


@pytest.fixture(params=["valid", "same"])
def padding(request):
    return request.param


@pytest.fixture
def expected(trained, images, network_of, padding):
    """The probabilities according to convsweep's own network, read from the checkpoint."""
    (run,) = (run for run in trained.runs() if run.tags["config.model.padding"] == padding)
    return softmax(predict(network_of(trained.record(run)), images)[0])


def test_a_model_gives_the_same_probabilities_as_the_network(predictions, expected, padding):
    columns = [f"p{digit}" for digit in range(10)]
    assert np.abs(predictions[padding][columns].to_numpy() - expected).max() < 1e-5


def test_and_the_same_digits(predictions, expected, padding):
    assert predictions[padding]["digit"].tolist() == expected.argmax(axis=1).tolist()
    assert predictions[padding]["digit"].nunique() > 3  # lest a network that always says 1 pass for right


def test_no_images_give_a_table_without_rows(trained, said, places):
    assert said["without"]
    for run in trained.runs():
        table = pd.read_csv(places["without"] / f"{run.id}-empty.csv")
        assert list(table.columns) == ["digit", *(f"p{digit}" for digit in range(10))]
        assert table.empty


def test_the_two_paddings_are_two_models(predictions):
    """Lest the tests above compare one with itself."""
    assert not np.allclose(predictions["valid"]["p0"], predictions["same"]["p0"])


class TestChampion:
    """``convsweep compare --register``."""

    @pytest.fixture(scope="class")
    @classmethod
    def line(cls, trained):
        ending = trained.convsweep("compare", "--register")
        assert ending.status == 0, ending.err
        return ending.out.splitlines()[-1]

    @pytest.fixture(scope="class")
    @classmethod
    def best(cls, trained):
        return max(
            trained.runs(), key=lambda run: (run.metric("valid/accuracy")[-1][1], -run.metric("valid/loss")[-1][1])
        )

    def test_it_is_told_in_a_line_which_run_it_is(self, line, best):
        assert line.startswith(f"models:/convsweep@champion is {best.name} now, ")
        assert line.endswith(" on valid, as version 1.")

    @pytest.mark.usefixtures("line")
    def test_asked_again_nothing_changes(self, trained, best):
        again = trained.convsweep("compare", "--register")
        assert again.out.splitlines()[-1] == f"models:/convsweep@champion is {best.name} already, as version 1."

    @pytest.mark.usefixtures("line")
    def test_mlflow_loads_it_by_its_alias(self, trained, best, images, network_of):
        np.save(trained.folder / "images.npy", images)
        program = (
            "import mlflow, numpy; mlflow.set_tracking_uri('sqlite:///mlruns/mlflow.db'); "
            "model = mlflow.pyfunc.load_model('models:/convsweep@champion'); "
            "model.predict(numpy.load('images.npy')).to_csv('champion.csv', index=False)"
        )
        loaded = trained.start([sys.executable, "-c", program]).end()
        assert loaded.status == 0, loaded.err
        columns = [f"p{digit}" for digit in range(10)]
        expected = softmax(predict(network_of(trained.record(best)), images)[0])
        found = pd.read_csv(trained.folder / "champion.csv")[columns].to_numpy()
        assert np.abs(found - expected).max() < 1e-5

    def test_a_run_that_mlflow_does_not_know_is_told(self, workplace):
        assert workplace.train("train.seed=1").status == 0
        better = workplace.train("train.epochs=4", "data.num_train=1000", "tracking.enabled=false")
        assert better.status == 0, better.err
        line = workplace.convsweep("compare", "--all", "--register").only_line
        assert line.endswith("`convsweep sync` sends it.")
