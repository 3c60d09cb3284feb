"""
List scikit-learn's regressors and transformers: which ones a config can name, with which arguments.

tests/test_estimators.py tries each of them, so the list cannot be wrong without a test that says so.
"""

from collections.abc import Mapping
from typing import Any

from bikeml.experiment.estimators import NO_STEPS
from bikeml.experiment.trusted.functions import FUNCTIONS

RIDGE = {"_target_": "sklearn.linear_model.Ridge"}
SCALER = {"_target_": "sklearn.preprocessing.StandardScaler"}
BINS = {"_target_": "sklearn.preprocessing.KBinsDiscretizer", "n_bins": 3, "encode": "onehot-dense"}
F_REGRESSION = {"_target_": "hydra.utils.get_method", "path": "sklearn.feature_selection.f_regression"}
ESTIMATORS: Mapping[str, Any] = {"estimators": [["a", RIDGE], ["b", SCALER | RIDGE]]}


def _on_bins(name: str, **arguments: object) -> dict[str, Any]:
    """Return a regressor of several targets, which a transformer makes of the one that a table has."""
    module = "linear_model" if name.startswith("MultiTask") else "multioutput"
    return {
        "_target_": "sklearn.compose.TransformedTargetRegressor",
        "regressor": {"_target_": f"sklearn.{module}.{name}", **arguments},
        "transformer": BINS,
        "check_inverse": False,
    }


REGRESSORS: Mapping[str, Mapping[str, Any]] = {
    "CCA": {"n_components": 1},
    "IsotonicRegression": {},
    "MultiOutputRegressor": _on_bins("MultiOutputRegressor", estimator=RIDGE),
    "MultiTaskElasticNet": _on_bins("MultiTaskElasticNet"),
    "MultiTaskElasticNetCV": _on_bins("MultiTaskElasticNetCV"),
    "MultiTaskLasso": _on_bins("MultiTaskLasso"),
    "MultiTaskLassoCV": _on_bins("MultiTaskLassoCV"),
    "PLSCanonical": {"n_components": 1},
    "RadiusNeighborsRegressor": {"radius": 1000.0},
    "RegressorChain": _on_bins("RegressorChain", estimator=RIDGE),
    "StackingRegressor": ESTIMATORS,
    "VotingRegressor": ESTIMATORS,
}
"""The arguments that a regressor needs; the others work with their defaults."""
ONE_COLUMN = ("IsotonicRegression",)
"""They take a single encoded column."""
CATEGORIES = ("OneHotEncoder", "OrdinalEncoder", "TargetEncoder")
"""The transformers that the tests try on categories; the others they try on numbers, and one on text."""
TEXT = ("HashingVectorizer",)
TRANSFORMERS: Mapping[str, Mapping[str, Any]] = {
    "ColumnTransformer": {"transformers": [["a", SCALER, [0]]], "remainder": "passthrough"},
    "FeatureUnion": {"transformer_list": [["a", SCALER], ["b", {"_target_": "sklearn.decomposition.PCA"}]]},
    "GaussianRandomProjection": {"n_components": 2},
    "GenericUnivariateSelect": {"score_func": F_REGRESSION},
    "HashingVectorizer": {"n_features": 16},
    "RFE": {"estimator": RIDGE},
    "RFECV": {"estimator": RIDGE},
    "SelectFdr": {"score_func": F_REGRESSION, "alpha": 0.9},
    "SelectFpr": {"score_func": F_REGRESSION, "alpha": 0.9},
    "SelectFromModel": {"estimator": RIDGE},
    "SelectFwe": {"score_func": F_REGRESSION, "alpha": 0.9},
    "SelectKBest": {"score_func": F_REGRESSION, "k": 1},
    "SelectPercentile": {"score_func": F_REGRESSION, "percentile": 50},
    "SequentialFeatureSelector": {"estimator": RIDGE},
    "SparseRandomProjection": {"n_components": 2},
    "StackingClassifier": ESTIMATORS,
    "StackingRegressor": ESTIMATORS,
    "VotingClassifier": ESTIMATORS,
    "VotingRegressor": ESTIMATORS,
}
"""The arguments that a transformer needs."""
SEVERAL = "They are refused, but for a TransformedTargetRegressor whose transformer makes these targets"
REFUSED: Mapping[str, str] = {
    "Birch": "cannot be saved with the model; choose KMeans",
    **{name: reason for reason, names in NO_STEPS.items() for name in names},
}
"""The transformers that are refused before anything is fitted, with the reason and the cure."""


def describe_estimators(known: Mapping[str, list[str]]) -> str:
    """Return the tables of the page on scikit-learn; `known` are the names of all regressors and transformers."""
    regressors = [name for name in known["regressor"] if "_target_" not in REGRESSORS.get(name, {})]
    transformers = [name for name in known["transformer"] if name not in REFUSED]
    nested = [name for name in known["regressor"] if name not in regressors]
    refused = [f"| {name} | {reason} |" for name, reason in sorted(REFUSED.items())]
    lines = [
        f"**{len(regressors)} regressors** work as `model.estimator`: {', '.join(regressors)}.",
        f"{len(nested)} predict several targets at once. {SEVERAL}: {', '.join(nested)}.",
        f"**{len(transformers)} transformers** work as steps of `preprocessing`: {', '.join(transformers)}.",
        f"{len(refused)} are refused as steps before anything is fitted:",
        "\n".join(["| transformer | why, and what to do |", "| --- | --- |", *refused]),
    ]
    return "\n\n".join([*lines, ""])


def describe_functions() -> str:
    """Return the table of the functions that a config may name."""
    places: dict[tuple[str, ...], list[str]] = {}
    for place, names in FUNCTIONS.items():
        places.setdefault(names, []).append(f"`{place}`")
    rows = [f"| {', '.join(each)} | {', '.join(f'`{name}`' for name in names)} |" for names, each in places.items()]
    return "\n".join(["| argument | functions |", "| --- | --- |", *rows, ""])
