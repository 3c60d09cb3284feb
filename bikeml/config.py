"""The typed schema of conf/: what may stand there, and one message that lists everything that may not."""

import re
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Annotated, Any, Literal, Self, TypeVar, get_args
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from bikeml.composition import did_you_mean
from bikeml.errors import ConfigError
from bikeml.redaction import redact

STORES = ("http", "https", "sqlite", "postgresql", "mysql", "mssql", "databricks")
AZUREML = "azureml"
"""A tracking.uri: the workspace that the azure section names, or the one that the job runs in."""
STORES_TO_WRITE = "sqlite:///mlflow.db, or the address of a server"


class Section(BaseModel):
    """A section of the config: frozen, and without room for keys that nobody reads."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _either(wanted: str) -> WrapValidator:
    """Say of a union in one message what is `wanted`, where pydantic has one for each of its members."""

    def check(value: object, accept: ValidatorFunctionWrapHandler) -> object:
        try:
            return accept(value)
        except ValidationError as error:
            raise ValueError(f"should be {wanted}") from error

    return WrapValidator(check)


def _estimator_spec(spec: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(spec.get("_target_"), str):
        raise ValueError("needs a _target_, such as sklearn.linear_model.LinearRegression")  # noqa: TRY004
    return spec


def _encoding(name: str) -> str:
    try:
        "".encode(name)
    except LookupError as error:  # also what Python knows but is not for text, such as base64
        raise ValueError("is no encoding that Python knows; common ones are utf-8, latin-1, cp1252") from error
    return name


def _separator(value: object) -> object:
    return "\t" if value == "\\t" else value  # a command line cannot hold a tab


def _not_zero(n_jobs: int) -> int:
    if n_jobs == 0:
        raise ValueError("is no number of workers; use 1 or more, or -1 for every core")
    return n_jobs


def _model_name(name: str) -> str:
    if not re.fullmatch(r"[a-zA-Z0-9][\w.-]{0,254}", name, re.ASCII):
        raise ValueError(
            "should have letters, digits, hyphens, dots and underscores only, and begin with one of the first two"
        )
    return name


def _tracking_uri(uri: str) -> str:
    """Refuse what MLflow would refuse only after the fit, without importing it; a store's state is found out later."""
    scheme, separator, rest = uri.partition(":")
    parts = urlsplit(uri)
    if separator and parts.password:
        raise ValueError(
            "holds a password; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD in the environment instead"
        )
    plugins = [plugin.name for plugin in entry_points(group="mlflow.tracking_store")]
    if uri == "databricks" or scheme in plugins or (uri == AZUREML and AZUREML in plugins):
        return uri
    if scheme == AZUREML:
        raise ValueError("needs Azure's plugin of MLflow; install it with: pip install 'bikeml[azure]'")
    if scheme == "file" or not separator or len(scheme) == 1:  # one letter is a drive of Windows
        raise ValueError(f"is a folder, and MLflow keeps no new runs in folders; write {STORES_TO_WRITE}")
    if scheme.partition("+")[0] not in STORES:
        raise ValueError(f"is no store of MLflow ({', '.join([*STORES, *plugins])}); write {STORES_TO_WRITE}")
    if scheme == "sqlite" and (not rest.startswith("///") or rest in ("///", "///:memory:")):
        raise ValueError("names no file; write sqlite:///mlflow.db, or sqlite:////a/folder/mlflow.db")
    if scheme.startswith("http") and (not parts.hostname or parts.port == 0):
        raise ValueError("names no server; write one such as http://127.0.0.1:5000")
    return uri


Value = Annotated[str | int | float | bool, _either("text, a number, true or false")]
EstimatorSpec = Annotated[dict[str, Any], AfterValidator(_estimator_spec)]
"""A `_target_` and the keyword arguments of one estimator; checked further by :mod:`bikeml.pipeline`."""
Axis = Annotated[list[Any], Field(min_length=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)] | None
Name = Annotated[str, Field(min_length=1)]
ModelName = Annotated[str, AfterValidator(_model_name)]
"""Of a registered model, as every registry takes it."""


