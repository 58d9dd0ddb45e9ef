"""The run key: what decides a run's numbers is in it, nothing else; code counts, its wording doesn't."""

import ast
from pathlib import Path

import pytest
from configurations import MNIST, make_config

import convsweep
from convsweep.config import IdxFiles, Mnist5k, RunConfig, flatten
from convsweep.hydra_app.compose import compose_run
from convsweep.naming import decisive, overrides, run_name
from convsweep.records.identity import RESULT_FILES, digest_of_code, run_key

PACKAGE = Path(convsweep.__file__).parent

DECIDES_A_NUMBER = {  # another value for every key that does
    "model.num_filters": 9,
    "model.init_scale": 1.5,
    "model.padding": "same",
    "model.undivided": ["dense"],
    "train.learning_rate": 0.006,
    "train.epochs": 9,
    "train.seed": 1,
    "train.shuffle": True,
    "train.order_seed": 1,
    "train.dtype": "float64",
    "train.gradient": "last_class",
    "train.ties": "first",
    "train.frozen": ["conv"],
    "train.window": 100,
    "data.name": "fashion_mnist",
    "data.num_train": 4000,
    "data.num_valid": 300,
    "data.num_test": 300,
    "data.pixels": "unit",
}
DECIDES_NONE = {
    "data.dir": "elsewhere",
    "data.mirrors": ["http://127.0.0.1"],
    "tracking.enabled": False,
    "tracking.experiment": "other",
    "tracking.artifacts": "none",
    "tracking.mirrors": 2,
    "checkpoints": "last",
    "mlruns": "elsewhere",
    "rerun": True,
}
ON_IDX_FILES = {"data.dir", "data.mirrors", "data.name"}


def configurations(key, value):
    """Return a configuration, and one that differs in one key."""
    base = {"data": MNIST} if key in ON_IDX_FILES else {}
    return make_config(base), make_config({**base, key: value})


@pytest.mark.parametrize(("key", "value"), DECIDES_A_NUMBER.items())
def test_whatever_changes_the_result_changes_the_run_key(key, value):
    before, after = configurations(key, value)
    assert flatten(before)[key] != flatten(after)[key]
    assert run_key(before) != run_key(after)


@pytest.mark.parametrize(("key", "value"), DECIDES_NONE.items())
def test_where_and_how_often_a_run_takes_place_does_not_change_its_key(key, value):
    before, after = configurations(key, value)
    assert flatten(before)[key] != flatten(after)[key]
    assert run_key(before) == run_key(after)


def test_of_every_key_of_the_schema_it_is_decided_whether_it_changes_the_result():
    """A new key fails here, until it is entered above."""
    sections = {name: field.annotation for name, field in RunConfig.model_fields.items()}
    keys = {f"data.{name}" for kind in (Mnist5k, IdxFiles) for name in kind.model_fields}
    for section, kind in sections.items():
        fields = getattr(kind, "model_fields", None)
        if section != "data":
            keys |= {section} if fields is None else {f"{section}.{name}" for name in fields}
    assert keys == DECIDES_A_NUMBER.keys() | DECIDES_NONE.keys()


@pytest.mark.parametrize("config", [make_config(), make_config({"data": MNIST})])
def test_what_a_run_is_told_by_is_what_its_key_is_made_of(config):
    assert decisive(config).keys() == DECIDES_A_NUMBER.keys()
    assert run_name(config, [*DECIDES_NONE, "train.seed"]) == "seed0"


def test_no_two_of_these_configurations_have_the_same_key():
    keys = [run_key(configurations(key, value)[1]) for key, value in DECIDES_A_NUMBER.items()]
    assert len(set(keys)) == len(keys)


def test_a_whole_number_and_its_float_are_the_same_run():
    assert run_key(make_config({"model.init_scale": 1})) == run_key(make_config({"model.init_scale": 1.0}))


@pytest.mark.parametrize("name", RESULT_FILES)
def test_rewording_comments_and_docstrings_and_another_layout_do_not_change_the_digest(name):
    source = (PACKAGE / name).read_text()
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body[0] = ast.Expr(ast.Constant("Other words."))
    reworded = "# A comment.\n\n" + ast.unparse(tree)  # without the comments, on other lines, with other quotes
    assert reworded != source
    assert digest_of_code([reworded]) == digest_of_code([source])


def test_taking_docstrings_away_does_not_change_the_digest():
    assert digest_of_code(['def f():\n    """Words."""\n    return 1']) == digest_of_code(["def f(): return 1"])
    assert digest_of_code(["x = 1\n'''No docstring.'''"]) != digest_of_code(["x = 1"])


CHANGES_OF_CODE = [
    ("nn/network.py", "rng.standard_normal", "2 * rng.standard_normal"),  # initial parameters
    ("nn/training.py", "SeedSequence(seed).spawn(2)[0]", "SeedSequence(seed).spawn(2)[1]"),
    ("nn/patches.py", "type(0.5)", "type(0.25)"),
    ("data/__init__.py", "4200, 4600", "4200, 4500"),
    ("data/mnist_5k.py", "SPLIT_SEED = ", "SPLIT_SEED = 1 + "),
    ("runs/training.py", "first_epoch=start.epoch + 1", "first_epoch=start.epoch"),
]


@pytest.mark.parametrize(("name", "before", "after"), CHANGES_OF_CODE)
def test_changing_code_changes_the_digest(name, before, after):
    assert name in RESULT_FILES
    source = (PACKAGE / name).read_text()
    assert before in source
    assert digest_of_code([source.replace(before, after)]) != digest_of_code([source])


def test_every_file_of_the_mathematics_and_of_the_data_counts_but_those_that_cannot_change_a_number():
    """Pictures from outside are predicted on, not trained on; which files are found is settled by their checksums."""
    files = {str(path.relative_to(PACKAGE)) for folder in ("nn", "data") for path in (PACKAGE / folder).glob("*.py")}
    assert files - set(RESULT_FILES) == {
        "nn/__init__.py",
        "data/digits.py",
        "data/folders.py",
        "data/images.py",
        "data/paper.py",
        "data/picture_files.py",
        "data/relatives.py",
        "data/ruled_lines.py",
    }
    assert len(ast.parse((PACKAGE / "nn" / "__init__.py").read_text()).body) == 1  # its docstring


@pytest.mark.parametrize(
    "given",
    [
        [],
        ["data=mnist", "data.num_train=77", "train.frozen=[conv,dense]", "train.shuffle=true", "train.dtype=float64"],
        ["train.learning_rate=0.1234567890123", "model.init_scale=1e-7", "train.seed=4294967295", "model.padding=same"],
    ],
)
def test_the_words_that_repeat_a_run_give_its_key(given):
    config = compose_run(given)
    assert run_key(compose_run(overrides(decisive(config)))) == run_key(config)
