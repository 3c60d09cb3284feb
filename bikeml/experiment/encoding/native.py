"""Tell a model which columns are categories, which it then splits itself: preprocessing.native_categories."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from bikeml.config.estimators import PreprocessingConfig
from bikeml.experiment.encoding.names import hand_on_names

ARGUMENTS: Mapping[str, str] = {
    "CatBoostRegressor": "cat_features",
    "HistGradientBoostingRegressor": "categorical_features",
    "LGBMRegressor": "cat_feature",  # LightGBM 4.7 leaves its first name, categorical_feature, out with a warning
}
"""What tells a model the positions of the categories, by its class."""
UNTOLD = (None, "from_dtype")
"""The values of these arguments that name no column."""
ENCODER = "OrdinalEncoder"


def takes_categories(found: type) -> bool:
    """Return whether models of a class split categories themselves, and can be told which columns are some."""
    return found.__name__ in ARGUMENTS


def find_native_problems(preprocessing: PreprocessingConfig, model: BaseEstimator) -> Iterator[str]:
    """Yield why `model`, which takes categories, could not be told which columns they are."""
    key = "preprocessing.native_categories=true"
    encoders = [str(spec["_target_"]).rpartition(".")[2] for spec in preprocessing.categorical.values()]
    if encoders[-1:] != [ENCODER]:
        yield f"{key} needs an {ENCODER} as the last step of preprocessing.categorical; choose preprocessing=native"
    if preprocessing.after:
        yield f"{key}: preprocessing.after would make other columns of the categories; leave it empty"
    argument = ARGUMENTS[type(model).__name__]
    if (given := model.get_params().get(argument)) not in UNTOLD:
        yield f"{key} sets model.estimator.{argument}, which is {given!r}; choose preprocessing=ordinal"


def tell_categories(model: BaseEstimator, transformers: Pipeline, categories: Sequence[str]) -> BaseEstimator:
    """Return a model that knows that its first columns are the `categories`, as the transformers order them."""
    if not categories:
        return model
    if type(model).__name__ == "CatBoostRegressor":
        # only in a DataFrame does CatBoost 1.2 take a tuple; a list it copies, so that scikit-learn's clone refuses
        # the model: https://github.com/catboost/catboost/issues/3078
        hand_on_names(transformers)
    positions: Any = tuple(range(len(categories)))
    return model.set_params(**{ARGUMENTS[type(model).__name__]: positions})
