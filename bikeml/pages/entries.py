"""The cells of a sweep as its page tells of them: outcome, place in the leaderboard, config against the best one's."""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from bikeml.config.sections import complete, names_not_in_result
from bikeml.errors import RecordError
from bikeml.records.run_folder import CONFIG, RunFolder
from bikeml.records.sweep import Outcome, Sweep

MANY_COMPARED = 100  # cells, best first, whose config is compared with the best one's


class Difference(NamedTuple):
    """A value of a config that the best cell has otherwise."""

    path: str
    best: str
    here: str


@dataclass(frozen=True)
class Entry:
    """A cell as the page shows it."""

    outcome: Outcome
    row: Mapping[str, Any]
    """Its row of the leaderboard, with None where there is no value."""
    differences: Sequence[Difference]

    @property
    def command(self) -> str:
        """The command that runs the cell alone."""
        left = self.outcome.record or self.outcome.failure
        alone = shlex.join(["python", "-m", "bikeml", *self.outcome.cell.overrides])
        return left.command or alone if left else alone


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
    """Return what a cell's config says that changes a figure; empty if it cannot be read, which its page need not."""
    if not folder.has(CONFIG):
        return {}
    try:
        config = complete(folder.read_config())
    except RecordError:
        return {}
    left_out = names_not_in_result()
    return {key: value for key, value in config.items() if key not in left_out}


def find_differences(best: Any, here: Any, path: str = "") -> Iterator[Difference]:  # noqa: ANN401  any YAML value
    """Yield what differs between two configs; estimators of different classes are one difference, not many."""
    if best == here:
        return
    is_both = isinstance(best, dict) and isinstance(here, dict) and best and here
    if not is_both or best.get("_target_") != here.get("_target_"):
        is_class = is_both and "_target_" in best  # whose arguments are in the best cell's own config
        yield Difference(path, _class_name(best) if is_class else _describe(best), _describe(here))
        return
    for key in dict.fromkeys([*best, *here]):
        if (path, key) != ("model", "grid"):  # what a search made of it is in the parameters it found
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
