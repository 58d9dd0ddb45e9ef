"""What a logged model makes of images that aren't MNIST's: loaded by MLflow, and served as JSON."""

import json

import numpy as np
import pytest
from configurations import make_config
from mlflow.exceptions import MlflowException

from convsweep.nn.network import Parameters
from convsweep.runs.training import class_probabilities

COLUMNS = ["digit", *(f"p{digit}" for digit in range(10))]


@pytest.fixture(scope="module")
def model_of(tmp_path_factory):
    """Make a model with its signature, of random parameters, that sees such pixels, as MLflow loads it from a folder."""
    import mlflow.pyfunc

    from convsweep.tracking.models import CHECKPOINT, model_template

    def model(pixels):
        folder = tmp_path_factory.mktemp("model")
        for name, text in model_template(pixels).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        (folder / CHECKPOINT).parent.mkdir(exist_ok=True)
        np.savez(folder / CHECKPOINT, **parameters()._asdict())
        return mlflow.pyfunc.load_model(str(folder))

    return model


def parameters():
    rng = np.random.default_rng(0)
    filters = rng.normal(size=(2, 3, 3)).astype(np.float32)
    return Parameters(filters, rng.normal(size=(338, 10)).astype(np.float32), np.zeros(10, np.float32))


@pytest.fixture(scope="module")
def model(model_of):
    return model_of("centred")


@pytest.fixture(scope="module")
def served(model):
    """Ask the model as MLflow's server and `mlflow models predict` do: in JSON."""
    from mlflow.pyfunc.scoring_server import invocations

    def ask(images):
        body = json.dumps({"inputs": images})
        answer = invocations(body, "application/json", model, model.metadata.get_input_schema())
        return json.loads(answer.response)["predictions"]

    return ask


@pytest.fixture(scope="module")
def images(digits):
    return digits[0][:3]


@pytest.mark.parametrize("pixels", ["centred", "unit", "bytes"])
def test_a_model_sees_the_pixels_that_its_network_was_trained_on(model_of, images, pixels):
    config = make_config({"model.num_filters": 2, "data.pixels": pixels})
    expected = class_probabilities(config, parameters(), images)
    answers = model_of(pixels).predict(images)
    np.testing.assert_allclose(answers[COLUMNS[1:]], expected, rtol=1e-3, atol=1e-6)


def test_integers_of_any_type_give_the_same_answers(model, images):
    expected = model.predict(images)
    assert list(expected.columns) == COLUMNS
    for dtype in (np.int16, np.int64, np.uint32):
        assert model.predict(images.astype(dtype)).equals(expected)


def test_images_in_json_give_the_same_answers(served, model, images):
    answers = served(images.tolist())
    assert [list(answer) for answer in answers] == [COLUMNS] * 3
    np.testing.assert_allclose([list(answer.values()) for answer in answers], model.predict(images).to_numpy())


@pytest.mark.parametrize("empty", [np.empty((0, 28, 28), np.uint8), np.empty((0, 28, 28)), np.empty(0)])
def test_no_images_give_a_table_without_rows(model, images, empty):
    table = model.predict(empty)
    assert table.empty
    assert table.dtypes.equals(model.predict(images).dtypes)


def test_an_empty_list_in_json_is_refused_by_mlflow_itself(served):
    """It can't tell an empty array from an empty list of records, and doesn't ask the model."""
    with pytest.raises(MlflowException, match="type <class 'list'> was found"):
        served([])


def nan(images):
    return np.where(images > 200, np.nan, images)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda images: images / 255, r"must be integers .* \(got float64\)\. Floats from 0 to 1: \(images \* 255\)"),
        (lambda images: images.astype(np.float32), r"must be integers .* \(got float"),
        (nan, r"must be integers .* \(got float64\)"),
        (lambda images: images > 0, r"must be integers .* \(got bool\)"),
        (lambda images: images.astype(int) * 2, r"must be integers .* \(got 0 to 510\)"),
        (lambda images: -images.astype(int), r"must be integers .* \(got -255 to 0\)"),
        (lambda images: images[0], r"array \[N, 28, 28\] \(got \[28, 28\]\); a single one is images\[None\]"),
        (lambda images: images.reshape(3, 784), r"array \[N, 28, 28\] \(got \[3, 784\]\)"),
        (lambda images: images[..., None], r"array \[N, 28, 28\] \(got \[3, 28, 28, 1\]\)"),
    ],
    ids=["0 to 1", "floats", "NaN", "bool", "too large", "negative", "one image", "rows of 784", "channels"],
)
def test_other_arrays_are_refused_loaded_and_served(model, served, images, spoil, said):
    with pytest.raises(MlflowException, match=said):
        model.predict(spoil(images))
    with pytest.raises(MlflowException, match=said):
        served(spoil(images).tolist())


@pytest.mark.parametrize(
    "given", [[[[0, 1], [2]]], [[["a"] * 28] * 28], [[[None] * 28] * 28]], ids=["ragged", "text", "null"]
)
def test_what_is_no_array_of_numbers_is_refused(served, given):
    with pytest.raises(
        MlflowException, match=r"(must be an array \[N, 28, 28\] \(got a ragged one\)|must be integers)"
    ):
        served(given)
