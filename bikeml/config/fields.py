"""The types of values in conf/, the marks of keys, and the messages for values of the wrong type."""

import os
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
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

SQLITE = "sqlite:///"
STORES = ("http", "https", "sqlite", "postgresql", "mysql", "mssql", "databricks")
AUTO = "auto"
"""A value that is found by looking at the table; a tracking.uri: the one that MLFLOW_TRACKING_URI names."""
AZUREML = "azureml"
"""A tracking.uri: the workspace that the azure section names, or the one that the job runs in."""
STORES_TO_WRITE = "sqlite:///mlflow.db, or the address of a server"
TRACKING_URI, EXPERIMENT_NAME, EXPERIMENT_ID = "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID"
"""The variables of MLflow that say where runs are recorded."""
LOCAL_STORE = f"{SQLITE}mlflow.db"
"""The tracking.uri of conf/tracking/local.yaml, and of auto if MLFLOW_TRACKING_URI names no other."""
TAG_KEY = 250
"""The most characters of a tag's name: MLflow 3.15, MAX_ENTITY_KEY_LENGTH."""


class Section(BaseModel):
    """A section of the config: frozen, and without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _add_later_keys(cls, values: Any) -> Any:  # noqa: ANN401  any YAML value
        """Set each key that a YAML file of an earlier version lacks to what that version did."""
        if not isinstance(values, Mapping):
            return values
        later = {
            name: mark.default
            for name, field in cls.model_fields.items()
            for mark in field.metadata
            if isinstance(mark, AddedLater)
        }
        return {**later, **values}


class NotInResult:
    """The mark of a key or section that changes no figure; :mod:`bikeml.config.sections` reads it."""


@dataclass(frozen=True)
class Elsewhere(NotInResult):
    """The mark of a key that changes no figure and fits one machine. Other machines take `value` instead."""

    value: object


@dataclass(frozen=True)
class AddedLater:
    """
    The mark of a key that came after the first runs were recorded; `default` is what these runs did, as plain values.

    The key enters an identity only with another value, so that earlier runs keep their fingerprints.
    """

    default: object


def either(wanted: str) -> WrapValidator:
    """Return what gives one message that says what is `wanted`; pydantic has a message for each member of a union."""

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
    if name == AUTO:
        return name
    try:
        "".encode(name)
    except LookupError as error:  # also what Python knows but is not for text, such as base64
        raise ValueError(
            "is not an encoding that Python knows; common ones are utf-8, latin-1, cp1252, and auto finds it"
        ) from error
    return name


def _separator(value: object) -> object:
    return "\t" if value == "\\t" else value  # a command line cannot hold a tab


def _as_text(name: object) -> object:
    """Return the name of a column, or an id, as text; to Hydra and YAML the column 2011 is a number."""
    return str(name) if isinstance(name, int) and not isinstance(name, bool) else name


def _target(name: object) -> object:
    return "" if name is None else _as_text(name)


def _not_zero(n_jobs: int) -> int:
    if n_jobs == 0:
        raise ValueError("is not a number of workers; use 1 or more, or -1 for every core")
    return n_jobs


def _test_size(size: float) -> float:
    if not size > 0:  # NaN too
        raise ValueError("should be greater than 0")
    if isinstance(size, float) and size >= 1:
        raise ValueError("should be less than 1 as a share; a number of rows is written without a point")
    return size


def _model_name(name: str) -> str:
    if not re.fullmatch(r"[a-zA-Z0-9][\w.-]{0,254}", name, re.ASCII):
        raise ValueError(
            "should have letters, digits, hyphens, dots and underscores only, and begin with one of the first two"
        )
    return name


def find_fault_of_platform(uri: str) -> str | None:
    """Return why a store of the kinds that a platform sets, a folder or a workspace, cannot be used; None if it can."""
    scheme, separator, _ = uri.partition(":")
    if uri == "databricks" or (separator and _is_built_in(scheme)) or scheme in _list_plugins():
        return None
    if scheme == AZUREML:
        return "needs Azure's plugin of MLflow; install it with: pip install 'bikeml[azure]'"
    if scheme == "file" or not separator or len(scheme) == 1:  # one letter is a drive of Windows
        return f"is a folder, and MLflow keeps no new runs in folders; write {STORES_TO_WRITE}"
    return None


def _is_built_in(scheme: str) -> bool:
    return scheme.partition("+")[0] in STORES


def _list_plugins() -> list[str]:  # reads the metadata of all installed packages
    return [plugin.name for plugin in entry_points(group="mlflow.tracking_store")]


def _tracking_uri(uri: str) -> str:
    """Refuse a URI that MLflow would refuse only after the fit. MLflow is not imported, and no store is opened."""
    scheme, separator, rest = uri.partition(":")
    parts = urlsplit(uri)
    if separator and parts.password:
        raise ValueError(
            "holds a password; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD in the environment instead"
        )
    fault = find_fault_of_platform(uri)
    if fault is not None:
        raise ValueError(fault)
    if not _is_built_in(scheme) and scheme not in (plugins := _list_plugins()):
        raise ValueError(f"is not a store of MLflow ({', '.join([*STORES, *plugins])}); write {STORES_TO_WRITE}")
    if scheme == "sqlite" and (not rest.startswith("///") or rest in ("///", "///:memory:")):
        raise ValueError("names no file; write sqlite:///mlflow.db, or sqlite:////a/folder/mlflow.db")
    if scheme.startswith("http") and (not parts.hostname or parts.port == 0):
        raise ValueError("names no server; write one such as http://127.0.0.1:5000")
    return uri


def _tag_name(name: str) -> str:
    """Refuse a name that MLflow would refuse only after the fit, or that is ours."""
    if name.startswith("bikeml."):
        raise ValueError("begins with bikeml., as the tags that bikeml itself writes; take another name")
    if name == "mlflow.runName":
        raise ValueError("is the name of the run; set tracking.run_name")
    if not re.fullmatch(r"[\w.\-: /]+", name) or len(name) > TAG_KEY or posixpath.normpath(name) != name:
        raise ValueError(
            f"should have at most {TAG_KEY} letters, digits, spaces and _ - . : /, and be no path such as ../a or a//b"
        )
    return name


T = TypeVar("T")
Value = Annotated[str | int | float | bool, either("text, a number, true or false")]
EstimatorSpec = Annotated[dict[str, Any], AfterValidator(_estimator_spec)]
"""A `_target_` and the keyword arguments of one estimator; checked further by :mod:`bikeml.experiment.pipeline`."""
Seed = Annotated[int, Field(ge=0, lt=2**32)] | None
Name = Annotated[str, Field(min_length=1)]
Encoding = Annotated[str, AfterValidator(_encoding)]
MetricNames = Annotated[list[Name], either("a list of metrics, such as [r2, mae]")]
Mapped = Annotated[dict[str, T], BeforeValidator(lambda values: {} if values is None else values)]
"""By column. The default in conf/ is null, no entries: Hydra adds no keys to an existing mapping."""
Target = Annotated[str, BeforeValidator(_target)]
"""A column; empty if none is named. Predicting needs none."""
Sign = Annotated[
    Annotated[str, BeforeValidator(_separator), Field(min_length=1, max_length=1)] | Literal["auto"],
    either("one character, or auto"),
]
Separator = Sign
ColumnName = Annotated[str, BeforeValidator(_as_text), Field(min_length=1)]
Columns = Annotated[
    list[ColumnName] | Literal["auto"],
    either("a list of columns, such as [temp, hum], or auto; true, false and null as names stand in quotes"),
]
DateColumns = Annotated[Name | list[ColumnName] | None, either("a column, a list of columns, auto, or null")]
DateFormat = Annotated[
    Name | dict[str, Name] | None, either("a format such as %m/%d/%Y, a mapping of columns to formats, or null")
]
TestSize = Annotated[
    Annotated[int | float, either("a number: a share such as 0.3, or how many, such as 200")],
    AfterValidator(_test_size),
]
Workers = Annotated[int, AfterValidator(_not_zero)]
ChildRuns = Annotated[Annotated[int, Field(ge=0)] | Literal["all"], either("0 or more, or all")]
TrackingUri = Annotated[Name, AfterValidator(_tracking_uri)]
ExperimentId = Annotated[str, BeforeValidator(_as_text), Field(min_length=1)]
Tags = dict[Annotated[str, AfterValidator(_tag_name)], Value]
"""By name."""
ModelName = Annotated[str, AfterValidator(_model_name)]
"""The name of a registered model, as every registry allows it."""


def is_store_of_environment(uri: object) -> bool:
    """Return whether an id in MLflow's variables is of the store at `uri`: whether they name this one, or none."""
    named = os.environ.get(TRACKING_URI)
    return not named or absolute(named).rstrip("/") == absolute(str(uri)).rstrip("/")


def absolute(uri: str) -> str:
    """Return `uri`; the path of a local sqlite file becomes absolute, so that the store knows its folder."""
    if not uri.startswith(SQLITE):
        return uri
    return SQLITE + str(Path(uri.removeprefix(SQLITE)).absolute())
