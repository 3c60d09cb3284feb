"""
Tell which types a model file may hold.

A type is on the list if nothing that a file can do with it runs code of the file's choosing. A file can make an object
of the type with any state, call its constructor with any arguments, put it into any attribute of an estimator, and so
have a function called with any arguments. So each function here is a pure function of numbers, and each class only
keeps values. A wrong state can make the process crash, or predict nonsense.

The boosters of LightGBM, XGBoost and CatBoost hold their trees in a form that only their own compiled code reads. It
follows the indices there without a look. So a file with one of them is loaded only if it has the sha256 that the record
of its run holds; :mod:`bikeml.experiment.model_file` compares it before that code gets a byte.

Left out on purpose: scorers, which call a method of any name, and all that reads or writes files.
"""

import importlib
from collections.abc import Iterable, Sequence

from sklearn.base import BaseEstimator

from bikeml.experiment.trusted.functions import KERNELS, SPLITTERS
from bikeml.experiment.trusted.packages import list_own_packages
from bikeml.records.fingerprint import BOOSTERS
from bikeml.system.spelling import some

_DISTANCES = (
    *("BrayCurtis", "Canberra", "Chebyshev", "Dice", "Euclidean", "Hamming", "Haversine", "Jaccard", "Mahalanobis"),
    *("Manhattan", "Minkowski", "RogersTanimoto", "RussellRao", "SEuclidean", "SokalMichener", "SokalSneath"),
)
_LOSSES = (
    *("AbsoluteError", "HalfGammaLoss", "HalfPoissonLoss", "HalfSquaredError", "HalfTweedieLoss"),
    *("HalfTweedieLossIdentity", "HuberLoss", "PinballLoss"),
)
TRUSTED_TYPES = (
    "builtins.dict",
    "catboost.core.CatBoostRegressor",
    "collections.OrderedDict",  # of LightGBM
    "functools.partial",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMRegressor",
    "numpy.asarray",
    "numpy.clip",  # refuses numbers in columns of text
    "numpy.ascontiguousarray",  # for columns that are not transformed
    "numpy.dtype",
    "numpy.ma.core.masked_object",  # gaps in text
    *(f"numpy.{name}" for name in ("max", "mean", "median", "min")),  # of a FeatureAgglomeration
    "numpy.ravel",
    "pandas.core.tools.datetimes.to_datetime",
    "pandas.to_datetime",  # as pandas 3 calls it
    "scipy._lib.array_api_compat.numpy._aliases.asarray",  # of a BSpline
    "scipy.interpolate._bsplines.BSpline",  # of a SplineTransformer
    # in one of two modules, by the version of SciPy
    *(f"scipy.special.{module}.{name}" for module in ("_special_ufuncs", "_ufuncs") for name in ("expit", "logit")),
    *(f"scipy.sparse._{kind}.{kind}_{form}" for kind in ("csc", "csr") for form in ("array", "matrix")),
    "skrub._datetime_encoder.DatetimeEncoder",
    "skrub._datetime_encoder._CircularEncoder",
    *(f"sklearn._loss.link.{name}" for name in ("IdentityLink", "Interval", "LogLink")),
    *(f"sklearn._loss.loss.{name}" for name in _LOSSES),
    "sklearn.cluster._bisect_k_means._BisectingTree",
    "sklearn.cluster._kmeans._kmeans_single_elkan",
    "sklearn.cluster._kmeans._kmeans_single_lloyd",
    "sklearn.tree._tree.Tree",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.feature_selection._mutual_info.mutual_info_regression",
    *(
        f"sklearn.feature_selection._univariate_selection.{name}"
        for name in ("f_classif", "f_regression", "r_regression")
    ),
    *(f"sklearn.gaussian_process.kernels.{name}" for name in KERNELS),
    "sklearn.impute._iterative._ImputerTriplet",
    *(f"sklearn.metrics._dist_metrics.{name}Distance{bits}" for name in _DISTANCES for bits in (32, 64)),
    *(f"sklearn.model_selection._split.{name}" for name in SPLITTERS),
    *(
        f"sklearn.neighbors._{module}_tree.{name}Tree{bits}"
        for module, name in (("ball", "Ball"), ("kd", "KD"))
        for bits in ("", 32, 64)
    ),
    *(f"sklearn.neural_network._stochastic_optimizers.{name}Optimizer" for name in ("Adam", "SGD")),
    "sklearn.utils._bunch.Bunch",
    "sklearn.utils.validation.check_array",  # of HistGradientBoosting with categories
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBRegressor",
)
"""Types and functions that may be loaded beside skops' own list and scikit-learn's estimators."""
NOT_SAVED = ("sklearn.cluster._birch.Birch",)
"""The estimators of scikit-learn that skops cannot save."""
NO_ESTIMATORS = {"conftest", "experimental", "externals", "tests"}
"""Parts of scikit-learn without estimators for a model; nothing is imported from them."""


def list_boosters(type_names: Iterable[str]) -> list[str]:
    """Return the packages of boosters among the types of a model file: their own compiled code reads its trees."""
    return sorted({*BOOSTERS} & {name.split(".")[0] for name in type_names})


def is_trusted(type_name: str) -> bool:
    """
    Tell whether a model file may hold a type.

    It may if the type is on the list, is an estimator of scikit-learn, or is a class of a package that
    BIKEML_ALLOWED_PACKAGES names. A model file cannot add to them.
    """
    return type_name in TRUSTED_TYPES or _is_estimator(type_name) or _is_of_own_package(type_name)


def list_types(names: Sequence[str]) -> str:
    """Return the first of the names, which a file can make long and many, for a message."""
    return some(names, show=lambda name: f"{name:.80}")


def _is_estimator(type_name: str) -> bool:
    """Tell whether a type is an estimator of scikit-learn; with `lean_skops`, skops has no list of them."""
    module = type_name.rpartition(".")[0]
    if not module.startswith("sklearn.") or NO_ESTIMATORS & set(module.split(".")):
        return False
    found = _find_class(type_name)
    return found is not None and issubclass(found, BaseEstimator)


def _is_of_own_package(type_name: str) -> bool:
    """Tell whether a type is a class of the user's package. Its functions are not: a file could call any of them."""
    return type_name.partition(".")[0] in list_own_packages() and _find_class(type_name) is not None


def _find_class(type_name: str) -> type | None:
    """Return a class from the module that defines it; what the module imports from elsewhere is not found."""
    module, _, name = type_name.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError:
        return None
    return found if isinstance(found, type) and found.__module__ == module else None
