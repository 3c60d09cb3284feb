"""The typed schema of conf/: the allowed keys and values, and the keys that change no figure."""

import os
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from bikeml.config.azure import AzureConfig
from bikeml.config.data import DataConfig, SplitConfig
from bikeml.config.estimators import (
    DrawnSearch,
    GridSearch,
    MemberConfig,
    ModelConfig,
    NoSearch,
    PreprocessingConfig,
    Range,
    Search,
    TargetConfig,
)
from bikeml.config.fields import (
    AUTO,
    EXPERIMENT_ID,
    EXPERIMENT_NAME,
    TRACKING_URI,
    AddedLater,
    ExperimentId,
    MetricNames,
    Name,
    NotInResult,
    Section,
    Seed,
    Tags,
    TrackingUri,
    Workers,
    either,
    find_fault_of_platform,
    is_store_of_environment,
)
from bikeml.config.project import find_default_store
from bikeml.config.validation import validate
from bikeml.system.spelling import join_names

CELL_LINES = either('a list of lines of overrides, such as ["model=linear", "model=gbr target=sqrt"], or null')
EXPERIMENT = "bikeml"
"""The MLflow experiment in which runs stand if nothing names one."""
FOUND: Mapping[str, Any] = {"kind": "grid", "scoring": None}
"""Of a member of a blend, a search that has found its one candidate."""


class EvaluationConfig(Section):
    """How the fitted pipeline is judged."""

    confidence: Annotated[float, Field(gt=0, lt=1)]
    bootstrap_samples: Annotated[int, Field(ge=100, le=1_000_000)]
    importance: Annotated[Literal["auto", "permutation", "none"], AddedLater("permutation")]
    importance_repeats: Annotated[int, Field(ge=1)]
    nested: bool
    metrics: Annotated[MetricNames, NotInResult, AddedLater(["mse", "rmse", "mae", "r2"])]
    rank: Annotated[Name, AddedLater("r2")]
    n_jobs: Annotated[Workers | None, AddedLater(None), NotInResult]
    random_state: Annotated[int, Field(ge=0, lt=2**32)]


class TrackingConfig(Section):
    """Where the run is recorded, and what is told of it; a `uri` of None records nothing."""

    uri: TrackingUri | None
    experiment_name: Name
    experiment_id: Annotated[ExperimentId | None, AddedLater(None)]
    run_name: Name | None
    description: Annotated[Name | None, AddedLater(None)]
    tags: Annotated[Tags, BeforeValidator(join_names), AddedLater({})]

    @model_validator(mode="before")
    @classmethod
    def _ask_environment(cls, values: Any) -> Any:  # noqa: ANN401  any YAML value
        """Set what the config leaves to the variables of MLflow: a uri of auto, and an experiment_name of None."""
        if not isinstance(values, Mapping):
            return values
        asked = dict(values)
        if asked.get("uri") == AUTO:
            uri = os.environ.get(TRACKING_URI, "")
            asked["uri"] = find_default_store() if not uri or find_fault_of_platform(uri) else uri
        if "experiment_name" in asked and asked["experiment_name"] is None:
            name = os.environ.get(EXPERIMENT_NAME)
            asked["experiment_name"] = name or EXPERIMENT
            if not name and asked.get("experiment_id") is None and is_store_of_environment(asked.get("uri")):
                asked["experiment_id"] = os.environ.get(EXPERIMENT_ID) or None
        return asked


class SweepConfig(Section):
    """What a sweep does beyond its cells."""

    cells: Annotated[Annotated[list[Name], Field(min_length=1)] | None, CELL_LINES, AddedLater(None)]
    unfit: Annotated[Literal["fail", "leave_out"], AddedLater("fail")]
    blend: Annotated[bool, AddedLater(default=False)]
    budget_seconds: Annotated[Annotated[float, Field(gt=0, allow_inf_nan=False)] | None, AddedLater(None)]
    max_failures: Annotated[int, Field(ge=0)] | None
    rope: Annotated[float, Field(ge=0, allow_inf_nan=False), AddedLater(0.01)]


