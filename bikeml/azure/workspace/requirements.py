"""List the packages that jobs need, in the versions of this environment, for the Linux of a job."""

import hashlib
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import metadata

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bikeml.errors import ClusterError

JOB_PACKAGES = ("azureml-mlflow",)
"""What a job needs beside bikeml's own requirements."""
JOB_SYSTEM = {
    "sys_platform": "linux",
    "platform_system": "Linux",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "implementation_name": "cpython",
}
"""The values of markers in a job, whose Python has the minor version of the one that submits it."""


def is_installed(package: str) -> bool:
    """Whether a package by its import name comes from a distribution, so that a job can install it by version."""
    return package in _distributions()


@cache
def _distributions() -> dict[str, list[str]]:
    return dict(metadata.packages_distributions())


def build_conda(packages: Iterable[str]) -> str:
    """
    Return the conda file of an environment for bikeml and `packages`, import names of installed distributions.

    Raises ClusterError if a package is missing here.
    """
    python = f"python={sys.version_info.major}.{sys.version_info.minor}"
    dependencies = [python, "pip", {"pip": pin(packages)}]
    return yaml.safe_dump(
        {"name": "bikeml", "channels": ["conda-forge"], "dependencies": dependencies}, sort_keys=False
    )


def pin(packages: Iterable[str]) -> list[str]:
    """
    Return the lines of a requirements file for bikeml and `packages`, import names of installed distributions.

    Each names the version that is installed here. A package that only a job's system needs has the versions that its
    dependent allows. Raises ClusterError if a package is missing here.
    """
    own = [distribution for name in packages for distribution in _distributions()[name]]
    bikeml = _find(Requirement("bikeml"), "")
    return sorted(_resolve([*_requirements(bikeml, ""), *map(Requirement, (*own, *JOB_PACKAGES))]))


def _resolve(roots: Iterable[Requirement]) -> Iterator[str]:
    """Yield a line for each distribution that the roots lead to."""
    waiting = [(requirement, "") for requirement in roots]
    seen: dict[str, set[str]] = {}
    while waiting:
        requirement, dependents_extra = waiting.pop()
        name = canonicalize_name(requirement.name)
        found = _find(requirement, dependents_extra)
        if name not in seen:
            yield f"{name}=={found.version}" if found else f"{name}{requirement.specifier}"
        extras = {"", *requirement.extras} - seen.setdefault(name, set())
        seen[name] |= extras
        waiting += [(each, extra) for extra in extras for each in _requirements(found, extra)]


def _requirements(distribution: metadata.Distribution | None, extra: str) -> list[Requirement]:
    """Return what a distribution needs on a job's system."""
    requirements = map(Requirement, (distribution and distribution.requires) or [])
    return [each for each in requirements if each.marker is None or each.marker.evaluate(JOB_SYSTEM | {"extra": extra})]


def _find(requirement: Requirement, extra: str) -> metadata.Distribution | None:
    """Return an installed distribution, or None if this system does not need it; raises ClusterError."""
    try:
        return metadata.distribution(requirement.name)
    except metadata.PackageNotFoundError as error:
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            return None
        raise ClusterError(
            f"{requirement.name} is not installed here, and jobs need it; install everything with: "
            "pip install 'bikeml[azure]'"
        ) from error


def environment_version(conda: str, image: str) -> str:
    """Return the version under which an environment is registered: the same content is the same version."""
    return hashlib.sha256(f"{image}\n{conda}".encode()).hexdigest()[:16]
