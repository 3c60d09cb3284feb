"""Cells that cannot be fitted here: refused by their run, or left out of a sweep that wants that."""

import pandas as pd
import pytest

from bikeml.config.sections import result_sections
from bikeml.errors import ConfigError, FitError
from bikeml.experiment.check import check_rows, find_missing_package, find_tolerance
from bikeml.multirun.composed import PlannedCell
from bikeml.multirun.plan import plan_cells
from bikeml.table.data import read_table
from tests.conftest import config_of

ABSENT = "model.estimator._target_=absent_package.Regressor"


@pytest.fixture
def temperatures(tmp_path):
    """A table with a target that no square root takes."""
    file = tmp_path / "temperatures.csv"
    pd.DataFrame({"x": [each**0.5 for each in range(40)], "y": [each - 20.5 for each in range(40)]}).to_csv(
        file, index=False
    )
    return ("data=csv", f"data.path={file}", "data.target=y")


def plan_of(*cells, common=()):
    planned = [
        PlannedCell(number, tuple(words), str(number), config_of(*common, *words), {})
        for number, words in enumerate(cells)
    ]
    return plan_cells(planned)


def check(*overrides):
    config = config_of(*overrides)
    table = read_table(config, find_tolerance(config))
    check_rows(config, table.y, table.rows + 1)


def test_a_model_that_is_made_for_fewer_rows_is_refused_before_its_fit():
    with pytest.raises(FitError, match=r"model\.max_rows=100, and there are 731 training rows.*null for any number"):
        check("model=gaussian_process", "model.max_rows=100")
    check("model=gaussian_process", "model.max_rows=731")


def test_the_most_rows_of_a_model_change_no_fingerprint():
    assert "max_rows" not in result_sections(config_of("model=svr", "model.max_rows=1000"))["model"]


def test_a_missing_package_is_named():
    assert find_missing_package(config_of("model=ridge")) is None
    assert "absent_package is not installed" in str(find_missing_package(config_of(ABSENT)))


@pytest.mark.slow
def test_cells_that_cannot_be_fitted_are_left_out_with_the_reason(temperatures):
    cells = [["model=linear"], ["model=ridge", "target=sqrt"], [ABSENT], ["model=svr", "model.max_rows=20"]]
    plan = plan_of(*cells, common=[*temperatures, "sweep.unfit=leave_out"])
    assert [each.number for each in plan.cells] == [0]
    assert plan.numbers == [0]
    absent, negative, many = plan.dropped
    assert absent.endswith("absent_package is not installed")
    assert negative.startswith("cell 1, model=ridge target=sqrt: target.transformer makes no number of")
    assert "model.max_rows=20, and there are 28 training rows" in many


@pytest.mark.slow
def test_without_leave_out_a_missing_package_refuses_the_sweep_and_a_target_is_left_to_its_cell(temperatures):
    plan = plan_of(["model=linear"], ["model=ridge", "target=sqrt"], common=temperatures)
    assert [each.number for each in plan.cells] == [0, 1]
    with pytest.raises(ConfigError, match="absent_package"):
        plan_of(["model=linear"], [ABSENT], common=temperatures)


def test_a_sweep_of_which_no_cell_can_be_fitted_is_refused_with_each_reason(temperatures):
    with pytest.raises(ConfigError, match=r"no cell of the sweep can be fitted here:\ncell 0, .*target\.transformer"):
        plan_of(["model=ridge", "target=sqrt"], common=[*temperatures, "sweep.unfit=leave_out"])
