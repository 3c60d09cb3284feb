"""
Write an MLflow model folder as mlflow.sklearn.save_model does, and check one before it is registered or served.

MLflow itself takes seconds to import, writes the model uncompressed, and infers requirements in a subprocess.

A server trusts the contents of the folder: the list of trusted types, the module that loads the model, the packages to
install. So a folder passes the check only if each of these is what bikeml would have written.
"""

import hashlib
import json
import re
import sys
import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from bikeml.errors import ModelFileError
from bikeml.experiment.model_file import (
    DESCRIPTION_NAME,
    FILE_NAME,
    WRITTEN,
    load_recorded,
    read_yaml,
    save_checked,
)
from bikeml.experiment.trusted.packages import find_distributions, list_own_packages
from bikeml.experiment.trusted.types import is_trusted
from bikeml.system.files import write_text
from bikeml.table.signature import infer_signature

EXAMPLE, SERVING_EXAMPLE = "input_example.json", "serving_input_example.json"
REQUIREMENTS, CONDA, PYTHON_ENV = "requirements.txt", "conda.yaml", "python_env.yaml"
FILES = (FILE_NAME, DESCRIPTION_NAME, EXAMPLE, SERVING_EXAMPLE, REQUIREMENTS, CONDA, PYTHON_ENV)
PACKAGES = ("mlflow", "scikit-learn", "skops", "numpy", "scipy", "pandas")
"""The packages that a server needs to load any model, in the order of requirements.txt."""
SKRUB = "skrub"
"""What it needs beyond them for a model with an estimator of this package."""
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
"""The keys that MLflow 3.15 writes alike in the MLmodel file of every model with an example."""
_PIN = re.compile(r"([\w.-]+)==[0-9][\w.+!-]*")
_PYTHON = re.compile(r"3\.[0-9]+(\.[0-9]+\w*)?")


def write_folder(
    pipeline: Pipeline, example: pd.DataFrame, fingerprint: str, folder: Path, written: Mapping[str, Any] | None = None
) -> None:
    """
    Write a fitted `pipeline` to `folder` as a model that MLflow can load and serve without bikeml.

    `example` has rows of features, shape (n_rows, n_features), which show the type of every column; `fingerprint` is
    that of the run; `written` says how the cells of its table are written. Raises OSError, and FitError if the model
    could not be loaded again.
    """
    with threadpool_limits(limits=1):  # on a busy machine, threads wait for each other far longer than they work
        predicted = pipeline.predict(example)
        types = save_checked(pipeline, example, predicted, folder)
    split = example.to_dict(orient="split", index=False)
    write_text(folder / EXAMPLE, json.dumps(split))
    write_text(folder / SERVING_EXAMPLE, json.dumps({"dataframe_split": split}))
    python = ".".join(map(str, sys.version_info[:3]))
    versions = {name: version(name) for name in _find_packages(types)}
    model = {
        **_SAME_FOR_ALL,
        "flavors": _build_flavors(python, versions["scikit-learn"], sorted(filter(is_trusted, types))),
        "metadata": {"fingerprint": fingerprint, WRITTEN: dict(written or {})},
        "mlflow_version": versions["mlflow"],
        "model_size_bytes": sum(file.stat().st_size for file in folder.iterdir()),  # as save_model: not the files below
        "model_uuid": uuid.uuid4().hex,
        "signature": infer_signature(example, predicted),
        "utc_time_created": str(datetime.now(UTC).replace(tzinfo=None)),
    }
    write_text(folder / DESCRIPTION_NAME, yaml.safe_dump(model))
    requirements = [f"{name}=={number}" for name, number in versions.items()]
    for name, text in _build_environments(python, requirements).items():
        write_text(folder / name, text)


def _find_packages(types: Collection[str]) -> list[str]:
    """Return the distributions that a server needs to load a model of these types."""
    packages = {name.split(".")[0] for name in types}
    own = [name for name in list_own_packages() if name in packages]
    found = [*PACKAGES, *([SKRUB] if SKRUB in packages else []), *find_distributions(own)]
    return list(dict.fromkeys(found))


def _build_flavors(python: object, sklearn: object, trusted: object) -> dict[str, dict[str, Any]]:
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


def _build_environments(python: str, requirements: Sequence[str]) -> dict[str, str]:
    """Return the texts of the three files that list the packages of a server, by file name."""
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
    Return the pipeline in `folder`, after a check that every file there is safe for a server.

    Raises ModelFileError if a file is missing or differs from what bikeml writes, if the model holds a type that is not
    trusted, or if another minor version of scikit-learn fitted it.
    """
    _check_files(folder)
    _check_flavors(folder, _read_flavors(folder))
    _check_environments(folder)
    return load_recorded(folder)[0]


def read_example(folder: Path) -> pd.DataFrame:
    """Return the rows of features that are the example of the model in `folder`; raises ModelFileError."""
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
        raise TypeError(f"columns={columns!r} are not all text")
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
        raise _refusal(folder, f"holds {', '.join(strange)}, which bikeml does not write and a server might run")


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
    more = sorted(name for name in {*map(str, trusted)} if not is_trusted(name))
    if more:
        raise _refusal(folder, f"lists types as trusted that bikeml does not trust: {', '.join(more)}")


def _check_environments(folder: Path) -> None:
    lines = (folder / REQUIREMENTS).read_text(encoding="utf-8").splitlines()
    known = {*PACKAGES, SKRUB, *find_distributions(list_own_packages())}
    strange = [line for line in lines if not ((pin := _PIN.fullmatch(line)) and pin[1] in known)]
    if strange:
        raise _refusal(folder, f"asks for {strange[0]!r} in its {REQUIREMENTS}")
    python = str(_read_yaml(folder / PYTHON_ENV).get("python"))
    expected = _build_environments(python, lines) if _PYTHON.fullmatch(python) else {}
    for name in (CONDA, PYTHON_ENV):
        if _read_yaml(folder / name) != yaml.safe_load(expected.get(name, "")):
            raise _refusal(folder, f"has a {name} that does not match its other files")


def _refusal(folder: Path, what: str) -> ModelFileError:
    return ModelFileError(
        f"the model in {str(folder)!r} {what}; it was changed, or bikeml did not write it; record the run again"
    )


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        content = read_yaml(file)
    except (ValueError, yaml.YAMLError, OSError) as error:
        raise ModelFileError(
            f"{str(file)!r} cannot be read: {str(error).splitlines()[0]}; record the run again"
        ) from error
    return content if isinstance(content, dict) else {}
