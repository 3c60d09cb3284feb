"""
Hydra's own suites of tests for launchers, as far as they apply to a launcher that sends commands.

Such a launcher hands no Python function to anybody: a job is `python -m bikeml` with a cell's overrides, so that the
config must be bikeml's own. The suites sweep over configs and task functions of theirs, which the launcher refuses
before anything is sent. What they hold of a launcher is held by tests of ours, named beside each.
"""

import inspect
from typing import Any

import pytest
from hydra.core.plugins import Plugins
from hydra.test_utils.launcher_common_tests import BatchedSweeperTestSuite, IntegrationTestSuite, LauncherTestSuite

from bikeml.azure.launch import launcher
from bikeml.cli.hydra_app import LAUNCHER
from bikeml.config.composition import config_dir
from bikeml.errors import ConfigError

OWN_CONFIG = {
    "test_sweep_1_job": "test_every_cell_is_one_job_with_its_own_result_and_what_all_need_is_made_once",
    "test_sweep_2_jobs": "test_every_cell_is_one_job_with_its_own_result_and_what_all_need_is_made_once",
    "test_sweep_1_job_strict": "test_every_cell_is_one_job_with_its_own_result_and_what_all_need_is_made_once",
    "test_sweep_2_optimizers": "test_a_sweeper_that_is_not_ours_gets_real_values",
    "test_sweep_over_unspecified_mandatory_default": "test_a_sweeper_that_is_not_ours_gets_real_values",
    "test_sweep_and_override": "test_a_job_runs_this_very_experiment",
    "test_sweep_with_custom_resolver": "test_a_job_runs_this_very_experiment: its values are resolved in the job",
    "test_sweep_2_jobs_2_batches": "test_a_sweeper_that_is_not_ours_gets_real_values",
}
"""Tests that sweep over a config which is not bikeml's; what holds the same of one that is."""
OWN_SCRIPT = {
    "test_custom_task_name": "a cell's folder is the sweeper's, in tests/test_sweep.py",
    "test_custom_sweeper_run_workdir": "a cell's folder is the sweeper's, in tests/test_sweep.py",
    "test_get_orig_dir_multirun": "a job has no folder that it was started from",
    "test_to_absolute_path_multirun": "a job has no folder that it was started from",
}
"""Tests that start a script, in which nobody registers the launcher: bikeml's command line does."""
APPLIES = {"test_not_sweeping_hydra_overrides", "test_sweep_1_job_strict_and_bad_key"}
OVERRIDES = (
    f"hydra.searchpath=[file://{config_dir()}]",
    "hydra/job_logging=default",
)


@pytest.fixture
def scanned() -> None:
    """Let Hydra look for its plugins before what is there is kept: a later look would make its classes anew."""
    Plugins.instance()


@pytest.fixture
def registered(scanned: None, hydra_restore_singletons: Any) -> None:
    launcher.register(LAUNCHER)


def run(name: str, hydra_sweep_runner: Any, folder: Any) -> None:
    suite = next(each for each in (LauncherTestSuite, BatchedSweeperTestSuite) if hasattr(each, name))
    method = getattr(suite(), name)
    given = {"hydra_sweep_runner": hydra_sweep_runner, "launcher_name": "azureml", "overrides": [*OVERRIDES]}
    method(**given, tmpdir=folder)


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("name", sorted(APPLIES))
def test_what_applies_of_the_suites_passes(name: str, hydra_sweep_runner: Any, tmp_path: Any) -> None:
    run(name, hydra_sweep_runner, tmp_path)


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("name", OWN_CONFIG)
def test_a_config_that_is_not_bikemls_is_refused_before_anything_is_sent(
    name: str, hydra_sweep_runner: Any, tmp_path: Any
) -> None:
    with pytest.raises(ConfigError, match="unknown key|is missing"):
        run(name, hydra_sweep_runner, tmp_path)


def test_every_test_of_the_suites_is_accounted_for() -> None:
    suites = (LauncherTestSuite, BatchedSweeperTestSuite, IntegrationTestSuite)
    names = {name for suite in suites for name, _ in inspect.getmembers(suite) if name.startswith("test_")}
    assert names == OWN_CONFIG.keys() | OWN_SCRIPT.keys() | APPLIES
