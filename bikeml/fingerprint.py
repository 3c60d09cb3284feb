"""
The fingerprint: what determines a result, hashed; made here and nowhere else.

In it: the sections of the config without paths, names, n_jobs and backends; the sha256 of the table; the source of the
modules of bikeml through which a number passes, and of the user's own estimators; the versions of the numerical
packages. Two runs with one fingerprint have the same figures to the last bit on the same kind of CPU and BLAS.
"""

import hashlib
import importlib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from sklearn.pipeline import Pipeline

from bikeml.config import Config

RESULT_MODULES = ("data", "evaluate", "experiment", "pipeline", "problems", "resume", "search", "split")
"""The modules of bikeml that can change a figure; a test holds that the others only carry or show it."""
PACKAGES = ("numpy", "scipy", "pandas", "scikit-learn")
NOT_IN_THE_RESULT = {"n_jobs", "verbose", "pre_dispatch", "backend"}

version = cache(metadata.version)  # each look-up reads files, and a sweep makes thousands


def fingerprint(identity: Mapping[str, Any]) -> str:
    """Return the sha256, in hex, of what :func:`identify` found to determine a result."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def identify(config: Config, data_sha256: str) -> dict[str, Any]:
    """Return everything that determines the result of `config` on the table of that sha256."""
    return {
        "config": _sections(config),
        "data_sha256": data_sha256,
        "source": _own_source(),
        "user_source": {name: _hash_files(_package_files(name)) for name in user_packages(config)},
        "versions": {name: version(name) for name in PACKAGES},
    }


def is_reproducible(config: Config, pipeline: Pipeline) -> bool:
    """Return False where the split or any estimator draws without a seed: such a run is never called reproducible."""
    if config.split.kind == "random" and config.split.random_state is None:
        return False
    axes = config.model.grid.items() if config.search.kind != "none" else ()
    if any(name.endswith("random_state") and None in values for name, values in axes):
        return False
    parameters = pipeline.get_params(deep=True).items()
    return not any(name.endswith("random_state") and value is None for name, value in parameters)


def _sections(config: Config) -> dict[str, Any]:
    sections = config.model_dump(
        exclude={
            "tracking": True,
            "reuse": True,
            "sweep": True,
            "azure": True,
            "data": {"name", "path", "allowed"},
            "search": {"child_runs", "scheduler", "checkpoint", "checkpoint_dir"},
        }
    )
    for kind, steps in list(sections["preprocessing"].items()):
        sections["preprocessing"][f"{kind}_order"] = list(steps)  # it counts, and sorted keys would lose it
    data = sections["data"]
    data["numeric"], data["categorical"] = sorted(data["numeric"]), sorted(data["categorical"])
    if config.split.kind == "random":
        del data["date"], data["date_format"]
    if config.search.kind == "none":
        del sections["model"]["grid"]
    kept: dict[str, Any] = _without(sections, NOT_IN_THE_RESULT)
    return kept


def _without(value: Any, names: set[str]) -> Any:  # noqa: ANN401  any YAML value
    if isinstance(value, Mapping):
        return {key: _without(item, names) for key, item in value.items() if key not in names}
    return [_without(item, names) for item in value] if isinstance(value, list | tuple) else value


def user_packages(config: Config) -> list[str]:
    """Return the top-level packages of the estimators that are not scikit-learn's, sorted."""
    return sorted(set(_targeted(config.model_dump())))


def _targeted(value: object) -> Iterator[str]:
    """Yield the top-level packages of the estimators that are not scikit-learn's."""
    if isinstance(value, Mapping):
        package = str(value.get("_target_", "sklearn")).split(".")[0]
        if package != "sklearn":
            yield package
    for item in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from _targeted(item)


@cache
def _own_source() -> dict[str, str]:
    """Return the hash of each of RESULT_MODULES: of the code that this process has loaded, so taken once."""
    return {name: _hash_files(_package_files(f"bikeml.{name}")) for name in RESULT_MODULES}


def _package_files(name: str) -> list[Path]:
    """Return the Python files of a package or module, sorted."""
    module = importlib.import_module(name)
    folders = [Path(folder) for folder in getattr(module, "__path__", [])]
    return sorted(file for folder in folders for file in folder.rglob("*.py")) or [Path(str(module.__file__))]


def _hash_files(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode())
        digest.update(file.read_bytes().replace(b"\r\n", b"\n"))  # a checkout on Windows is the same code
    return digest.hexdigest()
