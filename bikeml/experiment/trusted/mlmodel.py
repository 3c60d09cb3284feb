"""
What an MLmodel file of bikeml says. MLflow's servers believe it, so no key may say what bikeml would not have written.

Some keys make a server import a module, run a file, install packages, or read variables and resources; MLflow adds such
keys with each version. So the keys are closed: an unknown one is refused, whatever it says.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bikeml.experiment.trusted.indices import need
from bikeml.experiment.trusted.types import is_trusted, list_types
from bikeml.system.documents import parse_json
from bikeml.table.signature import CELLS, KINDS, NUMBERS

FILE_NAME = "model.skops"
EXAMPLE, SERVING_EXAMPLE = "input_example.json", "serving_input_example.json"
CONDA, PYTHON_ENV = "conda.yaml", "python_env.yaml"
WRITTEN = "data"
"""The key of the metadata that says how the cells of the training table are written."""
COLUMN_KEYS = {"type", "name", "required"}
COLUMN_TYPES = {*KINDS.values(), *NUMBERS.values(), *CELLS.values()}

Form = Callable[[object], bool]
"""Tell whether a value is of a form, such as a version."""
SAME_FOR_ALL: Mapping[str, Any] = {
    "is_signature_from_type_hint": False,
    "model_id": None,
    "prompts": None,
    "saved_input_example_info": {
        "artifact_path": EXAMPLE,
        "pandas_orient": "split",
        "serving_input_path": SERVING_EXAMPLE,
        "type": "dataframe",
    },
    "type_hint_from_example": False,
}
"""The keys that MLflow 3.15 writes alike in the MLmodel file of every model with an example."""


def build_flavors(python: object, sklearn: object, trusted: object) -> dict[str, dict[str, Any]]:
    """Return how a server loads the model: with these versions of Python and scikit-learn, and these trusted types."""
    return {
        "python_function": {
            "env": {"conda": CONDA, "virtualenv": PYTHON_ENV},
            "loader_module": "mlflow.sklearn",
            "model_path": FILE_NAME,
            "predict_fn": "predict",
            "python_version": python,
        },
        "sklearn": {
            "code": None,
            "pickled_model": FILE_NAME,
            "serialization_format": "skops",
            "sklearn_version": sklearn,
            "skops_trusted_types": trusted,
        },
    }


def _matches(pattern: str) -> Form:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _is_a_list_of_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _parse_schema(value: object) -> list[dict[str, Any]]:
    """Return the columns of a schema, which is JSON in a text; nothing if it is none."""
    try:
        columns = parse_json(value) if isinstance(value, str) else None
    except ValueError:
        return []
    return columns if isinstance(columns, list) and all(isinstance(each, dict) for each in columns) else []


def _names_columns(value: object) -> bool:
    """Tell whether a schema has a column or more, each with a name of its own."""
    columns = _parse_schema(value)
    names = [each.get("name") for each in columns]
    if not columns or not _is_a_list_of_names(names) or len({*names}) < len(names):
        return False
    return all({*each} == COLUMN_KEYS and each["type"] in COLUMN_TYPES for each in columns)


_is_version = _matches(r"\d+(\.\d+){1,3}\w*")
_is_id = _matches(r"[\w-]+")
_FORMS: Mapping[str, Any] = {
    **SAME_FOR_ALL,
    "model_id": lambda value: value is None or _is_id(value),  # of the logged model that a store makes of it
    "artifact_path": "model",
    "run_id": lambda value: _is_id(str(value) if type(value) is int else value),  # of digits alone, YAML reads a number
    "flavors": build_flavors(_is_version, _is_version, _is_a_list_of_names),
    "metadata": {"fingerprint": _matches("[0-9a-f]{64}"), WRITTEN: lambda value: isinstance(value, dict)},
    "mlflow_version": _is_version,
    "model_size_bytes": lambda value: type(value) is int and value >= 0,
    "model_uuid": _is_id,
    "signature": {"inputs": _names_columns, "outputs": lambda value: len(_parse_schema(value)) == 1, "params": None},
    "utc_time_created": _matches(r"[-0-9]{10} [0-9:.]{8,15}"),
}
"""What each key may say: a value, or a form of values."""
_OPTIONAL = {"artifact_path", "metadata.data", "model_id", "model_size_bytes", "run_id"}
"""What a store adds, or an earlier version does not write."""


def check_mlmodel(content: object) -> None:
    """Raise ValueError, which names the first key of an MLmodel file that bikeml would not have written so."""
    found: Mapping[Any, Any] = content if isinstance(content, dict) else {}
    for path, value in _find_strange(found, _FORMS, ""):
        raise ValueError(f"says {path}={value!r:.60}")
    more = sorted({name for name in found["flavors"]["sklearn"]["skops_trusted_types"] if not is_trusted(name)})
    need(not more, f"lists types as trusted that bikeml does not trust: {list_types(more)}")


def _find_strange(found: Mapping[Any, object], forms: Mapping[str, Any], above: str) -> Iterator[tuple[str, object]]:
    """Yield the path and the value of each key whose value is not of its form, is missing, or is unknown."""
    for key in sorted({*found, *forms}, key=str):
        path, value = f"{above}{key}", found.get(key)
        form = forms.get(key, _is_nothing)
        if key not in found:
            if path not in _OPTIONAL:
                yield path, None
        elif isinstance(form, Mapping) and isinstance(value, dict):
            yield from _find_strange(value, form, f"{path}.")
        elif not (form(value) if callable(form) else form == value and type(form) is type(value)):
            yield path, value


def _is_nothing(_: object) -> bool:
    return False


def read_inputs(content: Mapping[str, Any]) -> dict[str, str]:
    """Return the columns that the model takes, in order, with MLflow's names of their types, of a checked file."""
    return {column["name"]: column["type"] for column in json.loads(content["signature"]["inputs"])}
