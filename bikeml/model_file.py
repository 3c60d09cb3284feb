"""A fitted pipeline as a file that runs no code when it is loaded."""

import importlib
import zipfile
from pathlib import Path

from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from bikeml.errors import ModelFileError

FILE_NAME = "model.skops"
TRUSTED_TYPES = (
    "numpy.ascontiguousarray",  # the columns as they are
    "numpy.dtype",
    "sklearn.tree._tree.Tree",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.neighbors._ball_tree.BallTree",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.utils._bunch.Bunch",
)
"""Types beyond skops' own list that may be loaded; a model file cannot add to it."""
NO_ESTIMATORS = {"conftest", "experimental", "externals", "tests"}
"""Parts of scikit-learn that hold no estimator for a model; nothing is imported from them."""


def save_pipeline(pipeline: Pipeline, folder: Path) -> Path:
    """Write `pipeline`, compressed, to `folder`/model.skops and return its path."""
    import skops.io  # where a process only plans or tells of models, it is not needed

    folder.mkdir(parents=True, exist_ok=True)
    file = folder / FILE_NAME
    skops.io.dump(pipeline, file, compression=zipfile.ZIP_DEFLATED, compresslevel=1)
    return file


def load_pipeline(path: str | Path) -> Pipeline:
    """
    Load a pipeline from a model.skops or a folder with one.

    Raises ModelFileError when it is missing, damaged, or holds a type that is neither scikit-learn's nor trusted.
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
        if untrusted:
            raise ModelFileError(
                f"{str(file)!r} holds types that are not trusted: {', '.join(untrusted)}; load it with skops.io.load "
                "and a list of your own, if you know who wrote it"
            )
        return skops.io.load(file, trusted=[*TRUSTED_TYPES, *estimators])
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, OSError) as error:
        raise ModelFileError(f"{str(file)!r} is not a model that bikeml wrote, or is damaged: {error}") from error


def _is_estimator(type_name: str) -> bool:
    """Whether a type is an estimator of scikit-learn: where `lean_skops` was at work, skops has no list of them."""
    module, _, name = type_name.rpartition(".")
    if not module.startswith("sklearn.") or NO_ESTIMATORS & set(module.split(".")):
        return False
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError:
        return False
    return isinstance(found, type) and issubclass(found, BaseEstimator) and found.__module__ == module
