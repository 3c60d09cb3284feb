"""What the judging of a run leaves: the scores of the folds, the importance of the columns, and the predictions."""

import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from pydantic import ConfigDict, Field, JsonValue, model_validator

from bikeml.errors import RecordError
from bikeml.records.record import Count, Text, Value
from bikeml.system.spelling import shorten

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from bikeml.records.run_folder import RunFolder


WEIGHT = "weight"
"""The role of the column of weights, and its name in a file of predictions, which has none without weights."""


class Reused(Value):
    """Folds that a recorded run of the same experiment with other split.repeats has fitted."""

    run_id: Text
    n_folds: Count


@dataclass(frozen=True)
class RecordedFolds:
    """The predictions of the folds of a recorded run."""

    run_id: str
    predictions: "pd.DataFrame"
    """As :func:`read_predictions` returns them."""

    def match(self, folds: Iterable[tuple["np.ndarray", "np.ndarray"]]) -> Iterator["np.ndarray"]:
        """Yield the predictions of the first folds, up to one whose row numbers or actual values are others."""
        recorded = dict(iter(self.predictions.groupby("fold")))
        for number, (rows, actual) in enumerate(folds, start=1):
            fold = recorded.get(number)
            if fold is None or fold["row"].tolist() != rows.tolist() or fold["actual"].tolist() != actual.tolist():
                return
            yield fold["predicted"].to_numpy()


class CrossValidation(Value):
    """
    The scores of the folds, which all have the same parameters.

    Each metric is a key of its own, with a score for each fold; None if it is undefined.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, tuple[float | None, ...]] = Field(init=False)
    n_fit: tuple[Count, ...]
    """How many rows each fold was fitted on."""
    n_score: tuple[Count, ...]
    """How many rows each fold was scored on."""
    folds: Text
    """The sha256 of the folds' rows. Two runs with the same value can be compared fold by fold."""
    reused: Reused | None = None
    """The first folds, if they were taken from a recorded run; None if each was fitted."""
    tuned_on_these_rows: bool
    """Whether a search chose the parameters on the rows that the folds score; the scores are then optimistic."""

    @model_validator(mode="after")
    def _has_every_score_of_every_fold(self) -> Self:
        lengths = {len(self.n_fit), len(self.n_score), *map(len, self.scores.values())}
        if len(lengths) != 1 or not self.n_fit or not self.scores:
            raise ValueError("should have a score of each kind for each fold")
        return self

    @property
    def scores(self) -> Mapping[str, tuple[float | None, ...]]:
        """Return the scores of the folds by metric."""
        return self.__pydantic_extra__


class GroupImportance(Value):
    """How much worse the held-out rows are predicted when columns that go together are shuffled together."""

    columns: tuple[str, ...]
    mean: float | None
    std: float | None
    """Over the shuffles."""
    error: float | None
    """The standard error over the held-out rows; None if the metric has none."""


class Importance(Value):
    """How much worse the held-out rows are predicted when one column is shuffled: mean and std over the shuffles."""

    columns: tuple[str, ...]  # empty with evaluation.importance=none
    mean: tuple[float | None, ...]
    std: tuple[float | None, ...]
    n_rows: Count | None = None
    """How many held-out rows were shuffled, n_repeats times each column; None in an earlier record: all of them."""
    n_repeats: Count | None = None
    error: tuple[float | None, ...] = ()
    """The standard error of each mean over the held-out rows; empty in an earlier record, or if the metric has none."""
    groups: tuple[GroupImportance, ...] = ()
    """Columns that go together, shuffled together; empty in an earlier record."""


def find_weight(roles: Mapping[str, str]) -> str | None:
    """Return the column, of those with roles, that says how much each row counts; None if all rows count alike."""
    return next((name for name, role in roles.items() if role == WEIGHT), None)


def add_weights(predictions: "pd.DataFrame", weights: "np.ndarray | None") -> "pd.DataFrame":
    """Return a table of predictions with the weights of its rows, shape (n_rows,), if there are some."""
    return predictions if weights is None else predictions.assign(**{WEIGHT: weights})


def read_weights(predictions: "pd.DataFrame") -> "np.ndarray | None":
    """Return the weight of each row of a file of predictions, shape (n_rows,); None of a run without weights."""
    return predictions[WEIGHT].to_numpy() if WEIGHT in predictions else None


def read_predictions(folder: "RunFolder", name: str) -> "pd.DataFrame":
    """
    Return a file of predictions, shape (n_rows, 3 to 5): row (from 1), actual, predicted, and what else there is.

    That is the fold of out-of-fold predictions, the scale of the errors of held-out rows, which earlier runs lack, and
    the weight of each row, if the run has weights.

    Raises RecordError if the file is missing, was changed, or holds no predictions.
    """
    import pandas as pd  # a record is read without it

    try:
        # float() reads each number to the last bit, in every version of pandas
        exact = {"actual": float, "predicted": float}
        converters = {**exact, WEIGHT: float}
        return pd.read_csv(io.BytesIO(folder.read_file(name)), converters=converters).astype({"row": int, **exact})
    except (ValueError, KeyError) as error:
        raise RecordError(
            f"{str(folder.path / name)!r} holds no predictions: {shorten(str(error))}; restore it"
        ) from error


class Candidate(Value):
    """One candidate of a search."""

    params: Mapping[str, JsonValue]
    """Arguments of the estimator, without the step's prefix. What JSON cannot express is stored as its repr."""
    rank: Count
    scores: Mapping[str, float | None]
    """The columns of cv_results_ that begin with mean_ or std_."""
    n_resources: Count | None = None
    """What a search by halving gave to it in this round; its candidates stand here once for each of their rounds."""


class Search(Value):
    """The result of a search on the training rows."""

    scoring: Text | None
    best_params: Mapping[str, JsonValue]
    best_score: float | None
    candidates: tuple[Candidate, ...]
    """Empty in a record of form 1, which has only their number."""
    counts: Mapping[str, Count]
    """Number of candidates, and of fits: made, avoided by sharing, and found in the checkpoint."""
    failures: tuple[Text, ...] = ()
    """The first candidates that could not be fitted, each with the reason."""

    def describe_rest(self) -> Iterator[str]:
        """Yield what a budget has left out, and which candidates failed."""
        not_evaluated, failed = self.counts.get("not_evaluated", 0), self.counts.get("failed", 0)
        if not_evaluated:
            none = "" if self.candidates else "; these are the model's own parameters"
            yield f"search.budget_seconds ended it before {not_evaluated:,} more candidates{none}"
        if failed:
            yield f"{failed:,} failed, the first one with {self.failures[0]}" if self.failures else f"{failed:,} failed"

    @property
    def standings(self) -> tuple[Candidate, ...]:
        """Return the candidates, the best first, each once: as it stood in its last round."""
        found: dict[str, Candidate] = {}
        for each in sorted(self.candidates, key=lambda each: each.rank):
            found.setdefault(json.dumps(dict(each.params), sort_keys=True), each)
        return tuple(found.values())
