"""What the finished cells of a sweep have predicted, which of them one blend can have as members, and their mixture."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bikeml.config.estimators import MemberConfig
from bikeml.config.schema import Config
from bikeml.errors import BlendError
from bikeml.experiment.estimators import build
from bikeml.multirun.blending.weights import average
from bikeml.records.record import as_json
from bikeml.records.run import RunRecord
from bikeml.records.sweep import Cell

FEWEST = 2
ELSEWHERE = ("date", "date_format")
"""Keys of the data section that a cell has in its identity only if it needs them."""


@dataclass(frozen=True)
class Candidate:
    """A finished cell."""

    cell: Cell
    record: RunRecord
    config: Config
    """As recorded: with the role of each column."""
    predictions: pd.DataFrame
    """Out of fold, as :func:`bikeml.records.judgement.read_predictions` returns them."""

    @property
    def predicted(self) -> np.ndarray:
        """The out-of-fold predictions, shape (n_predictions,)."""
        return self.predictions["predicted"].to_numpy()

    def describe(self, weight: int, fold_weights: Sequence[int]) -> MemberConfig:
        """Return the cell as a member that counts so often in the blend, and in that of each fold."""
        config, search = self.config, self.record.search
        found = search.best_params if search else {}
        grid = {name: [_find_value(config, name, value)] for name, value in found.items()}
        return MemberConfig(
            name=self.cell.name,
            preprocessing=config.preprocessing,
            model=config.model.model_copy(update={"grid": grid, "space": {}}),
            target=config.target,
            weight=weight,
            fold_weights=list(fold_weights),
        )


@dataclass(frozen=True)
class Mixture:
    """Which cells a blend has, and how often each counts."""

    candidates: Sequence[Candidate]
    weights: np.ndarray
    """In the blend, shape (n_candidates,)."""
    fold_weights: np.ndarray
    """In the blend of each fold, shape (n_folds, n_candidates)."""

    @property
    def members(self) -> list[int]:
        """The positions of the candidates that count in the blend, or in that of any fold; the heaviest first."""
        counted = np.flatnonzero(self.weights + self.fold_weights.sum(axis=0))
        return [int(each) for each in sorted(counted, key=lambda each: -self.weights[each])]

    def predict(self) -> pd.DataFrame:
        """Return the out-of-fold predictions of the blend, each fold with its own weights."""
        table = self.candidates[0].predictions
        predictions, folds = np.array([each.predicted for each in self.candidates])[self.members], table["fold"]
        predicted = np.empty(len(table))
        for number, weights in zip(np.unique(folds), self.fold_weights[:, self.members], strict=True):
            predicted[folds == number] = average(predictions[:, folds == number], weights)
        return table.assign(predicted=predicted)


def _find_value(config: Config, name: str, found: object) -> object:
    """Return the value of an axis as the config has it, which may describe an estimator; the record has its repr."""
    values = [value for grid in config.searched for value in grid.get(name, ())]
    return next((value for value in values if as_json(build(value)) == found), found)


def check_same_rows(candidates: Sequence[Candidate]) -> None:
    """Raise BlendError if there are too few cells, or if they were not scored on the same rows and columns."""
    if len(candidates) < FEWEST:
        raise BlendError(f"a blend takes at least {FEWEST} cells with a result, and this sweep has {len(candidates)}")
    first, *others = candidates
    for other in others:
        for what, value in _describe_rows(first):
            if dict(_describe_rows(other))[what] != value:
                raise BlendError(
                    f"a blend takes cells that were scored on the same rows, and cells {first.cell.number} and "
                    f"{other.cell.number} ({other.cell.name}) differ in {what}; sweep over models of one table"
                )


def _describe_rows(candidate: Candidate) -> Iterator[tuple[str, object]]:
    record, dataset = candidate.record, candidate.record.dataset
    yield "their table", (dataset.sha256, dataset.test_sha256)
    yield "their target", dataset.target
    yield "their folds", record.cv.folds
    yield "evaluation.nested", candidate.config.evaluation.nested
    sections: Any = (record.identity or {}).get("config", {})
    yield "split", sections.get("split")
    data: Mapping[str, Any] = sections.get("data", {})
    yield "data", {key: value for key, value in data.items() if key not in ELSEWHERE}
    rows = candidate.predictions[["row", "fold", "actual"]]
    yield "the rows of their folds", [column.tolist() for _, column in rows.items()]
