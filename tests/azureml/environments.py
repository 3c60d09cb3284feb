"""Whether an environment's definition names what a command will find here: versions, and nothing unnamed."""

import json
import re
import sys
import threading
from functools import lru_cache
from importlib import metadata

import yaml
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

REGISTRIES = "azureml://registries/"
CURATED = {"sklearn-1.5": ("numpy", "scipy", "scikit-learn", "pandas", "joblib")}
"""Environments of the registry azureml, and some of what is in them; their Python is taken to be this one."""


def find_curated(address: str) -> frozenset[str] | None:
    """Return the distributions of a registry's environment, or None where there is none of that address."""
    found = re.fullmatch(f"{REGISTRIES}azureml/environments/([^/]+)/(versions/[0-9]+|labels/latest)", address)
    return frozenset(CURATED[found[1]]) if found and found[1] in CURATED else None


class EnvironmentMismatch(Exception):  # noqa: N818 - becomes the job's error
    """The definition and this interpreter do not agree."""


_one_at_a_time = threading.Lock()
"""Reading requirements parses Python literals, which CPython 3.11 breaks off in one thread while another does so."""


def check_definition(conda_file: str, overlay: str | None = None) -> frozenset[str]:
    """
    Compare a conda definition with this interpreter and return the distributions that it names.

    What lies in an `overlay` folder goes before what is installed. Raises EnvironmentMismatch where a version is
    missing, not exact, or another than the one installed.
    """
    with _one_at_a_time:
        return _check_definition(conda_file, overlay)


@lru_cache(maxsize=64)
def _check_definition(conda_file: str, overlay: str | None) -> frozenset[str]:
    named: set[str] = set()
    dependencies = (yaml.safe_load(conda_file) or {}).get("dependencies") or []
    pythons = [str(d) for d in dependencies if isinstance(d, str) and d.replace(" ", "").startswith("python=")]
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    if not pythons or ".".join(pythons[0].replace(" ", "").lstrip("python=").split(".")[:2]) != ours:
        raise EnvironmentMismatch(f"the environment asks for {pythons or 'no python'}; this is python={ours}")
    for line in (line for d in dependencies if isinstance(d, dict) for line in d.get("pip", [])):
        named.add(_check_requirement(line, overlay))
    if not named:
        raise EnvironmentMismatch("the environment names no package; give dependencies: - pip: - name==version")
    return frozenset(named)


def _check_requirement(line: str, overlay: str | None) -> str:
    try:
        wanted = Requirement(line.split(" --hash", maxsplit=1)[0])
    except InvalidRequirement as error:
        raise EnvironmentMismatch(f"the environment's line {line!r} is no requirement: {error}") from error
    if wanted.marker and not wanted.marker.evaluate():
        return canonicalize_name(wanted.name)
    pins = [s for s in wanted.specifier if s.operator == "=="]
    distribution = find_distribution(wanted.name, overlay)
    found = distribution.version if distribution else "nothing"
    if not pins or not wanted.specifier.contains(found if found != "nothing" else "0", prereleases=True):
        raise EnvironmentMismatch(f"the environment says {line!r}, and {wanted.name} {found} is installed")
    return canonicalize_name(wanted.name)


def find_distribution(name: str, overlay: str | None = None) -> metadata.Distribution | None:
    """Return a distribution of the overlay folder, or else of this interpreter."""
    path = [overlay, *sys.path] if overlay else sys.path
    return next(iter(metadata.distributions(name=name, path=path)), None)


def describe_hidden(named: frozenset[str]) -> str:
    """Return, as JSON, by top-level module what is installed here but would not be in the environment."""
    with _one_at_a_time:
        return _describe_hidden(named)


@lru_cache(maxsize=64)
def _describe_hidden(named: frozenset[str]) -> str:
    there = _with_dependencies(named, None)
    owners = {
        module: sorted({canonicalize_name(owner) for owner in owners})
        for module, owners in metadata.packages_distributions().items()
    }
    return json.dumps({module: names for module, names in sorted(owners.items()) if not there & {*names}})


def with_dependencies(named: frozenset[str], overlay: str) -> set[str]:
    """Return the distributions that an environment of those named has."""
    with _one_at_a_time:
        return _with_dependencies(named, overlay)


def _with_dependencies(named: frozenset[str], overlay: str | None) -> set[str]:
    there, todo = {"pip", "setuptools", "wheel"}, [(name, "") for name in named]
    seen: set[tuple[str, str]] = set()
    while todo:
        name, extra = entry = todo.pop()
        if entry in seen:
            continue
        seen.add(entry)
        there.add(name)
        distribution = find_distribution(name, overlay)
        for requirement in map(Requirement, (distribution.requires if distribution else None) or []):
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                other = canonicalize_name(requirement.name)
                todo += [(other, ""), *((other, one) for one in requirement.extras)]
    return there


# Put before everything else on a job's import path: what its environment does not name is not there, and the folders
# that the service mounts rename nothing (hi-ml #258, #171; azure-storage-fuse #798).
SITE_CUSTOMIZE = """
import errno, os, sys

_mounts = tuple(os.path.join(path, "") for path in (
    os.environ["LOOPBACK_OUTPUTS"], *(os.environ[n] for n in os.environ if n.startswith("AZURE_ML_OUTPUT_"))
))

def _refuse_renames(event, arguments):
    if event == "os.rename" and any(os.path.abspath(os.fspath(path)).startswith(_mounts) for path in arguments[:2]):
        raise PermissionError(errno.EPERM, "a mounted output renames nothing", *map(os.fspath, arguments[:1]))

sys.addaudithook(_refuse_renames)

import importlib.metadata as metadata, json

_owners = json.loads(os.environ.pop("LOOPBACK_HIDDEN", "{}"))

def _read_hidden(file=os.environ["LOOPBACK_INSTALLED"]):
    installed = set(open(file).read().split()) if os.path.exists(file) else set()
    return {module: owners for module, owners in _owners.items() if not installed & set(owners)}

class _NotInTheEnvironment:
    hidden = _read_hidden()

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name in cls.hidden:
            raise ModuleNotFoundError(f"No module named {name!r}: the job's environment does not name it", name=name)
        return None

def _find_distributions(context=metadata.DistributionFinder.Context(), _find=metadata.MetadataPathFinder.find_distributions):
    hidden = {owner for owners in _read_hidden().values() for owner in owners}
    known = lambda name: name.lower().replace("_", "-").replace(".", "-") not in hidden
    found = _find(context) if context.name is None or known(context.name) else ()
    return (each for each in found if known(os.path.basename(str(each._path)).split("-")[0]))

metadata.MetadataPathFinder.find_distributions = staticmethod(_find_distributions)
sys.meta_path.insert(0, _NotInTheEnvironment)
"""

# A job's pip: it installs nothing, but lets a job see what is installed here in the very version that is asked for.
PIP = """
import os, sys
from importlib import metadata

assert sys.argv[1] == "install" and "--no-deps" in sys.argv, sys.argv
for line in (word for word in sys.argv[2:] if not word.startswith("-")):
    name, _, wanted = line.partition("==")
    if metadata.version(name) != wanted:
        sys.exit(f"ERROR: No matching distribution found for {line}")
    with open(os.environ["LOOPBACK_INSTALLED"], "a") as installed:
        installed.write(name.lower().replace("_", "-").replace(".", "-") + "\\n")
"""
