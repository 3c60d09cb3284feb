"""Infer a model's signature as mlflow.models.infer_signature of MLflow 3.15 does, without its slow import."""

import json
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import infer_dtype

KINDS = {"b": "boolean", "U": "string", "S": "binary", "M": "datetime"}
"""MLflow's names by the kind of a column's dtype."""
NUMBERS = {
    **dict.fromkeys(["i1", "i2", "i4", "u1", "u2"], "integer"),
    **dict.fromkeys(["i8", "u4"], "long"),
    **dict.fromkeys(["f2", "f4"], "float"),
    "f8": "double",
}
"""MLflow's names of numeric types, by kind and size in bytes."""
CELLS = {
    "boolean": "boolean",
    "integer": "long",
    "floating": "double",
    "string": "string",
    "bytes": "binary",
    "date": "datetime",
    "empty": "any",
}
"""MLflow's names by what pandas finds in a column of objects; an "empty" column has gaps only."""
UNKNOWN = [{"type": "any", "required": True}]
"""MLflow's schema of a table with a column of an unsupported type, such as uint64."""


def infer_signature(example: pd.DataFrame, predicted: Any) -> dict[str, str | None]:  # noqa: ANN401  an estimator's
    """
    Return the signature of a model that takes the columns of `example` and returns `predicted`.

    `example` has shape (n_rows, n_features). `predicted` is the array or Series that the pipeline's predict returned
    for it, with n_rows rows. The schemas are JSON texts, as in an MLmodel file.
    """
    return {
        "inputs": json.dumps(_describe_columns(example)),
        "outputs": json.dumps(_describe_output(predicted)),
        "params": None,
    }


def _describe_columns(frame: pd.DataFrame) -> list[dict[str, Any]]:
    types = {name: _name_type(column) for name, column in frame.items()}
    if None in types.values():
        return UNKNOWN
    return [{"type": kind, "name": name, "required": not frame[name].isna().any()} for name, kind in types.items()]


def _name_type(column: pd.Series) -> str | None:
    """Return MLflow's name of a column's type, or None if it has no name for it."""
    dtype: Any = column.infer_objects().dtype
    if dtype.kind == "O":  # text, a category, or Python objects: look at the cells
        return CELLS.get(infer_dtype(column.to_list(), skipna=True))
    if dtype.kind in "iuf":
        return NUMBERS.get(f"{dtype.kind}{dtype.itemsize}")
    return KINDS.get(dtype.kind)


def _describe_output(predicted: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    if isinstance(predicted, np.ndarray):
        return [{"type": "tensor", "tensor-spec": {"dtype": predicted.dtype.name, "shape": [-1, *predicted.shape[1:]]}}]
    column = pd.Series(predicted)
    (described,) = _describe_columns(column.to_frame())
    return [described if column.name is not None else {"type": described["type"], "required": True}]
