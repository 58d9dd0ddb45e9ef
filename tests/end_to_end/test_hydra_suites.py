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

CHDIR = "hydra.job.chdir=true"  # what the suites take for granted: it was the default before `version_base`


def test_hydra_finds_the_launcher():
    assert "StackedLauncher" in [launcher.__name__ for launcher in Plugins.instance().discover(Launcher)]


@pytest.mark.parametrize(("launcher_name", "overrides"), [(NAME, [CHDIR])])
class TestLauncher(LauncherTestSuite):
    """Single jobs, sweeps, overrides, configuration groups, resolvers."""


@pytest.mark.parametrize(
    ("launcher_name", "overrides"),
    [(NAME, [CHDIR, "hydra/sweeper=basic", "hydra.sweeper.max_batch_size=2"])],
)
class TestBatches(BatchedSweeperTestSuite):
    """A sweeper that asks for two jobs at a time."""


@pytest.mark.parametrize(("task_launcher_cfg", "extra_flags"), [({}, ["-m", f"hydra/launcher={NAME}"])])
class TestIntegration(IntegrationTestSuite):
    """Programs of their own, started as a user would."""
