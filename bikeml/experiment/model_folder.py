"""
An MLflow model folder: written as mlflow.sklearn.save_model would, and checked before it is handed on.

MLflow itself takes seconds to import, would write the model uncompressed, and infers requirements in a subprocess.

A server believes what it finds in the folder: the types that the file calls trusted, the module that loads it, the
packages that it asks for. So a folder is handed on only where each of these is what bikeml itself would have written.
"""

import hashlib
import json
import re
import sys
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from sklearn.pipeline import Pipeline

from bikeml.errors import ModelFileError
from bikeml.experiment.model_file import (
    DESCRIPTION_NAME,
    FILE_NAME,
    TRUSTED_TYPES,
    load_recorded,
    read_yaml,
    save_pipeline,
)
from bikeml.system.files import write_text
from bikeml.table.signature import infer_signature

EXAMPLE, SERVING_EXAMPLE = "input_example.json", "serving_input_example.json"
REQUIREMENTS, CONDA, PYTHON_ENV = "requirements.txt", "conda.yaml", "python_env.yaml"
FILES = (FILE_NAME, DESCRIPTION_NAME, EXAMPLE, SERVING_EXAMPLE, REQUIREMENTS, CONDA, PYTHON_ENV)
PACKAGES = ("mlflow", "scikit-learn", "skops", "numpy", "scipy", "pandas")
"""What a server needs to load the model, in the order of requirements.txt."""
ANYTHING = object()
_SAME_FOR_ALL: Mapping[str, Any] = {
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
"""What MLflow 3.15 writes in the MLmodel file of every model with an example."""
_PIN = re.compile(rf"({'|'.join(PACKAGES)})==[0-9][\w.+!-]*")
_PYTHON = re.compile(r"3\.[0-9]+(\.[0-9]+\w*)?")


def write_folder(pipeline: Pipeline, example: pd.DataFrame, fingerprint: str, folder: Path) -> None:
    """
    Write a fitted `pipeline` to `folder` as a model that plain MLflow loads, predicts with and serves.

    `example` has rows of features, shape (n_rows, n_features), in which every column shows its type; `fingerprint` is
    that of the run. Raises OSError.
    """
    save_pipeline(pipeline, folder)
    split = example.to_dict(orient="split", index=False)
    write_text(folder / EXAMPLE, json.dumps(split))
    write_text(folder / SERVING_EXAMPLE, json.dumps({"dataframe_split": split}))
    python = ".".join(map(str, sys.version_info[:3]))
    versions = {name: version(name) for name in PACKAGES}
    model = {
        **_SAME_FOR_ALL,
        "flavors": _build_flavors(python, versions["scikit-learn"], list(TRUSTED_TYPES)),
        "metadata": {"fingerprint": fingerprint},
        "mlflow_version": versions["mlflow"],
        "model_size_bytes": sum(file.stat().st_size for file in folder.iterdir()),  # save_model counts no more files
        "model_uuid": uuid.uuid4().hex,
        "signature": infer_signature(example, pipeline.predict(example)),
        "utc_time_created": str(datetime.now(UTC).replace(tzinfo=None)),
    }
    write_text(folder / DESCRIPTION_NAME, yaml.safe_dump(model))
    requirements = [f"{name}=={number}" for name, number in versions.items()]
    for name, text in _build_environments(python, requirements).items():
        write_text(folder / name, text)


def _build_flavors(python: object, sklearn: object, trusted: object) -> dict[str, dict[str, Any]]:
    """Return how a server loads the model, with the versions that it was fitted with and the types that it trusts."""
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


def _build_environments(python: str, requirements: Sequence[str]) -> dict[str, str]:
    """Return the text of the three files that say what a server installs, by file name."""
    conda = {
        "name": "mlflow-env",
        "channels": ["conda-forge"],
        "dependencies": [f"python={python}", "pip", {"pip": list(requirements)}],
    }
    virtualenv = {"python": python, "dependencies": [f"-r {REQUIREMENTS}"]}
    return {
        REQUIREMENTS: "\n".join(requirements) + "\n",
        CONDA: yaml.safe_dump(conda, sort_keys=False),
        PYTHON_ENV: yaml.safe_dump(virtualenv, sort_keys=False),
    }


def check_folder(folder: Path) -> Pipeline:
    """
    Return the pipeline in `folder`, where a server can be trusted with all that lies there.

    Raises ModelFileError where something is missing or is not as bikeml writes it, where the model holds a type that is
    not trusted, and where it was fitted with another minor version of scikit-learn than the one here.
    """
    _check_files(folder)
    _check_flavors(folder, _read_flavors(folder))
    _check_environments(folder)
    return load_recorded(folder)[0]


def read_example(folder: Path) -> pd.DataFrame:
    """Return the rows of features that the model in `folder` has as its example; raises ModelFileError."""
    file = folder / EXAMPLE
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return pd.DataFrame(content["data"], columns=_check_names(content["columns"]))
    except (OSError, ValueError, KeyError, TypeError, AssertionError, RecursionError) as error:
        raise ModelFileError(
            f"{str(file)!r} has no rows: {type(error).__name__}: {error}; record the run again"
        ) from error


def _check_names(columns: list[Any]) -> list[str]:
    if not all(isinstance(name, str) for name in columns):
        raise TypeError(f"columns={columns!r} are not all names")
    return columns


def hash_folder(folder: Path) -> str:
    """Return the sha256, in hex, of the names and contents of all files in `folder`."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            digest.update(f"{file.relative_to(folder).as_posix()} {content}\n".encode())
    return digest.hexdigest()


def _check_files(folder: Path) -> None:
    found = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if not file.is_dir()}
    missing, strange = sorted({*FILES} - found), sorted(found - {*FILES})
    if missing:
        raise ModelFileError(f"the model in {str(folder)!r} lacks {', '.join(missing)}; record the run again")
    if strange:
        raise _refusal(folder, f"holds {', '.join(strange)}, which no run writes and a server might run")


def _read_flavors(folder: Path) -> dict[str, Any]:
    flavors = _read_yaml(folder / DESCRIPTION_NAME).get("flavors")
    if not isinstance(flavors, dict) or not all(isinstance(flavor, dict) for flavor in flavors.values()):
        raise _refusal(folder, f"has no flavors in its {DESCRIPTION_NAME}")
    return flavors


def _check_flavors(folder: Path, flavors: Mapping[str, Mapping[str, Any]]) -> None:
    expected = _build_flavors(ANYTHING, ANYTHING, ANYTHING)
    if {*flavors} != {*expected}:
        raise _refusal(folder, f"has the flavors {', '.join(sorted(map(str, flavors)))}")
    for name, flavor in flavors.items():
        for key in sorted({*flavor, *expected[name]}, key=str):
            wanted, found = expected[name].get(key), flavor.get(key, ANYTHING)
            if key not in expected[name] or found is ANYTHING or wanted not in (ANYTHING, found):
                raise _refusal(folder, f"says {name}.{key}={flavor.get(key)!r} in its {DESCRIPTION_NAME}")
    trusted = flavors["sklearn"]["skops_trusted_types"]
    if not isinstance(trusted, list):
        raise _refusal(folder, f"says sklearn.skops_trusted_types={trusted!r} in its {DESCRIPTION_NAME}")
    more = sorted({*map(str, trusted)} - {*TRUSTED_TYPES})
    if more:
        raise _refusal(folder, f"calls types trusted that are not: {', '.join(more)}")


def _check_environments(folder: Path) -> None:
    lines = (folder / REQUIREMENTS).read_text(encoding="utf-8").splitlines()
    strange = [line for line in lines if not _PIN.fullmatch(line)]
    if strange:
        raise _refusal(folder, f"asks for {strange[0]!r} in its {REQUIREMENTS}")
    python = str(_read_yaml(folder / PYTHON_ENV).get("python"))
    expected = _build_environments(python, lines) if _PYTHON.fullmatch(python) else {}
    for name in (CONDA, PYTHON_ENV):
        if _read_yaml(folder / name) != yaml.safe_load(expected.get(name, "")):
            raise _refusal(folder, f"asks for something else in its {name} than in its {REQUIREMENTS}")


def _refusal(folder: Path, what: str) -> ModelFileError:
    return ModelFileError(
        f"the model in {str(folder)!r} {what}; it was changed, or bikeml did not write it: record the run again"
    )


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        content = read_yaml(file)
    except (ValueError, yaml.YAMLError, OSError) as error:
        raise ModelFileError(
            f"{str(file)!r} cannot be read: {str(error).splitlines()[0]}; record the run again"
        ) from error
    return content if isinstance(content, dict) else {}
