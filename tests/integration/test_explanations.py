"""Overrides that Hydra or the schema refuses: one line each, which says what is wrong and what to write instead."""

from pathlib import Path

import pytest
from hydra.errors import HydraException
from omegaconf import OmegaConf

from convsweep.config import ConfigError
from convsweep.hydra_app.compose import compose_run, config_loader
from convsweep.hydra_app.explain import explain, one_line_errors

GRAMMAR = "an override is key=value, +key=value or ~key, and special characters in a value need quotes"
FILE = "A file of conf's folders is chosen by its name, as in data=mnist, not by a number or null."
FUNCTIONS = "Available: bool,choice,float,glob,int,interval,range,shuffle,sort,str,tag"

REFUSED = [
    # what Hydra's grammar cannot read
    ("data.dir=~/digits", f"'data.dir=~/digits' cannot be read; write data.dir={Path.home()}/digits."),
    ("mlruns=a=b", "'mlruns=a=b' cannot be read; write 'mlruns=\"a=b\"'."),
    (
        "tracking.experiment=what?!",
        "'tracking.experiment=what?!' cannot be read; write 'tracking.experiment=\"what?!\"'.",
    ),
    ("mlruns=/données", "'mlruns=/données' cannot be read; write 'mlruns=\"/données\"'."),
    ("train.seed", f"'train.seed' cannot be read; {GRAMMAR}."),
    ("", f"'' cannot be read; {GRAMMAR}."),
    ("--epochs=3", f"'--epochs=3' cannot be read; {GRAMMAR}."),
    ("train.frozen=[conv", f"'train.frozen=[conv' cannot be read; {GRAMMAR}."),
    ("train..seed=1", f"'train..seed=1' cannot be read; {GRAMMAR}."),
    (
        "train.seed=int(x)",
        "'train.seed=int(x)' cannot be evaluated: invalid literal for int() with base 10: 'x'.",
    ),
    ("train.seed=twice(2)", f"'train.seed=twice(2)' cannot be evaluated: Unknown function 'twice' {FUNCTIONS}."),
    # several values outside a sweep
    ("train.seed=1,2", "'train.seed=1,2' gives several values: that is a sweep, and needs -m."),
    ("train.seed=range(3)", "'train.seed=range(3)' gives several values: that is a sweep, and needs -m."),
    # what isn't there
    ("train={epoch: 1}", "'train.epoch' is not a key of the configuration. Did you mean 'train.epochs'?"),
    ("train.seed.first=1", "'train.seed.first' is not a key of the configuration. Did you mean 'train.seed'?"),
    ("hydra.job.nam=x", "'hydra.job.nam' is not a key of Hydra's configuration."),
    ("hydra/launch=basic", "'hydra/launch' is not a key of Hydra's configuration."),
    ("hydra/launcher=none", "'hydra/launcher' must be one of basic, joblib, stacked (got 'none')."),
    ("data=null", FILE),
    ("experiment=5", FILE),
    ("experiment=[5]", "Hydra cannot compose a configuration of these overrides (TypeError: argument of type 'int' "),
    ("~train.sed", "Could not delete from config. 'train.sed' does not exist."),
    ("~train", "'train' is missing."),
    ("train.seed=???", "'train.seed' is missing."),
    # values of another kind
    ("train=null", "'train' must be a section (got None)."),
    ("train=5", "'train' must be a section (got 5)."),
    ("train.frozen=conv", "'train.frozen' must be a list (got 'conv')."),
    ("train.frozen={conv: true}", "'train.frozen': Cannot merge DictConfig with ListConfig."),
    ("mlruns=null", "'mlruns' must be a path (got None)."),
    (
        "hydra.launcher.n_jobs=many",
        "'hydra.launcher.n_jobs': Value 'many' of type 'str' could not be converted to Integer.",
    ),
    # references
    ("train.seed=${train.sed}", "'train.seed': Interpolation key 'train.sed' not found."),
    ("train.seed=${train.seed}", "'train.seed': Recursive interpolation detected."),
    ("train.seed=${twice:2}", "'train.seed': Unsupported interpolation type twice."),
]


@pytest.mark.parametrize(("override", "problem"), REFUSED)
def test_a_refused_override_is_explained_in_one_line(override, problem):
    with pytest.raises(ConfigError) as refusal:
        compose_run([override])
    assert refusal.value.problems[0].startswith(problem)
    assert len(refusal.value.problems) == len(str(refusal.value).splitlines()) == 1


@pytest.mark.parametrize("written", ['mlruns="a=b"', 'mlruns="/données"', f"mlruns={Path.home()}/digits"])
def test_what_an_explanation_says_to_write_is_accepted(written):
    assert compose_run([written]).mlruns == Path.cwd() / written.removeprefix("mlruns=").strip('"')


def test_the_reason_stays_with_the_explanation():
    """For whoever wants the traceback."""
    with pytest.raises(ConfigError) as refusal:
        compose_run(["train.sed=1"])
    assert isinstance(refusal.value.__cause__, HydraException)


def test_what_a_resolver_found_wrong_is_told_as_it_is():
    """The run key resolves to an error where the configuration breaks a rule; OmegaConf adds words of its own."""

    def refuse():
        raise ConfigError(["'train.epochs' must be >= 1 (got 0)."])

    OmegaConf.register_new_resolver("refuse", refuse)
    try:
        with pytest.raises(ConfigError) as refusal, one_line_errors():
            _ = OmegaConf.create({"key": "${refuse:}"}).key
    finally:
        OmegaConf.clear_resolver("refuse")
    assert refusal.value.problems == ("'train.epochs' must be >= 1 (got 0).",)


def test_errors_outside_of_composing_pass_unexplained():
    with pytest.raises(ValueError, match="a bug") as error, one_line_errors():
        raise ValueError("a bug")
    assert not isinstance(error.value, ConfigError)


def test_an_error_without_a_key_is_told_in_one_line():
    assert explain(HydraException("first\n  second")).problems == ("first second",)


def test_a_loader_can_be_had_while_hydra_is_in_use():
    first = config_loader()
    assert first.list_groups("") == config_loader().list_groups("")
