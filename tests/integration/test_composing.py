"""A sweep's jobs, composed quickly: equal to Hydra's own composition in every key, whatever the overrides are."""

import pickle
from dataclasses import dataclass, make_dataclass
from pathlib import Path

import pytest
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException
from hydra.types import RunMode
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from omegaconf.basecontainer import BaseContainer
from omegaconf.errors import OmegaConfBaseException

from convsweep.config import ConfigError
from convsweep.hydra_app import sweep_composer
from convsweep.hydra_app.compose import config_loader, parse
from convsweep.hydra_app.explain import explain
from convsweep.hydra_app.sweep_composer import SweepComposer

LOADER = config_loader()
NOW = "${now:%Y-%m-%d_%H-%M-%S.%f}"  # as in conf/config.yaml: the sweep's folder has its value


@pytest.fixture(scope="module")
def master():
    """A sweep's own configuration, whose folder's name, the time, was asked for."""
    config = LOADER.load_configuration("config", ["hydra.verbose=[convsweep]"], RunMode.MULTIRUN)
    assert str(config.hydra.sweep.dir).startswith("mlruns/sweeps/20")
    return config


@pytest.fixture(scope="module")
def composer():
    """One for all overrides below: what it keeps of one job must not show in another."""
    return SweepComposer(LOADER)


class CountingComposer(SweepComposer):
    """Counts Hydra's compositions."""

    def __init__(self):
        super().__init__(LOADER)
        self.compositions = 0

    def load_configuration(self, *args, **kwargs):
        self.compositions += 1
        return super().load_configuration(*args, **kwargs)


def everything_in(node):
    """Return what a configuration consists of: types, flags and values of all its nodes, in order."""
    content = node.__dict__["_content"] if isinstance(node, BaseContainer) else None
    if isinstance(content, dict):
        content = [(key, everything_in(child)) for key, child in content.items()]
    elif isinstance(content, list):
        content = [everything_in(child) for child in content]
    else:
        content = repr(node._value())  # so that nan equals nan, and 1 is neither 1.0 nor True
    metadata = {name: value for name, value in vars(node._metadata).items() if name != "resolver_cache"}
    return type(node), repr(metadata), content


def resolved(config):
    """Return a job's values without Hydra's node, or why there are none."""
    own = OmegaConf.masked_copy(config, [key for key in config if key != "hydra"])
    OmegaConf.copy_cache(from_config=config, to_config=own)
    try:
        return repr(OmegaConf.to_container(own, resolve=True))
    except OmegaConfBaseException as error:
        return repr(error)


def attempt(function, *arguments):
    """Return a function's result, or its error."""
    try:
        return function(*arguments)
    except Exception as error:  # noqa: BLE001 - whichever it is, it must be the same as the other's
        return error


def compose_by_hydra(master, overrides):
    """Return Hydra's own composition of a job, and the ``RunConfig`` that it makes; or two errors."""
    config = attempt(LOADER.load_sweep_config, master, list(overrides))
    return config, explain(config) if isinstance(config, Exception) else attempt(parse, config)


def check_equal(composer, master, overrides):
    """Hold both compositions of a job to Hydra's, errors included."""
    theirs, their_run = compose_by_hydra(master, overrides)
    ours, our_run = (
        attempt(composer.load_sweep_config, master, overrides),
        attempt(composer.run_config, master, overrides),
    )
    assert repr(our_run) == repr(their_run)
    if isinstance(theirs, Exception):
        assert repr(ours) == repr(theirs)
    else:
        assert repr(OmegaConf.to_container(ours)) == repr(OmegaConf.to_container(theirs))
        assert everything_in(ours) == everything_in(theirs)
        assert resolved(ours) == resolved(theirs)
        assert OmegaConf.get_cache(ours) == OmegaConf.get_cache(theirs)


