"""Save a fitted pipeline to a file, and load it without running code from the file."""

import hashlib
import io
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import __version__ as sklearn_version
from sklearn.base import BaseEstimator, is_regressor
from sklearn.pipeline import Pipeline

from bikeml.config.data import DataConfig
from bikeml.errors import FitError, ModelFileError
from bikeml.experiment.trusted.arrays import check_arrays
from bikeml.experiment.trusted.indices import need
from bikeml.experiment.trusted.mlmodel import FILE_NAME, WRITTEN, check_mlmodel, read_inputs
from bikeml.experiment.trusted.packages import ALLOWED_PACKAGES_VARIABLE
from bikeml.experiment.trusted.schema import read_types, write_model
from bikeml.experiment.trusted.scorers import without_scorers
from bikeml.experiment.trusted.types import is_trusted, list_boosters, list_types
from bikeml.system.documents import read_bounded, read_yaml
from bikeml.system.spelling import some

DESCRIPTION_NAME = "MLmodel"
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
_LOADED: set[frozenset[str]] = set()
"""The sets of types of the models that this process has loaded."""


def save_pipeline(pipeline: BaseEstimator, folder: Path, name: str = FILE_NAME) -> Path:
    """
    Write `pipeline`, compressed, to a file in `folder`, and return the path of the file.

    Raises ModelFileError if it holds an object that cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    try:
        with without_scorers(pipeline):
            write_model(pipeline, file)
    except OSError:
        raise
    except Exception as error:  # estimators of any package may hold any object, also themselves
        raise ModelFileError(
            f"the fitted pipeline cannot be saved: {type(error).__name__}: {error}; choose another estimator"
        ) from error
    return file


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
            _compare(predicted, _load(file, "it", hash_model(folder)).predict(example))
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


def load_pipeline(path: str | Path, sha256: str | None = None) -> Pipeline:
    """
    Load a pipeline, or a regressor alone, from a model.skops or from its folder.

    `sha256` is that of the file as its run recorded it; a file with a booster is loaded only with it. Raises
    ModelFileError if the file is missing, damaged, or holds a type that is neither scikit-learn's nor trusted.
    """
    file = Path(path)
    file = file / FILE_NAME if file.is_dir() else file
    if not file.is_file():
        raise ModelFileError(f"there is no model at {str(file)!r}; give the path of a {FILE_NAME} or of its folder")
    return _load(file, repr(str(file)), sha256)


def _load(file: Path, name: str, sha256: str | None) -> Pipeline:
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        types = read_types(file)
        trusted = sorted(filter(is_trusted, types))
        model = skops.io.load(_read_as_recorded(file, name, types, sha256), trusted=trusted)
        need(
            isinstance(model, BaseEstimator) and is_regressor(model),
            f"it holds no regressor, but a {type(model).__name__}",
        )
        check_arrays(model)
    except UntrustedTypesFoundException as error:
        untrusted = [each for each in skops.io.get_untrusted_types(file=file) if not is_trusted(each)]
        raise ModelFileError(
            f"{name} holds types that are not trusted: {list_types(untrusted)}; if you trust who wrote their package, "
            f"name it in {ALLOWED_PACKAGES_VARIABLE}, or load the file with skops.io.load and your own list of types"
        ) from error
    except ModelFileError:
        raise
    except Exception as error:  # with a damaged file skops and scikit-learn may raise any error
        raise ModelFileError(
            f"{name} is not a model that bikeml wrote, or is damaged: {type(error).__name__}: {error!s:.500}"
        ) from error
    return model


def _read_as_recorded(file: Path, name: str, types: Collection[str], sha256: str | None) -> Path | io.BytesIO:
    """Return what skops reads: the file, or its content if that has a booster, after its sha256 has been compared."""
    boosters = ", ".join(list_boosters(types))
    if not boosters:
        return file
    content = read_bounded(file)
    found = hashlib.sha256(content).hexdigest()
    if sha256 is None:
        raise ModelFileError(
            f"{name} holds trees that only the compiled code of {boosters} can read, which checks too little; they are "
            "loaded only with the sha256 that their run recorded: name the run"
        )
    if found != sha256:
        raise ModelFileError(
            f"{name} holds trees of {boosters}, and its sha256 is {found}, not the recorded {sha256}; it was changed: "
            "name another run"
        )
    return io.BytesIO(content)


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
    """Read the MLmodel file of a recorded model; raises ModelFileError if it says what bikeml would not write."""
    content = read_part(folder, DESCRIPTION_NAME)
    try:
        check_mlmodel(content)
    except ValueError as error:
        raise refusal(folder, f"{error} in its {DESCRIPTION_NAME}") from error
    written = {**WRITTEN_EARLIER, **content["metadata"].get(WRITTEN, {})}
    return ModelDescription(read_inputs(content), content["flavors"]["sklearn"]["sklearn_version"], written)


def read_part(folder: Path, name: str) -> Any:  # noqa: ANN401  any YAML value
    """Return the value of a YAML file of a recorded model; raises ModelFileError."""
    try:
        return read_yaml(folder / name)
    except (ValueError, OSError) as error:
        raise ModelFileError(f"{str(folder / name)!r} cannot be read: {error}; record the run again") from error


def refusal(folder: Path, what: str) -> ModelFileError:
    """Return the error for a recorded model that is not as bikeml writes it."""
    return ModelFileError(
        f"the model in {str(folder)!r} {what}; it was changed, or bikeml did not write it; record the run again"
    )


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


def load_recorded(folder: Path, sha256: str | None = None) -> tuple[Pipeline, ModelDescription]:
    """
    Load a recorded model that was fitted with the minor version of scikit-learn that is installed here.

    `sha256` is that of its file, as its run recorded it.
    Raises ModelFileError as :func:`load_pipeline` does, and if the model was fitted with another minor version, since
    fitted models may change between those (https://scikit-learn.org/stable/model_persistence.html).
    """
    description = read_description(folder)
    if _minor(description.sklearn_version) != _minor(sklearn_version):
        raise ModelFileError(
            f"the model was fitted with scikit-learn {description.sklearn_version}, and here {sklearn_version} is "
            f"installed; install scikit-learn=={description.sklearn_version}, or fit the model again"
        )
    pipeline = load_pipeline(folder, sha256)
    _check_root(folder, pipeline, [*description.inputs])
    return pipeline, description


def _check_root(folder: Path, pipeline: object, inputs: list[str]) -> None:
    """Raise ModelFileError unless the whole is a pipeline that takes the columns of the signature."""
    if not isinstance(pipeline, Pipeline):
        raise refusal(folder, f"holds a {type(pipeline).__name__} instead of a Pipeline")
    names = [str(name) for name in getattr(pipeline, "feature_names_in_", inputs)]
    if names != inputs:
        raise refusal(folder, f"takes the columns {some(names)}, and its {DESCRIPTION_NAME} names {some(inputs)}")


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]


def hash_model(folder: Path) -> str:
    """Return the sha256 of the model file in `folder`; raises ModelFileError if there is none."""
    try:
        return hashlib.sha256(read_bounded(folder / FILE_NAME)).hexdigest()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelFileError(f"there is no {FILE_NAME} in {str(folder)!r}: {reason}; name another run") from error
