"""Build the parts of a ColumnTransformer: what is done with the columns of one kind."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

Build = Callable[[], Sequence[BaseEstimator]]
"""Makes new steps each time."""
Part = tuple[str, BaseEstimator, str | list[str]]
"""An entry of a ColumnTransformer."""


def build_parts(
    kind: str, build: Build, X: pd.DataFrame, format_of: Callable[[str], str | None], categories: str = "inferred"
) -> list[Part]:
    """
    Return the entries of a ColumnTransformer for one kind: one for each date and each text, one for all others.

    `build` makes the steps, and `format_of` tells the format of a column of dates.
    """
    columns = list(X.columns)
    made: list[tuple[BaseEstimator, str | list[str]]]
    if kind == "date":  # skrub's transformers take a single column
        made = [(_build_steps(build, _build_to_datetime(format_of(name))), name) for name in columns]
    elif kind == "text":
        made = [(_build_steps(build, *_build_to_words()), [name]) for name in columns]
    else:
        before = _build_none_to_nan() if any(dtype.kind not in "biuf" for dtype in X.dtypes) else []
        if categories == "text" and kind in ("categorical", "high_cardinality"):
            before = [*_build_none_to_nan(), *_build_text_check()]
        return [(kind, _build_steps(build, *before), columns)] if columns else []
    return [(f"{kind}_{number}", *each) for number, each in enumerate(made)]


def _build_steps(build: Build, *before: BaseEstimator) -> BaseEstimator:
    built = [*before, *build()]
    # LinearRegression's last digits depend on the memory order, and "passthrough" would keep that of pandas.
    as_array = FunctionTransformer(np.ascontiguousarray, kw_args={"dtype": "float64"}, feature_names_out="one-to-one")
    return make_pipeline(*built) if built else as_array


def _build_none_to_nan() -> list[FunctionTransformer]:
    """Return steps that turn None, a gap in JSON and in MLflow's server, into NaN, a gap in a table."""
    # scikit-learn takes None and NaN for two categories, and refuses text for gaps alone, which come as floats;
    # numpy masks None, and pandas writes NaN for a masked cell
    as_objects = FunctionTransformer(np.asarray, kw_args={"dtype": "object"}, feature_names_out="one-to-one")
    mask = FunctionTransformer(np.ma.masked_object, kw_args={"value": None}, feature_names_out="one-to-one")
    return [step.set_output(transform="pandas") for step in (as_objects, mask)]


def _build_text_check() -> list[BaseEstimator]:
    """
    Return steps that refuse a number in a column of text, and keep text and gaps as they are.

    MLflow's server passes the number 1 of a request on to a column of text, where it would be an unknown category.
    """
    # to compare a number with text is a TypeError, and also a gap, which is therefore empty text meanwhile
    fill = SimpleImputer(strategy="constant", fill_value="", keep_empty_features=True)
    compare = FunctionTransformer(np.clip, kw_args={"a_min": "", "a_max": None}, feature_names_out="one-to-one")
    mask = FunctionTransformer(np.ma.masked_object, kw_args={"value": ""}, feature_names_out="one-to-one")
    return [step.set_output(transform="pandas") for step in (fill, compare, mask)]


def _build_to_datetime(date_format: str | None) -> FunctionTransformer:
    """Return a step that parses a column of dates as the table's check does; a cell that is no date is a gap."""
    # skrub.ToDatetime does not take offsets that differ, as summer and winter have, for format=ISO8601
    options = {"format": date_format or "ISO8601", "errors": "coerce", "utc": True}
    return FunctionTransformer(pd.to_datetime, kw_args=options, feature_names_out="one-to-one")


def _build_to_words() -> list[BaseEstimator]:
    """Return the steps that make of a column of text what a vectorizer takes: one array of str, empty for a gap."""
    return [
        *_build_none_to_nan(),
        SimpleImputer(strategy="constant", fill_value=""),
        FunctionTransformer(np.ravel, feature_names_out="one-to-one"),
    ]
