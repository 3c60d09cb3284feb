"""What jobs run with: the code of this process as one folder, and the packages of this environment by version."""

import hashlib
import importlib.util
import json
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pathspec import GitIgnoreSpec

from bikeml.composition import config_dir
from bikeml.errors import ClusterError
from bikeml.provenance import CHECKOUT, describe_checkout

CONFIG_FOLDER = "config"
"""Where a job finds the folder that --config-dir named."""
NEVER = GitIgnoreSpec.from_lines(
    (
        *(
            "__pycache__/",
            "*.pyc",
            ".git/",
            ".venv/",
            "node_modules/",
            ".azureml/",
            ".env*",
            "*.pem",
            "*.key",
            "*.pfx",
            "*.p12",
            ".netrc",
            ".ssh/",
            *("id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*"),
        ),
        *("outputs/", "multirun/", "mlruns/", "mlartifacts/", "*.db", "*.sqlite"),
    )
)
"""What no job needs to see: caches, keys, run folders and stores."""
JOB_PACKAGES = ("azureml-mlflow",)
"""What a job needs beside bikeml's own requirements."""
LINUX = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}


def stage(folder: Path, packages: Iterable[str], config: Path | None) -> None:
    """
    Copy into `folder` the code that jobs run: bikeml with its conf, `packages` by name, and the folder of --config-dir.

    An .amlignore, or else a .gitignore, on top of a package or config folder is obeyed. What the code is a copy of is
    written beside it, so that a job records it as a run in the checkout would.
    """
    here = Path(__file__).parent.parent
    _copy(here, folder / "bikeml")
    (folder / "bikeml" / CHECKOUT).write_text(json.dumps(describe_checkout()), encoding="utf-8")
    if not (folder / "bikeml" / "conf").is_dir():
        _copy(config_dir(), folder / "bikeml" / "conf")
    if config is not None:
        _copy(config, folder / CONFIG_FOLDER)
    for name in packages:
        source = _source(name)
        if source.is_dir():
            _copy(source, folder / name)
        else:
            shutil.copyfile(source, folder / source.name)


def _copy(source: Path, target: Path) -> None:
    ignored = NEVER + _read_ignored(source)
    for file in sorted(source.rglob("*")):
        name = file.relative_to(source).as_posix()
        if file.is_file() and not ignored.match_file(name):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target / name)


def _read_ignored(folder: Path) -> GitIgnoreSpec:
    for name in (".amlignore", ".gitignore"):
        if (folder / name).is_file():
            return GitIgnoreSpec.from_lines((folder / name).read_text(encoding="utf-8").splitlines())
    return GitIgnoreSpec(())


def _source(name: str) -> Path:
    """Return the folder or the file of a package that can be imported here."""
    spec = importlib.util.find_spec(name)
    if spec is None:
        raise ClusterError(f"there is no package {name!r} here; a job could not import it either")
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    if spec.origin is None or not Path(spec.origin).is_file():
        raise ClusterError(f"package {name!r} has no source file; make it a distribution and install it")
    return Path(spec.origin)


def is_installed(package: str) -> bool:
    """Whether a package by its import name comes from a distribution, so that a job can install it by version."""
    return package in _distributions()


@cache
def _distributions() -> dict[str, list[str]]:
    return dict(metadata.packages_distributions())


def build_conda(packages: Iterable[str]) -> str:
    """
    Return the conda file of an environment with the very versions of this one: bikeml's requirements and `packages`.

    `packages` are import names of installed distributions. Raises ClusterError where something is missing here.
    """
    own = [distribution for name in packages for distribution in _distributions()[name]]
    pinned = sorted(_pin(_requirements("bikeml"), [*own, *JOB_PACKAGES]))
    python = f"python={sys.version_info.major}.{sys.version_info.minor}"
    return yaml.safe_dump(
        {"name": "bikeml", "channels": ["conda-forge"], "dependencies": [python, "pip", {"pip": pinned}]},
        sort_keys=False,
    )


def _pin(requirements: Iterable[Requirement], names: Sequence[str]) -> Iterator[str]:
    """Yield a line for each distribution that the requirements and the named distributions lead to, at its version."""
    waiting: list[tuple[str, str]] = [(name, "") for name in names]
    waiting += [(requirement.name, extra) for requirement in requirements for extra in ("", *requirement.extras)]
    seen = set()
    while waiting:
        name, extra = waiting.pop()
        if (canonicalize_name(name), extra) in seen:
            continue
        seen.add((canonicalize_name(name), extra))
        if not extra:
            yield f"{canonicalize_name(name)}=={_version(name)}"
        for requirement in _requirements(name, extra):
            waiting += [(requirement.name, each) for each in ("", *requirement.extras)]


def _requirements(name: str, extra: str = "") -> list[Requirement]:
    """Return what a distribution needs on the Linux of a job."""
    try:
        lines = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        _version(name)
        raise
    requirements = map(Requirement, lines)
    return [each for each in requirements if each.marker is None or each.marker.evaluate(LINUX | {"extra": extra})]


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError as error:
        raise ClusterError(
            f"{name} is not installed here, and jobs need it; install everything with: pip install 'bikeml[azure]'"
        ) from error


def environment_version(conda: str, image: str) -> str:
    """Return the version under which an environment is registered: the same content is the same version."""
    return hashlib.sha256(f"{image}\n{conda}".encode()).hexdigest()[:16]
