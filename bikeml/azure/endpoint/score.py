"""
Answer requests at an endpoint: the scoring script of azureml-inference-server-http, which needs nothing of bikeml.

Beside it lies model.json, as :mod:`bikeml.azure.endpoint.folder` writes it when a checked model is deployed: the
columns that the model takes, in their order and with MLflow's names of their types, the types that its file may hold,
and the sha256 that it had when it was checked.

Azure ML has a scoring script of its own for MLflow models that come without one. Ours is safer:

- Azure's imports azureml.ai.monitoring, which a model's environment does not name, and so ends at the start
  (azureml-assets #4579; azureml-examples #3902, #3923, #4008). It comes with an image of the service, and changes
  without a new deployment.
- With Azure's, the types that may be loaded are those that the model's file itself calls trusted.
- Azure's reads a table with pandas.read_json, which takes columns called date, modified or ..._at for dates.
- Azure's answers all that does not fit with "An unexpected error occurred in scoring script"; ours names the column.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import skops.io

CONTRACT = "model.json"
FORM = '{"input_data": {"columns": ["temp", ...], "data": [[0.3, ...], ...]}}'
KEYS = ("input_data", "dataframe_split", "dataframe_records")
"""Of the rows in a request: Azure ML's, and those of MLflow's own server."""
BAD_REQUEST = 400
SHOWN = 60  # characters of a cell


class RequestError(ValueError):
    """A request that the model cannot answer; the message says why."""


def init() -> None:
    """Load the model, once for each process of the server."""
    _load_model()


def run(raw_data: str) -> Any:  # noqa: ANN401  a list, or a response of the server's own class
    """Return the predictions, one for each row of a JSON request, or an error of status 400 that says what is wrong."""
    try:
        return predict(raw_data)
    except RequestError as error:
        from azureml_inference_server_http.api.aml_response import AMLResponse  # which only a server has

        return AMLResponse({"error": {"code": "BadRequest", "message": str(error)}}, BAD_REQUEST, json_str=True)


def predict(text: str) -> list[float]:
    """Return the predictions for the rows of a JSON request; raises RequestError where it does not fit the model."""
    inputs: dict[str, str] = _read_contract()["inputs"]
    rows = _read_rows(text, list(inputs))
    X = pd.DataFrame({name: _convert(rows[name], kind) for name, kind in inputs.items()})
    try:
        predicted: list[float] = np.asarray(_load_model().predict(X), dtype=float).tolist()
    except (ValueError, TypeError) as error:
        gaps = [f"{name!r} is missing in row {_first(X[name].isna())}" for name in X if X[name].isna().any()]
        raise RequestError(f"the model refuses the rows: {'; '.join(gaps) or str(error).splitlines()[0]}") from error
    return predicted


@cache
def _read_contract() -> dict[str, Any]:
    contract: dict[str, Any] = json.loads(Path(__file__).with_name(CONTRACT).read_text(encoding="utf-8"))
    return contract


@cache
def _load_model() -> Any:  # noqa: ANN401  a scikit-learn pipeline
    contract = _read_contract()
    (file,) = Path(os.environ["AZUREML_MODEL_DIR"]).rglob(contract["file"])
    content = file.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != contract["sha256"]:  # the compiled code of a booster reads its trees without a check
        raise RuntimeError(
            f"{contract['file']} has the sha256 {found}, and {contract['sha256']} was checked; deploy again"
        )
    return skops.io.loads(content, trusted=contract["trusted_types"])


def _read_rows(text: str, names: list[str]) -> pd.DataFrame:
    """Return the rows of a request as they are written; without column names, they are in the model's order."""
    try:
        body = json.loads(text)
        content = next(body[key] for key in KEYS if key in body)
        if isinstance(content, dict):
            rows = pd.DataFrame(content["data"], columns=content["columns"], dtype=object)
        elif content and isinstance(content[0], dict):
            rows = pd.DataFrame(content, dtype=object)
        else:
            rows = pd.DataFrame(content, columns=names, dtype=object)
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration, RecursionError) as error:
        raise RequestError(f"the request has no rows that can be read ({error or 'no key'}); write {FORM}") from error
    missing = [name for name in names if name not in rows.columns]
    twice = sorted({*rows.columns[rows.columns.duplicated()]} & {*names})
    if missing or twice or rows.empty:
        lack = f"lacks the columns {', '.join(missing)}" if missing else "has no rows"
        lack = f"has the columns {', '.join(twice)} twice" if twice else lack
        raise RequestError(f"the request {lack}; the model takes {', '.join(names)}")
    return rows


def _convert(column: pd.Series, kind: str) -> pd.Series:
    """Return a column as the model's training table had it: numbers as numbers, and NaN where something is missing."""
    problem = next(_find_problems(column, kind), None)
    if problem is not None:
        raise RequestError(f"column {problem}; the model takes {kind} there")
    if kind == "boolean":
        return column.astype(bool)
    return column.where(column.notna(), np.nan) if kind == "string" else _to_numbers(column)


def _find_problems(column: pd.Series, kind: str) -> Iterator[str]:
    """Yield what in a column is not of its type."""
    there = column.notna()
    if kind == "string":
        yield from _describe("is not text", column, there & ~column.map(lambda cell: isinstance(cell, str)))
    elif kind == "boolean":
        yield from _describe("is neither true nor false", column, ~column.map(lambda cell: isinstance(cell, bool)))
    else:
        numbers = _to_numbers(column)
        yield from _describe("is not a number", column, there & numbers.isna())
        yield from _describe("is infinite", column, np.isinf(numbers))
        if kind in ("integer", "long"):
            yield from _describe("is not an integer", column, there & (numbers % 1 != 0))


def _to_numbers(column: pd.Series) -> pd.Series:
    """Return the numbers of a column, integers where all are; what is none becomes NaN."""
    try:
        numbers: pd.Series = pd.to_numeric(column, errors="coerce")
    except (ValueError, OverflowError):  # pandas refuses an integer of more than 64 bits
        numbers = pd.to_numeric(column.astype(str), errors="coerce")
    return numbers if numbers.dtype.kind in "iuf" else numbers.astype(float)


def _describe(what: str, column: pd.Series, wrong: pd.Series) -> Iterator[str]:
    if wrong.any():
        cell = repr(column.iloc[_first(wrong) - 1])
        yield f"{column.name!r} {what} in row {_first(wrong)}: {cell[:SHOWN]}{'...' if len(cell) > SHOWN else ''}"


def _first(rows: pd.Series) -> int:
    """Return the number, from 1, of the first row that is true."""
    return int(np.flatnonzero(rows)[0]) + 1
