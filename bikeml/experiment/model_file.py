"""Save a fitted pipeline to a file, and load it without running code from the file."""

import hashlib
import importlib
import json
import zipfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from sklearn import __version__ as sklearn_version
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from bikeml.config.data import DataConfig
from bikeml.errors import ModelFileError
from bikeml.system.files import MOST_YAML_BYTES, parse_yaml

FILE_NAME, DESCRIPTION_NAME = "model.skops", "MLmodel"
WRITTEN = "data"
"""The key of an MLmodel file's metadata that says how the cells of the training table are written."""
WRITTEN_EARLIER: Mapping[str, object] = {
    "categories": "inferred",
    "units": {},
    "gaps": [],
    "not_gaps": {},
    "decimal": ".",
    "thousands": None,
}
"""How the tables of earlier versions were written, whose models do not say it."""
TRUSTED_TYPES = (
    "numpy.asarray",
    "numpy.clip",  # refuses numbers in columns of text
    "numpy.ascontiguousarray",  # for columns that are not transformed
    "numpy.dtype",
    "numpy.ma.core.masked_object",  # gaps in text
    "numpy.ravel",
    "pandas.core.tools.datetimes.to_datetime",
    "pandas.to_datetime",  # as pandas 3 calls it
    "skrub._datetime_encoder.DatetimeEncoder",
    "skrub._datetime_encoder._CircularEncoder",
    "sklearn.tree._tree.Tree",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.model_selection._split.KFold",  # of a TargetEncoder
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.neighbors._ball_tree.BallTree",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.utils._bunch.Bunch",
)
"""Types that may be loaded in addition to skops' own list; a model file cannot add to them."""
NO_ESTIMATORS = {"conftest", "experimental", "externals", "tests"}
"""Parts of scikit-learn without estimators for a model; nothing is imported from them."""


def save_pipeline(pipeline: Pipeline, folder: Path) -> Path:
    """Write `pipeline`, compressed, to `folder`/model.skops, and return the path of the file."""
    import skops.io  # slow, and many processes neither save nor load a model

    folder.mkdir(parents=True, exist_ok=True)
    file = folder / FILE_NAME
    skops.io.dump(pipeline, file, compression=zipfile.ZIP_DEFLATED, compresslevel=1)
    return file


def load_pipeline(path: str | Path) -> Pipeline:
    """
    Load a pipeline from a model.skops or from its folder.

    Raises ModelFileError if the file is missing, damaged, or holds a type that is neither scikit-learn's nor trusted.
    """
    import skops.io

    file = Path(path)
    file = file / FILE_NAME if file.is_dir() else file
    if not file.is_file():
        raise ModelFileError(f"there is no model at {str(file)!r}; give the path of a {FILE_NAME} or of its folder")
    try:
        unknown = set(skops.io.get_untrusted_types(file=file)) - set(TRUSTED_TYPES)
        estimators = {name for name in unknown if _is_estimator(name)}
        untrusted = sorted(unknown - estimators)
        pipeline = None if untrusted else skops.io.load(file, trusted=[*TRUSTED_TYPES, *estimators])
    except Exception as error:  # with a damaged file skops and scikit-learn may raise any error
        raise ModelFileError(
            f"{str(file)!r} is not a model that bikeml wrote, or is damaged: {type(error).__name__}: {error}"
        ) from error
    if untrusted:
        raise ModelFileError(
            f"{str(file)!r} holds types that are not trusted: {', '.join(untrusted)}; if you know who wrote it, "
            "load it with skops.io.load and your own list of trusted types"
        )
    return pipeline


def _is_estimator(type_name: str) -> bool:
    """Tell whether a type is an estimator of scikit-learn; with `lean_skops`, skops has no list of them."""
    module, _, name = type_name.rpartition(".")
    if not module.startswith("sklearn.") or NO_ESTIMATORS & set(module.split(".")):
        return False
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError:
        return False
    return isinstance(found, type) and issubclass(found, BaseEstimator) and found.__module__ == module


@dataclass(frozen=True)
class ModelDescription:
    """The part of a model's MLmodel file that says with which columns and which scikit-learn it works."""

    inputs: Mapping[str, str]
    """The columns that the model takes, in order, with MLflow's names of their types, such as double."""
    sklearn_version: str
    """The version that fitted the model."""
    written: Mapping[str, object]
    """How the cells of its training table are written: the keys HOW_WRITTEN of the data section."""


def read_description(folder: Path) -> ModelDescription:
    """Read the MLmodel file of a recorded model; raises ModelFileError if it is missing or incomplete."""
    file = folder / DESCRIPTION_NAME
    try:
        content: dict[str, Any] = read_yaml(file)
        inputs = {str(column["name"]): str(column["type"]) for column in json.loads(content["signature"]["inputs"])}
        written = {**WRITTEN_EARLIER, **(content.get("metadata") or {}).get(WRITTEN, {})}
        return ModelDescription(inputs, str(content["flavors"]["sklearn"]["sklearn_version"]), written)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, yaml.YAMLError) as error:
        raise ModelFileError(
            f"{str(file)!r} does not describe a model with a signature: {type(error).__name__}: {error}; name a run "
            "that bikeml recorded"
        ) from error


def read_as_trained(data: DataConfig, description: ModelDescription, given: Collection[str]) -> DataConfig:
    """
    Return the data section with which rows for a model are read: as its training table was, but for the `given` keys.

    Raises ModelFileError if the model's file says what is no value of a key.
    """
    try:
        return data.written_as(description.written, given)
    except (ValueError, TypeError) as error:
        raise ModelFileError(
            f"the model's {DESCRIPTION_NAME} does not say how its table is written: {str(error).splitlines()[0]}; name "
            "another run"
        ) from error


def read_yaml(file: Path) -> Any:  # noqa: ANN401  any YAML value
    """Return the value of a small YAML file; raises ValueError, YAMLError and OSError."""
    size = file.stat().st_size
    if size > MOST_YAML_BYTES:
        raise ValueError(f"it has {size:,} bytes; at most {MOST_YAML_BYTES:,} are allowed")
    return parse_yaml(file.read_text(encoding="utf-8"))


def load_recorded(folder: Path) -> tuple[Pipeline, ModelDescription]:
    """
    Load a recorded model that was fitted with the minor version of scikit-learn that is installed here.

    Raises ModelFileError as :func:`load_pipeline` does, and if the model was fitted with another minor version, since
    fitted models may change between those (https://scikit-learn.org/stable/model_persistence.html).
    """
    description = read_description(folder)
    if _minor(description.sklearn_version) != _minor(sklearn_version):
        raise ModelFileError(
            f"the model was fitted with scikit-learn {description.sklearn_version}, and here {sklearn_version} is "
            f"installed; install scikit-learn=={description.sklearn_version}, or fit the model again"
        )
    return load_pipeline(folder), description


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]


def hash_model(folder: Path) -> str:
    """Return the sha256 of the model file in `folder`; raises ModelFileError if there is none."""
    try:
        return hashlib.sha256((folder / FILE_NAME).read_bytes()).hexdigest()
    except OSError as error:
        raise ModelFileError(
            f"there is no {FILE_NAME} in {str(folder)!r}: {error.strerror}; name another run"
        ) from error
