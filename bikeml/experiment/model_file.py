"""Save a fitted pipeline to a file, and load it without running code from the file."""

import hashlib
import json
import zipfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from sklearn import __version__ as sklearn_version
from sklearn.base import BaseEstimator, is_regressor
from sklearn.pipeline import Pipeline

from bikeml.config.data import DataConfig
from bikeml.errors import FitError, ModelFileError
from bikeml.experiment.trusted.arrays import check_arrays
from bikeml.experiment.trusted.indices import need
from bikeml.experiment.trusted.packages import ALLOWED_PACKAGES_VARIABLE
from bikeml.experiment.trusted.scorers import without_scorers
from bikeml.experiment.trusted.types import is_trusted
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
SAME = 1e-9
"""The largest difference, relative to the largest prediction, between a model and itself after it is loaded."""
MOST_EXPANDED_BYTES, MOST_EXPANSION = 256 * 2**20, 100
"""A model file may hold so many bytes, or so many times its own size: a few kilobytes can hold any number of zeros."""
_LOADED: set[frozenset[str]] = set()
"""The sets of types of the models that this process has loaded."""


def save_pipeline(pipeline: BaseEstimator, folder: Path, name: str = FILE_NAME) -> Path:
    """
    Write `pipeline`, compressed, to a file in `folder`, and return the path of the file.

    Raises ModelFileError if it holds an object that cannot be written.
    """
    import skops.io  # slow, and many processes neither save nor load a model

    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    try:
        with without_scorers(pipeline):
            skops.io.dump(pipeline, file, compression=zipfile.ZIP_DEFLATED, compresslevel=1)
    except OSError:
        raise
    except Exception as error:  # estimators of any package may hold any object, also themselves
        raise ModelFileError(
            f"the fitted pipeline cannot be saved: {type(error).__name__}: {error}; choose another estimator"
        ) from error
    return file


def read_types(file: Path) -> frozenset[str]:
    """Return the names of the types in a model file; nothing is loaded. Raises the errors of a damaged file."""
    with zipfile.ZipFile(file) as archive:
        _check_expansion(archive, file.stat().st_size)
        waiting: list[Any] = [json.loads(archive.read("schema.json"))]
    found = set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            found.add(f"{node.get('__module__')}.{node.get('__class__')}")
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
    return frozenset(found)


def _check_expansion(archive: zipfile.ZipFile, size: int) -> None:
    held = sum(member.file_size for member in archive.infolist())
    at_most = max(MOST_EXPANDED_BYTES, MOST_EXPANSION * size)
    need(held <= at_most, f"its {size:,} bytes hold {held:,}; at most {at_most:,} are allowed")


def save_checked(pipeline: Pipeline, example: pd.DataFrame, predicted: np.ndarray, folder: Path) -> frozenset[str]:
    """
    Write `pipeline` as :func:`save_pipeline` does, and return the names of its types.

    It is loaded again, and must predict for `example`, shape (n_rows, n_features), what was `predicted`, shape
    (n_rows,). A model of the same types as an earlier one of this process is not loaded, since that takes a tenth of a
    second. Raises OSError, and FitError if the model could not be used.
    """
    try:
        file = save_pipeline(pipeline, folder)
        types = read_types(file)
        if types not in _LOADED:
            _compare(predicted, _load(file, "it").predict(example))
    except ModelFileError as error:
        raise FitError(f"the fitted model could not be loaded again, so it is not recorded: {error}") from error
    _LOADED.add(types)
    return types


def _compare(predicted: np.ndarray, loaded: np.ndarray) -> None:
    # the last digits of a product depend on where its arrays lie in memory
    if not np.allclose(predicted, loaded, rtol=SAME, atol=SAME * np.nanmax(np.abs(predicted)), equal_nan=True):
        raise ModelFileError(
            f"it predicts {loaded[0]} for the first row, and predicted {predicted[0]} before it was saved; choose "
            "another estimator, or give it a random_state"
        )


def load_pipeline(path: str | Path) -> Pipeline:
    """
    Load a pipeline, or a regressor alone, from a model.skops or from its folder.

    Raises ModelFileError if the file is missing, damaged, or holds a type that is neither scikit-learn's nor trusted.
    """
    file = Path(path)
    file = file / FILE_NAME if file.is_dir() else file
    if not file.is_file():
        raise ModelFileError(f"there is no model at {str(file)!r}; give the path of a {FILE_NAME} or of its folder")
    return _load(file, repr(str(file)))


def _load(file: Path, name: str) -> Pipeline:
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        model = skops.io.load(file, trusted=sorted(filter(is_trusted, read_types(file))))
        need(
            isinstance(model, BaseEstimator) and is_regressor(model),
            f"it holds no regressor, but a {type(model).__name__}",
        )
        check_arrays(model)
    except UntrustedTypesFoundException as error:
        untrusted = [each for each in skops.io.get_untrusted_types(file=file) if not is_trusted(each)]
        raise ModelFileError(
            f"{name} holds types that are not trusted: {', '.join(untrusted)}; if you trust who wrote their package, "
            f"name it in {ALLOWED_PACKAGES_VARIABLE}, or load the file with skops.io.load and your own list of types"
        ) from error
    except Exception as error:  # with a damaged file skops and scikit-learn may raise any error
        raise ModelFileError(
            f"{name} is not a model that bikeml wrote, or is damaged: {type(error).__name__}: {error}"
        ) from error
    return model


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
