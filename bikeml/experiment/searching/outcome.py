"""What a search has found, by the names of the axes in the config, and what a record has of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bikeml.config.schema import Config
from bikeml.experiment.searching.search import ResumableSearchCV
from bikeml.records.judgement import Candidate, Search
from bikeml.records.record import as_json, as_score

FAILURES_KEPT = 5
"""Of the candidates that failed; the table of candidates has no score for each of them."""


@dataclass(frozen=True)
class SearchOutcome:
    """The result of a search on the training rows."""

    best_params: Mapping[str, Any]
    """The chosen value of each axis, by its name in the config."""
    best_score: float
    scoring: str
    candidates: pd.DataFrame
    """GridSearchCV's cv_results_, one row per candidate; `params` has the names of the axes."""
    n_fits: int
    """Models fitted to score the candidates on the folds."""
    n_fits_avoided: int
    """Models that GridSearchCV would have fitted in addition."""
    n_fits_resumed: int
    """How many of `n_fits` were read from the checkpoint of a killed search."""
    failures: Sequence[str] = ()
    """The candidates that could not be fitted, each with the reason."""
    evaluated: Sequence[int] = ()
    """The numbers of the candidates that were evaluated."""
    n_not_evaluated: int = 0
    """How many there were in addition when a budget ended the search."""

    def settle(self, config: Config) -> Config:
        """Return the config with the candidates that were evaluated in place of the budget of its search."""
        search = config.search
        if search.kind == "none" or search.budget_seconds is None:
            return config
        evaluated = [*self.evaluated] if self.n_not_evaluated and search.evaluated is None else search.evaluated
        settled = search.model_copy(update={"budget_seconds": None, "evaluated": evaluated})
        return config.model_copy(update={"search": settled})

    def counts(self) -> dict[str, int]:
        """Return the numbers of candidates and of fits, as a record has them."""
        counted = {
            "candidates": len(self.candidates),
            "fits": self.n_fits,
            "fits_avoided": self.n_fits_avoided,
            "fits_resumed": self.n_fits_resumed,
        }
        seldom = {"failed": len(self.failures), "not_evaluated": self.n_not_evaluated}
        return counted | {name: number for name, number in seldom.items() if number}


def build_outcome(search: ResumableSearchCV, parameters: Mapping[str, str], scoring: str) -> SearchOutcome:
    """Return the result of a fitted search; `parameters` are those of its pipeline, by axis."""
    axes = {parameter: name for name, parameter in parameters.items()}

    def by_axis(params: Mapping[str, Any]) -> dict[str, Any]:
        return {axes[parameter]: value for parameter, value in params.items()}

    candidates = pd.DataFrame(search.cv_results_)
    return SearchOutcome(
        best_params=by_axis(search.best_params_),
        best_score=float(search.best_score_),
        scoring=scoring,
        candidates=candidates.assign(params=candidates["params"].map(by_axis)),
        n_fits=search.n_fits_,
        n_fits_avoided=search.n_fits_avoided_,
        n_fits_resumed=search.n_fits_resumed_,
        failures=[f"{_show(by_axis(params))}: {reason}" for params, reason in search.failures_],
        evaluated=search.evaluated_,
        n_not_evaluated=search.n_not_evaluated_,
    )


def _show(params: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in params.items())


def describe_search(outcome: SearchOutcome) -> Search:
    """Return what a record has of a search."""
    return Search(
        scoring=outcome.scoring,
        best_params={name: as_json(value) for name, value in outcome.best_params.items()},
        best_score=as_score(outcome.best_score),
        candidates=tuple(_describe_candidates(outcome.candidates)),
        counts=outcome.counts(),
        failures=tuple(outcome.failures[:FAILURES_KEPT]),
    )


def _describe_candidates(table: pd.DataFrame) -> Iterator[Candidate]:
    scores = [str(name) for name in table if str(name).startswith(("mean_", "std_"))]
    for row in table.to_dict("records"):
        yield Candidate(
            params={name: as_json(value) for name, value in row["params"].items()},
            rank=int(row["rank_test_score"]),
            scores={name: as_score(row[name]) for name in scores},
            n_resources=row.get("n_resources"),
        )
