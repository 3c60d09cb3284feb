"""The packages whose estimators a config may name and a model file may hold."""

import os
from importlib import metadata

ALLOWED_PACKAGES = ("sklearn", "skrub")
"""Packages whose estimators a config may name. Only BIKEML_ALLOWED_PACKAGES can add to them, never a config."""
ALLOWED_PACKAGES_VARIABLE = "BIKEML_ALLOWED_PACKAGES"


def list_own_packages() -> list[str]:
    """Return the packages that the environment variable adds."""
    names = os.environ.get(ALLOWED_PACKAGES_VARIABLE, "").split(",")
    return [name.strip() for name in names if name.strip()]


def list_packages() -> list[str]:
    """Return all packages whose estimators a config may name."""
    return [*ALLOWED_PACKAGES, *list_own_packages()]


def find_distributions(packages: list[str]) -> list[str]:
    """Return the distributions that pip installs for these import names; a module of one's own has none."""
    if not packages:
        return []
    found = metadata.packages_distributions()  # reads the files of every installed distribution
    return sorted({name for package in packages for name in found.get(package, [])})