class DataConfig(Section):
    """Which table, what to predict, and the columns by kind."""

    name: Name | None
    path: Name
    target: Name
    numeric: list[Name]
    categorical: list[Name]
    date: Name | None
    date_format: Name | None
    allowed: dict[str, Annotated[list[Value], Field(min_length=1)]]
    separator: Annotated[str, BeforeValidator(_separator), Field(min_length=1, max_length=1)]
    encoding: Annotated[str, AfterValidator(_encoding)]

    @property
    def features(self) -> list[str]:
        """The columns that the model sees, in no particular order."""
        return [*self.numeric, *self.categorical]

    @model_validator(mode="after")
    def _columns_have_one_role(self) -> Self:
        columns = [self.target, *self.features, *([self.date] if self.date else [])]
        twice = sorted({column for column in columns if columns.count(column) > 1})
        if twice:
            raise ValueError(f"columns {twice} have more than one role among target, numeric, categorical and date")
        if not self.features:
            raise ValueError("numeric and categorical are both empty; name at least one column")
        return self


class RandomSplit(Section):
    """Rows held out at random; shuffled k-fold on the rest."""

    kind: Literal["random"]
    test_size: Annotated[float, Field(gt=0, lt=1)]
    random_state: Seed
    folds: Annotated[int, Field(ge=2)]
    repeats: Annotated[int, Field(ge=1, le=1000)]


class ChronologicalSplit(Section):
    """The latest dates held out; expanding windows on the rest."""

    kind: Literal["chronological"]
    test_size: Annotated[float, Field(gt=0, lt=1)]
    folds: Annotated[int, Field(ge=2)]


class PreprocessingConfig(Section):
    """Named transformer steps for each kind of column, applied in their order."""

    numeric: dict[str, EstimatorSpec]
    categorical: dict[str, EstimatorSpec]


class ModelConfig(Section):
    """One estimator and the axes of its grid."""

    estimator: EstimatorSpec
    grid: dict[str, Axis]


class NoSearch(Section):
    """The parameters as they stand."""

    kind: Literal["none"]


class GridSearch(Section):
    """Every combination of the model's grid, by cross-validation."""

    kind: Literal["grid"]
    scoring: Name
    folds: Annotated[int, Field(ge=2)]
    n_jobs: Annotated[int, AfterValidator(_not_zero)] | None
    backend: Literal["loky", "threading", "dask"] | None
    scheduler: Name | None
    child_runs: Annotated[Annotated[int, Field(ge=0)] | Literal["all"], _either("0 or more, or all")]
    checkpoint: bool
    checkpoint_dir: Name


class EvaluationConfig(Section):
    """How the fitted pipeline is judged."""

    confidence: Annotated[float, Field(gt=0, lt=1)]
    bootstrap_samples: Annotated[int, Field(ge=100, le=1_000_000)]
    importance_repeats: Annotated[int, Field(ge=1)]
    nested: bool
    random_state: Annotated[int, Field(ge=0, lt=2**32)]


class TrackingConfig(Section):
    """Where the run is recorded; a `uri` of None records nothing."""

    uri: Annotated[Name, AfterValidator(_tracking_uri)] | None
    experiment_name: Name
    run_name: Name | None


class SweepConfig(Section):
    """What a sweep does beyond its cells, and what it tells them."""

    max_failures: Annotated[int, Field(ge=0)] | None
    parent_run_id: Name | None
    fingerprint: Name | None


class ComputeConfig(Section):
    """A cluster of a workspace; it is made as described where there is none of that name."""

    name: Name | None
    size: Name
    min_instances: Annotated[int, Field(ge=0)]
    max_instances: Annotated[int, Field(ge=1)]
    idle_time_before_scale_down: Annotated[int, Field(ge=1)]
    tier: Literal["low_priority", "dedicated"]

    @model_validator(mode="after")
    def _has_room(self) -> Self:
        if self.min_instances > self.max_instances:
            raise ValueError(f"min_instances={self.min_instances} is above max_instances={self.max_instances}")
        return self


class AzureConfig(Section):
    """An Azure ML workspace, and what jobs in it are made of."""

    subscription_id: Name | None
    resource_group: Name | None
    workspace_name: Name | None
    write_config: bool
    compute: ComputeConfig
    environment: Name
    image: Name
    data: Name

    @model_validator(mode="after")
    def _names_a_workspace_or_none(self) -> Self:
        names = (self.subscription_id, self.resource_group, self.workspace_name)
        if any(names) and not all(names):
            raise ValueError(
                "subscription_id, resource_group and workspace_name go together; set all three, or none to take "
                "those of config.json"
            )
        if self.write_config and not all(names):
            raise ValueError("write_config=true writes the three names to config.json; set all three")
        return self


