"""The sections that say which pipeline is fitted: the preprocessing, the model, its target and the search."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from bikeml.config.fields import (
    AddedLater,
    ChildRuns,
    Elsewhere,
    EstimatorSpec,
    Mapped,
    Name,
    NotInResult,
    Section,
    Workers,
)

N_SAMPLES = "n_samples"
"""Scikit-learn's word for the rows, as the resource of a search by halving."""
PASSTHROUGH, DROP = "passthrough", "drop"
"""Scikit-learn's words for a step that changes nothing, and for one that leaves columns out."""


def _leave_out_passthrough(steps: object) -> object:
    if steps is None or steps == PASSTHROUGH:
        return {}
    if steps == DROP:
        raise ValueError("leaves columns out, which is done by data.ignored; put them there")
    if not isinstance(steps, Mapping):
        return steps
    return {name: spec for name, spec in steps.items() if spec != PASSTHROUGH}


Steps = Annotated[dict[str, EstimatorSpec], BeforeValidator(_leave_out_passthrough)]


class PreprocessingConfig(Section):
    """
    Named transformer steps for each kind of column, applied in their order.

    Columns of dates and of text are features only if their kind has steps. The keys of `columns` are names or patterns;
    `after` has the steps that all encoded columns pass. With `native_categories` the model is told which of its columns
    are categories, and with `text_as_categories` each text is a level of a category.
    """

    impute: Annotated[Literal["always", "if_needed"], AddedLater("always")]
    cardinality_threshold: Annotated[Annotated[int, Field(ge=1)] | None, AddedLater(None)]
    native_categories: Annotated[bool, AddedLater(default=False)]
    text_as_categories: Annotated[bool, AddedLater(default=False)]
    numeric: Steps
    categorical: Steps
    high_cardinality: Annotated[Steps, AddedLater({})]
    date: Annotated[Steps, AddedLater({})]
    text: Annotated[Steps, AddedLater({})]
    columns: Annotated[Mapped[Steps], AddedLater({})]
    after: Annotated[Steps, AddedLater({})]


Axes = dict[str, Annotated[list[Any], Field(min_length=1)]]
Grid = Annotated[
    Annotated[Axes, Tag("(grid)")] | Annotated[list[Axes], Tag("(grids)"), Field(min_length=1)],
    Discriminator(lambda value: "(grids)" if isinstance(value, list) else "(grid)"),
]
"""As in GridSearchCV: the values of each argument, or a list of such grids."""


class Range(Section):
    """The numbers from `low` to `high`, both included; only whole ones if both are. With `log`, by their logarithm."""

    low: float | int
    high: float | int
    log: bool = False

    @model_validator(mode="after")
    def _has_numbers(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"low={self.low} must be less than high={self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"log=true needs low > 0, and it is {self.low}")
        return self


Space = Mapped[
    Annotated[
        Annotated[list[Any], Tag("(list)"), Field(min_length=1)] | Annotated[Range, Tag("(range)")],
        Discriminator(lambda value: "(list)" if isinstance(value, list) else "(range)"),
    ],
]
"""As in ParameterSampler: the values of each argument, or the range that they are drawn from."""


class ModelConfig(Section):
    """One estimator, the axes of its grid, and the space that a random search draws from."""

    estimator: EstimatorSpec
    max_rows: Annotated[Annotated[int, Field(ge=1)] | None, NotInResult, AddedLater(None)]
    grid: Grid
    space: Annotated[Space, AddedLater({})]

    @property
    def grids(self) -> list[dict[str, list[Any]]]:
        """The grids to search one after another: one for a mapping of axes."""
        return self.grid if isinstance(self.grid, list) else [self.grid]


class TargetConfig(Section):
    """What the model learns in place of the target; its predictions are transformed back."""

    transformer: EstimatorSpec | None


class MemberConfig(Section):
    """A model of a blend, from what is done with the columns to the target, and how often it counts."""

    name: Annotated[Name, NotInResult]
    preprocessing: PreprocessingConfig
    model: ModelConfig
    target: TargetConfig
    weight: Annotated[int, Field(ge=0)]
    fold_weights: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]

    @model_validator(mode="after")
    def _has_one_value_for_each_axis(self) -> Self:
        several = [name for grid in self.model.grids for name, axis in grid.items() if len(axis) > 1]
        if several or len(self.model.grids) > 1 or self.model.space:
            raise ValueError("model.grid should have the one value of each axis that a search found; blend cells anew")
        return self


