"""A fitted pipeline as a file that runs no code when it is loaded."""

import zipfile
from pathlib import Path

import skops.io
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


def save_pipeline(pipeline: Pipeline, folder: Path) -> Path:
    """Write `pipeline`, compressed, to `folder`/model.skops and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / FILE_NAME
    skops.io.dump(pipeline, file, compression=zipfile.ZIP_DEFLATED, compresslevel=1)
    return file


def load_pipeline(path: str | Path) -> Pipeline:
    """
    Load a pipeline from a model.skops or a folder with one.

    Raises ModelFileError when it is missing, damaged, or holds a type that is neither scikit-learn's nor trusted.
    """
    file = Path(path)
    file = file / FILE_NAME if file.is_dir() else file
    if not file.is_file():
        raise ModelFileError(f"there is no model at {str(file)!r}; give the path of a {FILE_NAME} or of its folder")
    try:
        untrusted = sorted(set(skops.io.get_untrusted_types(file=file)) - set(TRUSTED_TYPES))
        if untrusted:
            raise ModelFileError(
                f"{str(file)!r} holds types that are not trusted: {', '.join(untrusted)}; load it with skops.io.load "
                "and a list of your own, if you know who wrote it"
            )
        return skops.io.load(file, trusted=list(TRUSTED_TYPES))
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, OSError) as error:
        raise ModelFileError(f"{str(file)!r} is not a model that bikeml wrote, or is damaged: {error}") from error