VALUES = [
    "1",
    "-0",
    "+7",
    "1_000",
    "1e-3",
    "0.30000000000000004",
    "-.5",
    "nan",
    "-inf",
    "true",
    "FALSE",
    "null",
    "",
    "''",
    "word",
    "'quoted'",
    '"two words"',
    "two words",
    "'1'",
    "'null'",
    "'a=b'",
    "'a,b'",
    "'[a]'",
    "'{a: 1}'",
    "'it\\'s'",
    "'$HOME'",
    "$HOME",
    "'ünïcode 数字'",
    "a\\,b",
    "/a/b.c",
    "[]",
    "[1,2]",
    "[a,[b,'c d']]",
    "{}",
    "{a: 1}",
    "{a: {b: [null]}}",
    "int(3.5)",
    "str(1)",
    "${train.seed}",
    "${.dtype}",
    "'${train.seed}-${train.epochs}'",
    "${missing.key}",
    "${missing:resolver}",
    "${oc.env:CONVSWEEP_NO_SUCH_VARIABLE,fallback}",
    NOW,
    "${hydra:job.name}",
    "${hydra.job.name}",
    "'\\${train.seed}'",
    "'${'",
    "'???'",
]


@pytest.mark.parametrize("value", VALUES)
def test_a_value_is_composed_as_by_hydra(composer, master, value):
    check_equal(composer, master, [f"tracking.experiment={value}"])


@pytest.mark.parametrize("key", ["+tracking.new", "++tracking.new", "++tracking.experiment", "+new", "++mlruns"])
@pytest.mark.parametrize("value", ["1", "'a b'", "[1,{a: 2}]", "{a: {b: 1}}", "${train.seed}"])
def test_a_key_is_added_as_by_hydra(composer, master, key, value):
    check_equal(composer, master, [f"{key}={value}"])


@pytest.mark.parametrize("key", ["train", "train.frozen", "train.seed", "mlruns"])
@pytest.mark.parametrize("value", ["1", "null", "word", "[]", "[conv]", "{seed: 3}", "{new: 3}", "${train.epochs}"])
def test_a_key_of_any_kind_is_composed_as_by_hydra(composer, master, key, value):
    check_equal(composer, master, [f"{key}={value}"])


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["data=mnist"],
        ["data=mnist", "data.num_test=10000", "data.dir=/a", "data.mirrors=[]", "data.mirrors=[x]"],
        ["data.num_train=7", "data=mnist", "data.dir='/a b'"],
        ["data=mnist", "data.mirrors.0=x", "data.mirrors.1=${data.mirrors.0}"],
        ["data.num_train=7", "data={num_train: 5}"],
        ["data.num_train=7", "~data"],
        ["data.num_train=7", "+data@other=mnist"],
        ["data={num_train: 5}", "data.num_train=7"],
        ["data=[mnist]"],
        ["data.dir=/a"],
        ["~data"],
        ["~data", "data.num_train=1"],
        ["+data@other=mnist"],
        ["data@other=mnist"],
        ["+data=mnist"],
        ["experiment=first_sweep"],
        ["experiment=first_sweep", "train.epochs=4"],
        ["train.epochs=4", "experiment=first_sweep"],
        ["train.seed=1", "train.seed=2"],
        ["train.seed=2", "train.seed=1"],
        ["train.seed=1", "train={seed: 2}"],
        ["train={seed: 2}", "train.seed=1"],
        ["train.seed=1", "train={epochs: 2}", "train.epochs=3"],
        ["train.seed=1", "mlruns=elsewhere"],
        ["mlruns=elsewhere", "train.seed=1"],
        ["train.seed=5", "mlruns=${train.seed}"],
        ["train.seed=5", "train.order_seed=${train.seed}"],
        ["train.order_seed=${train.seed}", "train.seed=5"],
        ["~train.seed"],
        ["~train.seed=0"],
        ["~train.seed=1"],
        ["train.seed=1", "~train.seed=1"],
        ["~train.seed", "+train.seed=3"],
        ["~train", "+train.seed=3"],
        ["train.seed=null", "+train.seed=3"],
        ["+train.new.deep=3", "train.new.deep=4"],
        ["mlruns=${train.seed}", "train.seed=word", "~mlruns=word"],
        ["train.seed=1", "~mlruns"],
        ["train.dtype=${hydra.job.name}", "~train.dtype"],
        ["train.seed=1", "+new=1"],
        ["hydra.job.name=x"],
        ["train.seed=1", "hydra.job.name=x", "hydra.verbose=true"],
        ["hydra.job.env_set.X=1"],
        ["+hydra.job.env_set.X=1", "train.seed=1"],
        ["train.seed=1", "+hydra.job.env_set.X=1"],
        ["hydra.job.env_copy=[PATH]", "train.seed=1"],
        ["hydra.job.config.override_dirname.exclude_keys=[train.seed]", "train.seed=1", "train.epochs=2"],
        ["hydra.job.config.override_dirname.kv_sep=-", "hydra.job.config.override_dirname.item_sep='${train.dtype}'"],
        ["hydra.run.dir=${mlruns}/${hydra.job.override_dirname}", "train.seed=1"],
        ["hydra.sweep.dir='${mlruns}/here'", "mlruns=elsewhere"],
        ["hydra/launcher=basic", "train.seed=1"],
        ["train.seed=1", "hydra/job_logging=disabled"],
    ],
    ids=" ".join,
)
def test_overrides_are_composed_together_as_by_hydra(composer, master, overrides):
    check_equal(composer, master, overrides)
    check_equal(composer, master, overrides)  # from what was kept the first time


