"""
Compute the fingerprint of an experiment: a hash of everything that determines its result.

No other module computes it. The hash covers:

- the sections of the config, without the keys that the schema marks as NotInResult;
- the sha256 of the table, and of the test file if there is one;
- the source of RESULT_MODULES and of the user's own estimators;
- the versions of the numerical packages.

Two runs with the same fingerprint have the same figures to the last bit on the same kind of CPU and BLAS.
"""

import hashlib
import importlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from bikeml.config.schema import Config
from bikeml.config.sections import result_sections
from bikeml.errors import RecordError
from bikeml.records import tags
from bikeml.records.record import as_json
from bikeml.records.run import RunRecord, hash_identity

RESULT_MODULES = (
    "evaluation/choice",
    "evaluation/evaluate",
    "evaluation/importance",
    "evaluation/metric",
    "evaluation/metrics",
    "evaluation/scale",
    "evaluation/threads",
    "evaluation/uncertainty/blocks",
    "evaluation/uncertainty/intervals",
    "evaluation/uncertainty/jackknife",
    "evaluation/uncertainty/units",
    "evaluation/weights",
    "experiment/check",
    "experiment/encoding",
    "experiment/estimators",
    "experiment/fit",
    "experiment/grid",
    "experiment/pipeline",
    "experiment/searching",
    "experiment/story",
    "search",
    "table/column",
    "table/columns",
    "table/data",
    "table/labelled",
    "table/problems",
    "table/reading",
    "table/split",
)
"""The rooms and modules of bikeml that can change a figure. A test checks that the others cannot."""
PACKAGES = ("numpy", "scipy", "pandas", "scikit-learn")
SKRUB = "skrub"
BOOSTERS: Mapping[str, tuple[str, ...]] = {
    "lightgbm": ("lightgbm",),
    "xgboost": ("xgboost-cpu", "xgboost"),
    "catboost": ("catboost",),
}
"""The packages of the extra `boosting`, each with the names under which pip may have installed it."""
OPTUNA = "optuna"
OPTIONAL = (SKRUB, *BOOSTERS, OPTUNA)
"""Their versions count too if the config names an estimator of them, or searches by them; others stay as they are."""
IDENTITY_SCHEMA = 2
"""The version of the identity's form. It is part of the identity: a new number changes all fingerprints."""
OF_AN_EARLIER_VERSION = "recorded by an earlier version of bikeml, whose fingerprints have another form"

version = cache(metadata.version)  # each call reads files, and a sweep makes thousands of calls


def identify(config: Config, data_sha256: str, test_sha256: str | None = None) -> dict[str, Any]:
    """Return everything that determines the result of `config` on the table, and the test file, with these sha256."""
    user_source = {name: _hash_files(_package_files(name)) for name in user_packages(config)}
    optional = {name: _find_version(name) for name in optional_packages(config)}
    sections = result_sections(config)
    if test_sha256 is not None:  # the held-out rows are those of the test file
        del sections["split"]["test_size"]
    return {
        "schema": IDENTITY_SCHEMA,
        "config": as_json(sections),
        "data_sha256": data_sha256,
        **({} if test_sha256 is None else {"test_sha256": test_sha256}),
        "source": _own_source(),
        "user_source": user_source,
        "versions": {name: version(name) for name in PACKAGES} | optional,
    }


def fingerprint(identity: Mapping[str, Any]) -> str:
    """Return the sha256, in hex, of what :func:`identify` returns."""
    return hash_identity(identity)


def hash_folds(identity: Mapping[str, Any]) -> str:
    """
    Return the sha256, in hex, of what determines the predictions of each fold.

    That is the identity without the number of repeats, whose first folds are the same, and without what only judges the
    predictions.
    """
    config = identity["config"]
    split = {key: value for key, value in config["split"].items() if key != "repeats"}
    evaluation = {"nested": config["evaluation"].get("nested")}
    return hash_identity({**identity, "config": {**config, "split": split, "evaluation": evaluation}})


def is_comparable(run_tags: Mapping[str, str]) -> bool:
    """Return whether the run with these tags has an identity of the present form. Otherwise no fingerprint matches."""
    return run_tags.get(tags.IDENTITY_SCHEMA) == str(IDENTITY_SCHEMA)


def user_packages(config: Config) -> list[str]:
    """Return the top-level packages of the user's own estimators, sorted."""
    return sorted({*_targeted(config.model_dump())} - {*OPTIONAL})


def optional_packages(config: Config) -> list[str]:
    """Return the packages of OPTIONAL that a config names, or searches by, sorted."""
    return sorted({*_targeted(config.model_dump()), config.search.kind} & {*OPTIONAL})


def _find_version(package: str) -> str:
    """Return the version of an optional package; raises PackageNotFoundError."""
    *others, last = BOOSTERS.get(package, (package,))
    for name in others:
        with suppress(metadata.PackageNotFoundError):
            return version(name)
    return version(last)


def _targeted(value: object) -> Iterator[str]:
    """Yield the top-level packages of the estimators that are not scikit-learn's."""
    if isinstance(value, Mapping):
        package = str(value.get("_target_", "sklearn")).split(".")[0]
        if package not in ("sklearn", "hydra"):  # Hydra's get_method names a function of the packages above
            yield package
    for item in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from _targeted(item)


@cache
def _own_source() -> dict[str, str]:
    """Return the hash of each of RESULT_MODULES, computed once: this process keeps the code that it has loaded."""
    places = {name: Path(__file__).parents[1] / name for name in RESULT_MODULES}
    return {
        name: _hash_files(sorted(place.rglob("*.py")) or [place.with_suffix(".py")]) for name, place in places.items()
    }


def _package_files(name: str) -> list[Path]:
    """Return the Python files of a package or module, sorted."""
    module = importlib.import_module(name)
    folders = [Path(folder) for folder in getattr(module, "__path__", [])]
    return sorted(file for folder in folders for file in folder.rglob("*.py")) or [Path(str(module.__file__))]


def _hash_files(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode())
        digest.update(file.read_bytes().replace(b"\r\n", b"\n"))  # Windows checks out the same code with CRLF
    return digest.hexdigest()


def check_fingerprint(record: RunRecord, expected: str) -> None:
    """Raise RecordError if a record does not have the `expected` fingerprint, and so is of another experiment."""
    if not record.answers(expected):
        found = f"its fingerprint is {record.fingerprint[:16]}, not {expected[:16]}"
        raise RecordError(f"{RunRecord.FILE} is of another experiment: {found}")
