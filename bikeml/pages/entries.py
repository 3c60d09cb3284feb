"""Build the entries of a sweep's page: each cell with its outcome, leaderboard row and differences from the best."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from bikeml.config.overrides import as_one_line, shell
from bikeml.config.sections import complete, names_not_in_result
from bikeml.errors import RecordError
from bikeml.records.run_folder import CONFIG, RunFolder
from bikeml.records.sweep import Outcome, Sweep

MANY_COMPARED = 100  # cells, best first, whose config is compared with the best one's


class Difference(NamedTuple):
    """A value of a config that is different in the best cell."""

    path: str
    best: str
    here: str


@dataclass(frozen=True)
class Entry:
    """What the page shows of a cell."""

    outcome: Outcome
    row: Mapping[str, Any]
    """Its row of the leaderboard, with None for a missing value."""
    differences: Sequence[Difference]

    @property
    def command(self) -> str:
        """Return the command that runs the cell alone."""
        left = self.outcome.record or self.outcome.failure
        alone = shell("python", "-m", "bikeml", *self.outcome.cell.overrides)
        return as_one_line(left.command) if left and left.command else alone


def build_entries(sweep: Sweep, leaderboard: pd.DataFrame) -> list[Entry]:
    """Return every cell in the order of the leaderboard."""
    outcomes = {outcome.cell.number: outcome for outcome in sweep.outcomes}
    rows: list[dict[str, Any]] = [
        {str(name): None if pd.isna(value) else value for name, value in row.items()}
        for row in leaderboard.to_dict("records")
    ]
    best: Mapping[str, Any] = {}
    entries = []
    for position, row in enumerate(rows):
        is_compared = row["rank"] is not None and position < MANY_COMPARED
        config = read_config(RunFolder(sweep.folder / row["folder"])) if is_compared else {}
        best = best or config
        differences = list(find_differences(best, config)) if config else []
        entries.append(Entry(outcomes[row["cell"]], row, differences))
    return entries


def read_config(folder: RunFolder) -> dict[str, Any]:
    """Return the sections of a cell's config that can change a figure; empty if the config cannot be read."""
    if not folder.has(CONFIG):
        return {}
    try:
        config = complete(folder.read_config())
    except RecordError:
        return {}
    left_out = names_not_in_result()
    return {key: value for key, value in config.items() if key not in left_out}


def find_differences(best: Any, here: Any, path: str = "") -> Iterator[Difference]:  # noqa: ANN401  any YAML value
    """Yield the differences between two configs. Two estimators of different classes are one difference."""
    if best == here:
        return
    is_both = isinstance(best, dict) and isinstance(here, dict) and best and here
    if not is_both or best.get("_target_") != here.get("_target_"):
        is_class = is_both and "_target_" in best  # its arguments are in the best cell's own config
        yield Difference(path, _class_name(best) if is_class else _describe(best), _describe(here))
        return
    for key in dict.fromkeys([*best, *here]):
        if (path, key) != ("model", "grid"):  # the parameters that the search found show it
            below = f"{path}.{key}" if path else str(key)
            yield from find_differences(best.get(key), here.get(key), below)


def _describe(value: Any) -> str:  # noqa: ANN401  any YAML value
    if isinstance(value, dict) and "_target_" in value:
        arguments = [f"{key}={_describe(each)}" for key, each in value.items() if key != "_target_"]
        return f"{_class_name(value)}({', '.join(arguments)})"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_describe(each)}" for key, each in value.items()) or "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _class_name(value: Mapping[str, Any]) -> str:
    return str(value["_target_"]).rpartition(".")[2]
