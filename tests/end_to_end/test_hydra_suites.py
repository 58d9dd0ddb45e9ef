"""Hydra's own tests for launchers, on the stacked one: it must stay a proper launcher for any task function."""

import pytest
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.test_utils.launcher_common_tests import (
    BatchedSweeperTestSuite,
    IntegrationTestSuite,
    LauncherTestSuite,
)

NAME = "stacked"

# the suites' own programs name no version_base
pytestmark = pytest.mark.filterwarnings("ignore:Future Hydra versions will no longer change working directory")


def test_hydra_finds_the_launcher():
    assert "StackedLauncher" in [launcher.__name__ for launcher in Plugins.instance().discover(Launcher)]


@pytest.mark.parametrize(("launcher_name", "overrides"), [(NAME, [])])
class TestLauncher(LauncherTestSuite):
    """Single jobs, sweeps, overrides, configuration groups, resolvers."""


@pytest.mark.parametrize(
    ("launcher_name", "overrides"),
    [(NAME, ["hydra/sweeper=basic", "hydra.sweeper.max_batch_size=2"])],
)
class TestBatches(BatchedSweeperTestSuite):
    """A sweeper that asks for two jobs at a time."""


@pytest.mark.parametrize(("task_launcher_cfg", "extra_flags"), [({}, ["-m", f"hydra/launcher={NAME}"])])
class TestIntegration(IntegrationTestSuite):
    """Programs of their own, started as a user would."""