MISTAKES = [
    "train.lerning_rate=1",
    "lerning_rate=1",
    "train.seed.deep=1",
    "train.frozen.0=conv",
    "train.frozen.first=conv",
    "train={sed: 1}",
    "data=minst",
    "data=null",
    "experiment=[1]",
    "+experiment=first_sweep",
    "hydra/launcher=none",
    "hydra.launcher.n_jobs=many",
    "hydra.job.nam=x",
    "~train.sed",
    "~data.mirrors.0",
    "+train.seed=1",
    "train.seed=1,2",
    "train.seed=range(3)",
    "train.seed=int(x)",
    "train.seed=(",
    "train.seed",
    "data.dir=~/x",
    "",
    "train@model=x",
]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_explained_as_one_that_hydra_found(composer, master, mistake):
    for overrides in ([mistake], ["train.seed=3", mistake], [mistake, "train.seed=3"]):
        check_equal(composer, master, overrides)
        with pytest.raises(ConfigError) as refusal:
            composer.run_config(master, overrides)
        assert len(str(refusal.value).splitlines()) == 1


def test_a_broken_rule_is_told_as_for_a_single_run(composer, master):
    with pytest.raises(ConfigError) as refusal:
        composer.run_config(master, ["train.epochs=0", "model.num_filters=-3"])
    assert refusal.value.problems == (
        "'model.num_filters' must be >= 1 (got -3).",
        "'train.epochs' must be >= 1 (got 0).",
    )


KEYS = ["train", "train.seed", "train.frozen", "train.new", "data.num_train", "data.dir", "mlruns", "new", "new.deep"]
FILES = ["data=mnist", "data=fashion_mnist", "experiment=first_sweep", "hydra/launcher=basic", "hydra.verbose=true"]
quoted_text = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=5).map(
    lambda text: QuotedString(text, Quote.single).with_quotes()
)
values = st.sampled_from(VALUES) | st.integers().map(str) | st.floats().map(repr) | quoted_text
settings_of_keys = st.builds("{}{}={}".format, st.sampled_from(["", "", "+", "++"]), st.sampled_from(KEYS), values)
overrides_of_any_kind = settings_of_keys | st.sampled_from(FILES) | st.sampled_from(KEYS).map("~{}".format)


@settings(max_examples=40, deadline=None, database=None, derandomize=True)
@given(overrides=st.lists(overrides_of_any_kind, min_size=1, max_size=3))
def test_any_overrides_are_composed_as_by_hydra(composer, master, overrides):
    """Of several mistakes, another may be told first."""
    if len(overrides) > 1 and isinstance(attempt(LOADER.load_sweep_config, master, list(overrides)), Exception):
        assert isinstance(attempt(composer.load_sweep_config, master, overrides), Exception)
        assert isinstance(attempt(composer.run_config, master, overrides), ConfigError)
    else:
        check_equal(composer, master, overrides)