class NoSearch(Section):
    """The parameters as they stand; a recipe whose sweep has a budget takes it by the same key as a search."""

    kind: Literal["none"]
    budget_seconds: Annotated[Annotated[float, Field(gt=0)] | None, NotInResult, AddedLater(None)]


def _name_nan(value: object) -> object:
    return "nan" if isinstance(value, float) and math.isnan(value) else value  # as Hydra reads it


ErrorScore = Annotated[Literal["nan", "raise"], BeforeValidator(_name_nan)]
"""The score of a candidate that cannot be fitted, or that the search ends with its error."""


class SearchConfig(Section):
    """
    Candidates that are scored by cross-validation.

    `budget_seconds` decides where the search stops. What it has evaluated by then is recorded as `evaluated`, the
    numbers of the candidates in the order in which they were proposed, in place of the seconds.
    """

    scoring: Name | None
    folds: Annotated[int, Field(ge=2)]
    n_jobs: Annotated[Workers | None, NotInResult]
    scheduler: Annotated[Name | None, Elsewhere(None)]
    # Runs of earlier versions raised: those that ended had no candidate that failed.
    error_score: Annotated[ErrorScore, AddedLater("nan")]
    budget_seconds: Annotated[Annotated[float, Field(gt=0, allow_inf_nan=False)] | None, AddedLater(None)]
    evaluated: Annotated[list[Annotated[int, Field(ge=0)]] | None, AddedLater(None)]
    child_runs: Annotated[ChildRuns, NotInResult]
    checkpoint: Annotated[bool, Elsewhere(value=False)]
    checkpoint_dir: Annotated[Name, NotInResult]

    @model_validator(mode="after")
    def _can_end_in_time(self) -> Self:
        if self.budget_seconds is not None and self.scheduler is not None:
            raise ValueError(
                f"budget_seconds={self.budget_seconds:g} stops processes of this machine, not those of "
                f"scheduler={self.scheduler!r}; set one of them to null"
            )
        return self


class GridSearch(SearchConfig):
    """Every combination of the model's grid."""

    kind: Literal["grid"]


class DrawnSearch(SearchConfig):
    """Candidates drawn from the model's space, or from its grid if it has no space."""

    n_candidates: Annotated[int, Field(ge=1)]
    random_state: Annotated[int, Field(ge=0, lt=2**32)]


class RandomSearch(DrawnSearch):
    """Candidates drawn independently of each other."""

    kind: Literal["random"]


class HalvingSearch(DrawnSearch):
    """Candidates drawn independently of each other, of which the best get more and more of a resource."""

    kind: Literal["halving"]
    factor: Annotated[int, Field(ge=2)]
    resource: Name
    min_resources: Annotated[int, Field(ge=1)] | Literal["exhaust", "smallest"]
    max_resources: Annotated[int, Field(ge=1)] | None

    @model_validator(mode="after")
    def _has_a_limit(self) -> Self:
        if (self.resource == N_SAMPLES) is not (self.max_resources is None):
            raise ValueError(
                f"resource={self.resource!r} with max_resources={self.max_resources}: set max_resources for an "
                f"argument of the model, such as n_estimators, and leave it null for {N_SAMPLES}, the rows"
            )
        return self


class OptunaSearch(DrawnSearch):
    """Candidates that Optuna's TPE proposes one by one, after the scores of all earlier ones."""

    kind: Literal["optuna"]


Search = NoSearch | GridSearch | RandomSearch | HalvingSearch | OptunaSearch