class Config(Section):
    """One experiment, resolved and checked."""

    seed: Seed
    data: DataConfig
    split: SplitConfig
    preprocessing: PreprocessingConfig
    model: ModelConfig
    target: Annotated[TargetConfig, AddedLater({"transformer": None})]
    search: Annotated[Search, Field(discriminator="kind")]
    evaluation: EvaluationConfig
    blend: Annotated[list[MemberConfig], AddedLater([])]
    tracking: Annotated[TrackingConfig, NotInResult]
    azure: Annotated[AzureConfig, NotInResult]
    vars: Annotated[dict[Any, Any], NotInResult, AddedLater({})]
    reuse: Annotated[Literal["none", "finished", "all"] | None, NotInResult]
    sweep: Annotated[SweepConfig, NotInResult]
    open: Annotated[bool, NotInResult, AddedLater(default=False)] = False

    @property
    def searched_key(self) -> str:
        """The key of the axes that the search varies: candidates are drawn from the grid if there is no space."""
        return "model.space" if isinstance(self.search, DrawnSearch) and self.model.space else "model.grid"

    @property
    def searched(self) -> list[dict[str, list[Any]]]:
        """The axes that the search varies, each with its values, or with the ends of its range."""
        if self.search.kind == "none":
            return []
        if self.searched_key == "model.grid":
            return self.model.grids
        axes = self.model.space.items()
        return [{name: [axis.low, axis.high] if isinstance(axis, Range) else axis for name, axis in axes}]

    @property
    def members(self) -> list[Self]:
        """The config of each member of a blend; a grid of one candidate has what a search found. Or else this one."""
        found, plain = GridSearch.model_construct(**FOUND), NoSearch.model_validate({"kind": "none"})
        return [
            self.model_copy(
                update={
                    **{key: getattr(each, key) for key in ("preprocessing", "model", "target")},
                    "search": found if any(each.model.grids) else plain,
                    "blend": [],
                }
            )
            for each in self.blend
        ] or [self]

    @model_validator(mode="after")
    def _sections_agree(self) -> Self:
        dates = self.data.dates if self.preprocessing.date else []
        if self.data.is_decided and not self.data.features and not dates:
            raise ValueError("data.numeric and data.categorical are both empty; name at least one column")
        if self.search.kind != "none" and not all(self.searched):
            raise ValueError(
                f"search={self.search.kind} needs axes to search; add some to model.grid, or choose search=none"
            )
        if self.split.kind == "chronological" and self.data.date is None:
            raise ValueError("split=chronological needs a date column; set data.date")
        if self.evaluation.nested and self.search.kind == "none":
            raise ValueError("evaluation.nested=true judges a search; choose search=grid, or set it to false")
        lengths = {len(each.fold_weights) for each in self.blend}
        weights = [[each.weight, *each.fold_weights] for each in self.blend]
        is_whole = len(lengths) == 1 and all(map(any, zip(*weights, strict=True))) and self.search.kind == "none"
        if self.blend and not is_whole:
            raise ValueError(
                "blend is not as bikeml blend writes it: each member needs a weight for each fold, in each fold one "
                "must be above 0, and search should be none; blend the sweep again"
            )
        return self


class LauncherConfig(Section):
    """The keys of hydra.launcher if it is azureml."""

    plan: bool
    wait: bool
    on_interrupt: Literal["detach", "cancel"]
    on_quota: Literal["stop", "wait"]
    timeout_minutes: Annotated[int, Field(ge=1)]
    preemptions: Annotated[int, Field(ge=0)]
    max_jobs: Annotated[int, Field(ge=1)]
    max_parallel_jobs: Annotated[int, Field(ge=1)] | None
    max_node_hours: Annotated[float, Field(gt=0)]
    poll_seconds: Annotated[float, Field(gt=0)]
    patience_minutes: Annotated[float, Field(ge=0)]

    @model_validator(mode="after")
    def _can_leave(self) -> Self:
        if not self.wait and self.max_parallel_jobs is not None:
            raise ValueError("wait=false submits everything and leaves; set max_parallel_jobs=null, or wait=true")
        return self


def typed(sections: Mapping[str, object]) -> Config:
    """Return the typed config of resolved `sections`; raises ConfigError with every problem at once."""
    return validate(Config, sections)


def typed_launcher(options: Mapping[str, object]) -> LauncherConfig:
    """Return the typed keys of hydra.launcher; raises ConfigError with every problem at once."""
    return validate(LauncherConfig, options, "hydra.launcher")