class Config(Section):
    """One experiment, resolved and checked."""

    seed: Seed
    data: DataConfig
    split: Annotated[RandomSplit | ChronologicalSplit, Field(discriminator="kind")]
    preprocessing: PreprocessingConfig
    model: ModelConfig
    search: Annotated[NoSearch | GridSearch, Field(discriminator="kind")]
    evaluation: EvaluationConfig
    tracking: TrackingConfig
    azure: AzureConfig
    reuse: Literal["none", "finished", "all"]
    sweep: SweepConfig

    @model_validator(mode="after")
    def _sections_agree(self) -> Self:
        if self.search.kind == "grid" and not self.model.grid:
            raise ValueError("search=grid needs axes to search; add some to model.grid, or choose search=none")
        if self.split.kind == "chronological" and self.data.date is None:
            raise ValueError("split=chronological needs a date column; set data.date")
        if self.search.kind == "grid" and (self.search.backend == "dask") != (self.search.scheduler is not None):
            raise ValueError("search.backend=dask and search.scheduler=ADDRESS go together; set both or neither")
        if self.evaluation.nested and self.search.kind == "none":
            raise ValueError("evaluation.nested=true judges a search; choose search=grid, or set it to false")
        return self


class LauncherConfig(Section):
    """The keys of hydra.launcher where it is azureml."""

    reuse: Literal["finished", "all"]
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
    return _validate(Config, sections)


def typed_launcher(options: Mapping[str, object]) -> LauncherConfig:
    """Return the typed keys of hydra.launcher; raises ConfigError with every problem at once."""
    return _validate(LauncherConfig, options, "hydra.launcher")


Typed = TypeVar("Typed", bound=Section)


def typed_options(section: type[Typed], values: Mapping[str, object]) -> Typed:
    """Return the typed options of a task; raises ConfigError with every problem at once."""
    return _validate(section, values)


def _validate(section: type[Typed], values: Mapping[str, object], name: str = "") -> Typed:
    try:
        return section.model_validate(dict(values))
    except ValidationError as error:
        problems = [_problem(section, name, details) for details in error.errors()]
        raise ConfigError(redact("\n".join(problems))) from error


_SAID_SHORTER = {
    "model_type": "should be a mapping, such as {key: value}",
    "dict_type": "should be a mapping, such as {key: value}",
    "list_type": "should be a list, such as [1, 2]",
    "too_long": "should be one character",
    "too_short": "should not be empty",
    "string_too_short": "should not be empty",
    "int_type": "should be an integer",
    "string_type": "should be text; a number or a boolean as text stands in quotes",
    "bool_type": "should be true or false",
    "float_type": "should be a number",
}


def _problem(root: type[BaseModel], name: str, details: Mapping[str, Any]) -> str:
    model, path = _locate(root, details["loc"])
    key = ".".join([name, *path] if name else path)
    if path == ["experiment"]:
        return "unknown key 'experiment'; a recipe's file begins with the line # @package _global_"
    if details["type"] == "extra_forbidden":
        known = list(model.model_fields) if model is not None else []
        return f"unknown key {key!r}{did_you_mean(path[-1], known)}; allowed here: {', '.join(known)}"
    if details["type"] == "missing":
        return f"{key} is missing; set it, or put the line back into the file it was taken from"
    message = _SAID_SHORTER.get(details["type"]) or str(details["msg"]).removeprefix("Value error, ")
    message = message.replace("Input should", "should")
    if details["type"].startswith("union_tag"):
        kinds = map(_kind, get_args(Config.model_fields[key].annotation))
        return f"{key}.kind={details['input'].get('kind')!r} is not one of {', '.join(map(repr, kinds))}"
    whole_section = isinstance(details["input"], Mapping) and details["type"] == "value_error"
    return f"{key} {message}".strip() if whole_section else f"{key}={details['input']!r} {message}"


def _locate(root: type[BaseModel], loc: tuple[int | str, ...]) -> tuple[type[BaseModel] | None, list[str]]:
    """Return the section below `root` in which an error lies, and its path without the names of union members."""
    model: type[BaseModel] | None = root
    path: list[str] = []
    members: dict[str, type[BaseModel]] = {}
    for part in map(str, loc):
        if part == "[key]":  # of a mapping: the part before it is the key
            continue
        if part in members:
            model, members = members[part], {}
            continue
        path.append(part)
        field = model.model_fields.get(part) if model is not None else None
        if field is None:
            continue
        annotation = field.annotation
        members = {_kind(option): option for option in get_args(annotation) if hasattr(option, "model_fields")}
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            model = annotation
        elif not members:
            model = None
    return model, path


def _kind(section: type[BaseModel]) -> str:
    return str(get_args(section.model_fields["kind"].annotation)[0])
