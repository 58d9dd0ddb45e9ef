"""What the project relies on in Hydra's private API: these tests fail where a release of Hydra changes it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import ConfigCompositionException
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, RunMode
from omegaconf import OmegaConf

from convsweep.hydra_app import internals
from convsweep.hydra_app.compose import conf_dir, config_loader

SOURCES = Path(__file__).parents[2] / "src"


def private_uses(path):
    """Return what a file imports from Hydra's private modules, and the lint exceptions for private names."""
    text = path.read_text()
    imports = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [getattr(node, "module", None) or alias.name for node in imports for alias in node.names]
    return [name for name in names if name.startswith("hydra._")] + ["SLF001"] * text.count("SLF001")


@pytest.mark.parametrize("path", sorted(SOURCES.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCES)))
def test_private_api_of_hydra_is_used_in_internals_only(path):
    assert bool(private_uses(path)) == (path.name == "internals.py")


def run_python(program):
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


def test_plugins_pay_for_hydra_only():
    """Every Hydra application imports every plugin that is installed, and so this file."""
    heavy = "numpy", "pydantic", "mlflow", "convsweep.config"
    done = run_python(
        f"import sys, convsweep.hydra_app.internals; assert not sys.modules.keys() & set({heavy}), sys.modules.keys()"
    )
    assert done.returncode == 0, done.stderr


def test_hydras_launcher_and_sweeper_are_those_that_it_found_as_plugins():
    """Also where Hydra looks for plugins after the file was imported, and executes its own plugins' files again."""
    done = run_python(
        "from convsweep.hydra_app import internals\n"
        "from hydra.core.plugins import Plugins\n"
        "from hydra.plugins.launcher import Launcher\n"
        "from hydra.plugins.sweeper import Sweeper\n"
        "launchers, sweepers = (Plugins.instance().discover(kind) for kind in (Launcher, Sweeper))\n"
        "assert internals.BasicLauncher in launchers\n"
        "assert internals.BasicSweeper in sweepers\n"
        "type('Ours', (internals.BasicSweeper,), {})(max_batch_size=None)\n"
        "type('Ours', (internals.BasicLauncher,), {})()\n"
    )
    assert done.returncode == 0, done.stderr


def test_a_name_that_is_not_there_is_told_as_for_any_module():
    with pytest.raises(AttributeError, match=r"'convsweep\.hydra_app\.internals' has no attribute 'BasicRunner'"):
        _ = internals.BasicRunner


class TestOutcome:
    """Reading how a job ended."""

    def test_a_failed_job_gives_its_exception_and_says_nothing(self, capsys):
        error = OSError("disk full")
        job = JobReturn(status=JobStatus.FAILED)
        job.return_value = error
        assert internals.outcome(job) is error
        assert capsys.readouterr() == ("", "")

    def test_a_completed_job_gives_its_value(self):
        job = JobReturn(status=JobStatus.COMPLETED)
        job.return_value = 0.93
        assert internals.outcome(job) == 0.93

    def test_public_api_still_prints_and_raises(self, capsys):
        """If this fails, ``outcome`` may have become needless."""
        job = JobReturn(status=JobStatus.FAILED)
        job.return_value = OSError("disk full")
        with pytest.raises(OSError, match="disk full"):
            _ = job.return_value
        assert capsys.readouterr().err.startswith("Error executing job")


@pytest.fixture
def loader():
    return config_loader()


def parsed(*overrides):
    return OverridesParser.create().parse_overrides(list(overrides))


