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
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from sklearn.pipeline import Pipeline

from bikeml.errors import ModelFileError
from bikeml.evaluation.threads import limit_threads
from bikeml.experiment.model_file import DESCRIPTION_NAME, load_recorded, read_part, refusal, save_checked
from bikeml.experiment.trusted.indices import need
from bikeml.experiment.trusted.mlmodel import (
    CONDA,
    EXAMPLE,
    FILE_NAME,
    PYTHON_ENV,
    SAME_FOR_ALL,
    SERVING_EXAMPLE,
    WRITTEN,
    build_flavors,
)
from bikeml.experiment.trusted.packages import find_distributions, list_own_packages
from bikeml.experiment.trusted.types import is_trusted
from bikeml.records.fingerprint import BOOSTERS, SKRUB, version
from bikeml.system.documents import MOST_BYTES, read_bounded, read_json
from bikeml.system.files import write_text
from bikeml.table.signature import infer_signature

REQUIREMENTS = "requirements.txt"
FILES = (FILE_NAME, DESCRIPTION_NAME, EXAMPLE, SERVING_EXAMPLE, REQUIREMENTS, CONDA, PYTHON_ENV)
PACKAGES = ("mlflow", "scikit-learn", "skops", "numpy", "scipy", "pandas")
"""The packages that a server needs to load any model, in the order of requirements.txt."""
MOST_EXAMPLE_BYTES = 100_000_000
"""Its five rows may hold long texts."""
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
    with limit_threads(limits=1):  # on a busy machine, threads wait for each other far longer than they work
        predicted = pipeline.predict(example)
        types = save_checked(pipeline, example, predicted, folder)
    split = example.to_dict(orient="split", index=False)
    write_text(folder / EXAMPLE, json.dumps(split))
    write_text(folder / SERVING_EXAMPLE, json.dumps({"dataframe_split": split}))
    python = ".".join(map(str, sys.version_info[:3]))
    versions = {name: version(name) for name in _find_packages(types)}
    model = {
        **SAME_FOR_ALL,
        "flavors": build_flavors(python, versions["scikit-learn"], sorted(filter(is_trusted, types))),
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
    own += [name for name in BOOSTERS if name in packages]
    found = [*PACKAGES, *([SKRUB] if SKRUB in packages else []), *find_distributions(own)]
    return list(dict.fromkeys(found))


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


def _read_requirements(folder: Path) -> list[str]:
    try:
        return read_bounded(folder / REQUIREMENTS, MOST_BYTES).decode().splitlines()
    except (OSError, ValueError) as error:
        raise ModelFileError(f"{str(folder / REQUIREMENTS)!r} cannot be read: {error}; record the run again") from error


def check_folder(folder: Path, sha256: str | None = None) -> Pipeline:
    """
    Return the pipeline in `folder`, after a check that every file there is safe for a server.

    `sha256` is that of its model file, as its run recorded it; a booster is loaded only with it.
    Raises ModelFileError if a file is missing or differs from what bikeml writes, if the model holds a type that is not
    trusted, or if another minor version of scikit-learn fitted it.
    """
    _check_files(folder)
    _check_environments(folder)
    pipeline, description = load_recorded(folder, sha256)
    _check_examples(folder, [*description.inputs])
    return pipeline


def _check_examples(folder: Path, inputs: list[str]) -> None:
    """Raise ModelFileError unless both files hold the same rows, of the columns that the model takes."""
    example = read_example(folder)
    if [*example.columns] != inputs or example.empty:
        raise refusal(folder, f"has an {EXAMPLE} of other columns, or without rows")
    served = json.dumps({"dataframe_split": _read_json(folder / EXAMPLE)})  # as text: no gap equals another
    if json.dumps(_read_json(folder / SERVING_EXAMPLE)) != served:
        raise refusal(folder, f"has a {SERVING_EXAMPLE} that is not its {EXAMPLE}")


def read_example(folder: Path) -> pd.DataFrame:
    """Return the rows of features that are the example of the model in `folder`; raises ModelFileError."""
    content = _read_json(folder / EXAMPLE)
    try:
        columns, rows = content["columns"], content["data"]
        need(all(isinstance(row, list) for row in (columns, rows, *rows)), f"data={rows!r:.60} is not a list of lists")
        need(all(isinstance(name, str) for name in columns), f"columns={columns!r:.60} are not all text")
        need(not any(isinstance(cell, list | dict) for row in rows for cell in row), "a cell holds several values")
        return pd.DataFrame(rows, columns=columns)
    except (ValueError, KeyError, TypeError, AssertionError, OverflowError) as error:
        raise ModelFileError(f"{str(folder / EXAMPLE)!r} has no rows: {error}; record the run again") from error


def _read_json(file: Path) -> Any:  # noqa: ANN401  any JSON value
    try:
        return read_json(file, MOST_EXAMPLE_BYTES)
    except (OSError, ValueError) as error:
        raise ModelFileError(f"{str(file)!r} cannot be read: {error}; record the run again") from error


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
        raise refusal(folder, f"holds {', '.join(strange)}, which bikeml does not write and a server might run")


def _check_environments(folder: Path) -> None:
    lines = _read_requirements(folder)
    known = {*PACKAGES, SKRUB, *chain(*BOOSTERS.values()), *find_distributions(list_own_packages())}
    strange = [line for line in lines if not ((pin := _PIN.fullmatch(line)) and pin[1] in known)]
    if strange:
        raise refusal(folder, f"asks for {strange[0]!r} in its {REQUIREMENTS}")
    virtualenv = read_part(folder, PYTHON_ENV)
    python = str(virtualenv.get("python")) if isinstance(virtualenv, dict) else ""
    expected = _build_environments(python, lines) if _PYTHON.fullmatch(python) else {}
    for name in (CONDA, PYTHON_ENV):
        if name not in expected or read_part(folder, name) != yaml.safe_load(expected[name]):
            raise refusal(folder, f"has a {name} that does not match its other files")
