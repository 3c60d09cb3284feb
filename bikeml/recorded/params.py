"""Describe a recorded run by parameters, as MLflow has them."""

from collections.abc import Mapping
from typing import Any, cast

from bikeml.config.sections import names_not_in_result
from bikeml.records import tags as names
from bikeml.records.params import describe, result_choices
from bikeml.records.run import RunRecord
from bikeml.records.run_folder import RunFolder


def build_params(folder: RunFolder, run: RunRecord) -> dict[str, str]:
    """Return the chosen options, what a search has found, and the values of the config; the found ones among them."""
    values = result_choices(run.choices)
    sections = describe(_result_sections(folder, run))
    if run.search:
        found = {name: str(value) for name, value in run.search.best_params.items()}
        values |= {f"{names.BEST_PREFIX}{name}": value for name, value in found.items()}
        sections |= {names.of_axis(name): value for name, value in found.items()}
    return {**values, **sections}


def _result_sections(folder: RunFolder, run: RunRecord) -> Mapping[str, Any]:
    """Return the sections of the config that determine the result; a run of form 1 has them only in config.yaml."""
    if run.identity is not None:
        return cast(Mapping[str, Any], run.identity["config"])
    left_out = names_not_in_result()
    return {name: section for name, section in folder.read_config().items() if name not in left_out}