class TestLoader:
    """Composing, and changing what is composed."""

    def test_a_loader_made_of_another_ones_search_path_composes_the_same(self, loader):
        ours = internals.ConfigLoaderImpl(loader.get_search_path())
        assert isinstance(ours, ConfigLoader)
        overrides = ["data=mnist", "train.seed=3"]
        composed = [each.load_configuration("config", overrides, RunMode.RUN) for each in (ours, loader)]
        assert OmegaConf.to_container(composed[0]) == OmegaConf.to_container(composed[1])

    def test_overrides_are_applied_in_order(self):
        config = OmegaConf.create({"a": 1, "b": {"c": 2}, "d": 3})
        OmegaConf.set_struct(config, value=True)
        internals.apply_overrides(parsed("a=4", "a=5", "+e=[1]", "++b.c=null", "~d", "b={c: x}"), config)
        assert config == {"a": 5, "b": {"c": "x"}, "e": [1]}

    @pytest.mark.parametrize("override", ["nothing=1", "~nothing", "+a=1", "a@b=1"])
    def test_overrides_that_fit_nothing_are_refused(self, override):
        config = OmegaConf.create({"a": 1})
        OmegaConf.set_struct(config, value=True)
        with pytest.raises(ConfigCompositionException):
            internals.apply_overrides(parsed(override), config)
        assert config == {"a": 1}

    @pytest.mark.parametrize("hydras", [[], ["hydra.job.config.override_dirname.kv_sep=-"]])
    def test_the_folder_name_of_overrides_is_what_hydra_composes(self, loader, hydras):
        excluded = "hydra.job.config.override_dirname.exclude_keys=[train.epochs]"
        own = ["train.seed=3", "mlruns='a=b'", "train.epochs=4", "data=mnist"]
        config = loader.load_configuration("config", [excluded, *hydras, *own], RunMode.RUN)
        assert internals.override_dirname(parsed(*own), config) == config.hydra.job.override_dirname
        assert "train.seed" in config.hydra.job.override_dirname


class TestCommand:
    """Composing what a command line asks for."""

    @pytest.mark.parametrize(
        ("overrides", "multirun", "expected"),
        [
            (["train.seed=3"], False, RunMode.RUN),
            (["train.seed=3,4"], True, RunMode.MULTIRUN),
            (["experiment=first_sweep"], False, RunMode.MULTIRUN),
        ],
    )
    def test_the_flag_or_the_configuration_makes_it_a_sweep(self, overrides, multirun, expected):
        GlobalHydra.instance().clear()
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            mode, config = internals.compose_command("config", overrides, multirun=multirun)
        assert mode == expected
        assert config.hydra.overrides.task == overrides
        assert config.hydra.sweeper._target_ == "hydra_plugins.convsweep_grid.GridSweeper"


class TestSweeperAndLauncher:
    """What ours inherit."""

    @pytest.fixture
    def context(self, loader):
        return HydraContext(config_loader=loader, callbacks=internals.Callbacks())

    @pytest.fixture
    def config(self, loader):
        overrides = ["hydra/launcher=basic", "hydra/sweeper=basic", "experiment=first_sweep"]
        return loader.load_configuration("config", overrides, RunMode.MULTIRUN)

    def test_callbacks_of_no_configuration_call_nobody(self, config):
        callbacks = internals.Callbacks()
        assert callbacks.callbacks == []
        callbacks.on_job_start(config=config, task_function=print)
        callbacks.on_job_end(config=config, job_return=JobReturn())

    def test_the_sweeper_has_what_it_was_set_up_with(self, context, config):
        sweeper = Plugins.instance().instantiate_sweeper(hydra_context=context, task_function=print, config=config)
        assert isinstance(sweeper, Sweeper)
        assert isinstance(sweeper, internals.BasicSweeper)
        assert sweeper.config is config
        assert isinstance(sweeper.launcher, internals.BasicLauncher)
        assert internals.sweeper_params(sweeper) == [
            "model.num_filters=4,8,16",
            "train.learning_rate=0.001,0.005,0.02",
            "model.init_scale=0.3,1",
            "train.seed=0,1,2,3,4",
        ]

    @pytest.mark.parametrize(("size", "batches"), [(None, [4]), (3, [3, 1])])
    def test_arguments_are_split_into_jobs_and_batches(self, size, batches):
        overrides = parsed("train.seed=1,2", "data=mnist", "train.epochs=range(3,5)")
        split = internals.BasicSweeper.split_arguments(overrides, size)
        assert [len(batch) for batch in split] == batches
        assert split[0][0] == ["train.seed=1", "data=mnist", "train.epochs=3"]
        assert split[-1][-1] == ["train.seed=2", "data=mnist", "train.epochs=4"]

    def test_the_launcher_has_what_it_was_set_up_with(self, context, config):
        launcher = internals.BasicLauncher()
        assert isinstance(launcher, Launcher)
        launcher.setup(hydra_context=context, task_function=print, config=config)
        assert (launcher.hydra_context, launcher.task_function, launcher.config) == (context, print, config)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("train.se", ["train.seed="]),
        ("data=mn", ["data=mnist", "data=mnist_5k"]),
        ("train.seed=3 data=mnist data.num_v", ["data.num_valid="]),
        ("no.such.key", []),
    ],
)
def test_a_half_typed_word_is_completed(loader, line, expected):
    assert internals.completions(loader, "config", line) == expected