@pytest.mark.parametrize(
    "shared",
    [
        [],
        ["data=mnist"],
        ["experiment=first_sweep", "mlruns=elsewhere"],
        ["train.frozen=[conv]", "+train.new=1", "train.order_seed=${train.seed}", "tracking.experiment='a b'"],
        ["hydra.job.name=x", "hydra/launcher=basic"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("shared_first", [True, False])
def test_hydra_composes_once_for_jobs_that_differ_in_values(master, shared, shared_first):
    composer = CountingComposer()
    for seed in range(20):
        own = [f"train.seed={seed}", f"model.init_scale={seed / 10}"]
        overrides = shared + own if shared_first else own + shared
        attempt(composer.run_config, master, overrides)
        assert composer.load_sweep_config(master, overrides).train.seed == seed
    assert composer.compositions == 1


@pytest.mark.parametrize("mistake", ["data=minst", "train.lerning_rate=1", "nonsense=1", "train.seed=("])
def test_a_mistake_that_all_jobs_share_is_composed_at_most_once(master, mistake):
    composer = CountingComposer()
    for epochs in range(1, 21):
        with pytest.raises(ConfigError):
            composer.run_config(master, [mistake, f"train.epochs={epochs}"])
    assert composer.compositions <= 1


def test_nothing_is_kept_of_a_job(master):
    composer = CountingComposer()
    composer.run_config(master, ["train.seed=0"])
    kept = {name: repr(value) for name, value in vars(composer).items()}
    for seed in range(20):
        composer.run_config(master, [f"train.seed={seed}"])
        composer.load_sweep_config(master, [f"train.seed={seed}"])
    assert {name: repr(value) for name, value in vars(composer).items()} == kept


def class_inside_a_function():
    @dataclass
    class LauncherConf:
        _target_: str = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"

    return LauncherConf


def class_that_no_module_has():
    return make_dataclass("LauncherConf", [("_target_", str, class_inside_a_function()._target_)])


@pytest.mark.parametrize("make_class", [class_inside_a_function, class_that_no_module_has])
def test_a_configuration_that_cannot_be_pickled_is_composed_all_the_same(make_class):
    """As other plugins may register one, and as in other processes, where Hydra executes plugins' files again."""
    ConfigStore.instance().store(group="hydra/launcher", name="odd", node=make_class())
    try:
        master = LOADER.load_configuration("config", ["hydra/launcher=odd"], RunMode.MULTIRUN)
        with pytest.raises((pickle.PicklingError, AttributeError), match="LauncherConf"):
            pickle.dumps(master)
        composer = CountingComposer()
        check_equal(composer, master, ["train.seed=3", "+train.new=1"])
        check_equal(composer, master, ["train.seed=4"])
        assert composer.compositions == 1
    finally:
        del ConfigStore.instance().repo["hydra"]["launcher"]["odd.yaml"]


def test_a_limited_number_of_bases_is_kept(master, monkeypatch):
    monkeypatch.setattr(sweep_composer, "NUM_BASES", 3)
    composer = CountingComposer()
    jobs = [[f"mlruns=folder_{number}", "train.seed=1"] for number in range(3 + 2)]
    for job in jobs:
        composer.run_config(master, job)
    assert len(composer._bases) == 3
    assert [composer.run_config(master, job).mlruns.name for job in jobs] == [f"folder_{i}" for i in range(len(jobs))]
    assert composer.compositions == len(jobs) + 2


def test_changing_a_jobs_configuration_changes_no_other_job(composer, master):
    job = composer.load_sweep_config(master, ["train.seed=3"])
    job.hydra.job.num = 5
    job.train.seed = 99
    job.hydra.overrides.task.append("train.seed=99")
    check_equal(composer, master, ["train.seed=3"])
    check_equal(composer, master, ["train.epochs=3"])


def test_a_value_that_refers_to_another_sees_the_jobs_own(composer, master):
    for seed in (7, 8):
        overrides = ["train.order_seed=${train.seed}", f"train.seed={seed}"]
        assert composer.run_config(master, overrides).train.order_seed == seed
        assert composer.load_sweep_config(master, overrides).train.order_seed == seed


def test_hydras_settings_are_those_of_the_sweeps_own_command_line(composer):
    """As they were typed: a reference among them is the job's."""
    overrides = ["hydra.run.dir='${tracking.experiment}/x'", "hydra/launcher=basic", "hydra.job.name=x"]
    master = LOADER.load_configuration("config", overrides, RunMode.MULTIRUN)
    check_equal(composer, master, ["tracking.experiment=a"])
    assert composer.load_sweep_config(master, ["tracking.experiment=a"]).hydra.run.dir == "a/x"


def test_the_time_is_the_sweeps_own(composer, master):
    time = Path(master.hydra.sweep.dir).name
    assert Path(composer.load_sweep_config(master, ["train.seed=3"]).hydra.sweep.dir).name == time
    assert composer.run_config(master, [f"tracking.experiment={NOW}"]).tracking.experiment == time


def test_hydras_own_values_can_be_asked_for_in_the_way_that_jobs_can(composer, master):
    """``${hydra:...}`` asks for the configuration under way; ``${hydra....}`` needs what jobs don't get."""
    outside = HydraConfig.instance().cfg
    HydraConfig.instance().set_config(master)
    try:
        config = composer.run_config(master, ["tracking.experiment=${hydra:job.name}"])
    finally:
        HydraConfig.instance().cfg = outside
    assert config.tracking.experiment == "convsweep"
    with pytest.raises(ConfigError, match=r"'tracking\.experiment': Interpolation key 'hydra\.job\.name' not"):
        composer.run_config(master, ["tracking.experiment=${hydra.job.name}"])


class TestSweepDir:
    """A sweep that is continued lies in an earlier one's folder."""

    OVERRIDES = (["train.seed=3"], ["hydra.sweep.dir=elsewhere"], ["train.seed=3", "+new=1"])  # the last one by Hydra

    @pytest.mark.parametrize("overrides", OVERRIDES, ids=" ".join)
    @pytest.mark.parametrize("folder", ["/a/sweeps/x", '/a b/it\'s "x"', "/${x}/${now:%Y}", r"\${x}\\${y}\z", "a\\"])
    def test_every_job_has_the_folder_that_is_set(self, master, overrides, folder):
        composer = SweepComposer(LOADER)
        before = composer.load_sweep_config(master, overrides)
        composer.sweep_dir = folder
        after = composer.load_sweep_config(master, overrides)
        assert after.hydra.sweep.dir == folder
        before.hydra.sweep.dir = after.hydra.sweep.dir = "in any folder"
        assert everything_in(after) == everything_in(before)

    def test_the_folder_goes_to_other_processes_but_what_is_kept_does_not(self, master):
        composer = SweepComposer(LOADER)
        size = len(pickle.dumps(composer))
        composer.run_config(master, ["train.seed=3"])
        assert len(pickle.dumps(composer)) == size
        composer.sweep_dir = "/a/sweeps/x"
        arrived = pickle.loads(pickle.dumps(composer))
        job = arrived.load_sweep_config(master, ["train.seed=3"])
        assert everything_in(job) == everything_in(composer.load_sweep_config(master, ["train.seed=3"]))
        assert job.hydra.sweep.dir == "/a/sweeps/x"


def test_an_experiment_without_its_package_is_refused(composer, master, tmp_path):
    """Hydra would put its values under ``experiment``, where they change nothing."""
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text("train: {epochs: 3}\n")
    overrides = [f"hydra.searchpath=[file://{tmp_path}]", "experiment=mine"]
    with pytest.raises(ConfigError, match="must begin with '# @package _global_'"):
        composer.run_config(master, overrides)
    (tmp_path / "experiment" / "ours.yaml").write_text("# @package _global_\ntrain: {epochs: 3}\n")
    assert composer.run_config(master, [overrides[0], "experiment=ours"]).train.epochs == 3


def test_no_group_of_files_has_a_dot_in_its_name(composer):
    """The composer takes a key with a dot in it for a value's, not for a choice of a file."""
    assert {"data", "experiment", "hydra"} <= composer._groups
    assert not any("." in group for group in composer._groups)
    with pytest.raises(HydraException):
        OverridesParser.create().parse_override("hydra/a.b=1")
