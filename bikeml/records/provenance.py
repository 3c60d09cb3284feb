"""Collect where a result comes from: code, packages, machine and command."""

import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, cast

from threadpoolctl import threadpool_info

from bikeml.errors import RecordError
from bikeml.records.run import Environment
from bikeml.system.documents import read_json
from bikeml.system.printable import program
from bikeml.system.redaction import redact

PACKAGES_SHOWN = 10

CODE = ("bikeml", "conf", "scripts", "pyproject.toml", "requirements.lock", "requirements-all.lock")
"""The parts of a checkout whose uncommitted changes are recorded. Notes, data and secrets elsewhere are not."""
EXACTLY = ("--binary", "--no-color", "--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/")
"""Options of git diff: the diff can be applied again, and the user's settings do not change it."""
CHECKOUT = "checkout.json"
"""The file in a copied package that describes the checkout it was copied from."""
PROJECT_COMMIT = "project_commit"
"""The key in it for the commit of the project that a job was submitted from."""


@dataclass(frozen=True)
class Provenance:
    """Where a result comes from: its environment and the uncommitted changes."""

    environment: Environment
    git_diff: str
    """The uncommitted changes of the tracked code. Bytes that are not UTF-8 are surrogates in it."""


def gather() -> Provenance:
    """Inspect the checkout, the packages and the machine, and the project in the working folder."""
    found = _inspect()
    environment = found.environment.model_copy(update={"project_commit": find_project_commit()})
    return Provenance(environment, found.git_diff)


@cache
def _inspect() -> Provenance:
    """Inspect what stays as it is in this process, which keeps the code that it has loaded."""
    checkout = describe_checkout()
    environment = Environment(
        git_commit=checkout["git_commit"],
        git_untracked=tuple(checkout["git_untracked"]),
        python=platform.python_version(),
        platform=platform.platform(),
        cpu=_cpu(),
        blas=tuple(  # sorted, since threadpoolctl 3.6 lists the libraries in a random order
            sorted((_describe_blas(library) for library in threadpool_info() if library["user_api"] == "blas"), key=str)
        ),
        packages=dict(sorted(_packages(), key=lambda package: package[0].lower())),
    )
    return Provenance(environment, checkout["git_diff"])


@cache
def describe_checkout() -> dict[str, Any]:
    """
    Return `git_commit`, `git_diff` and `git_untracked` of the checkout that this code belongs to.

    In a copy of the code, such as a job on a cluster runs, the values come from CHECKOUT. That file was written when
    the code was copied; it also holds `versions`, the numerical packages of the machine that submitted the job.
    """
    package = Path(__file__).resolve().parents[1]
    if (package / CHECKOUT).is_file():
        copied: dict[str, Any] = json.loads((package / CHECKOUT).read_text(encoding="utf-8"))
        return copied
    checkout = package.parent
    commit = (_git(checkout, "rev-parse", "HEAD") or "").strip() or None
    diff = _git(checkout, "diff", *EXACTLY, "HEAD", "--", *CODE) if commit else None
    untracked = _git(checkout, "ls-files", "-o", "--exclude-standard", "--", *CODE)
    return {
        "git_commit": commit,
        "git_diff": redact(diff or "", is_code=True),
        "git_untracked": (untracked or "").splitlines(),
    }


def find_project_commit() -> str | None:
    """Return the commit of the git repository that the working folder is in; in a job, that of who submitted it."""
    checkout = describe_checkout()
    if PROJECT_COMMIT in checkout:
        return cast(str | None, checkout[PROJECT_COMMIT])
    return (_run_git(Path.cwd(), "rev-parse", "HEAD") or "").strip() or None


def _packages() -> Iterator[tuple[str, str]]:
    """Yield the name and version of each installed distribution. Its `name` would parse the whole file three times."""
    for distribution in distributions():
        headers = (distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or "").partition("\n\n")[0]
        fields = dict(line.split(": ", 1) for line in headers.splitlines() if line.startswith(("Name: ", "Version: ")))
        if len(fields) == 2:  # noqa: PLR2004  the rest of a broken installation has neither
            yield fields["Name"], fields["Version"]


def command_line(arguments: Sequence[str] | None = None) -> str:
    """Return the command that started this process, quoted for a shell; `arguments` replace its own if given."""
    return " ".join([program(), *map(shlex.quote, sys.argv[1:] if arguments is None else arguments)])


def _git(checkout: Path, *arguments: str) -> str | None:
    """Return git's output, or None if git fails or is missing, or `checkout` is not the top of a repository."""
    return _run_git(checkout, *arguments) if (checkout / ".git").exists() else None


def _run_git(folder: Path, *arguments: str) -> str | None:
    """Return git's output in a folder, or None if git fails or is missing."""
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            env=environment,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="surrogateescape") if done.returncode == 0 else None


def _cpu() -> str:
    """Return the processor's model name, which Linux shows only in a file."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(errors="replace").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _describe_blas(library: dict[str, Any]) -> dict[str, Any]:
    """Return what decides the last digits: the library, its version and its kernel, without its path."""
    return {
        key: library.get(key) for key in ("internal_api", "version", "architecture", "threading_layer", "num_threads")
    }


def read_environment(file: Path) -> Environment:
    """Return the environment of a run of form 1, which has it in a file of its own; raises RecordError."""
    names = {"command"}  # the record holds it
    plain = {key: value for key, value in _read_plain(file).items() if key not in names}
    try:
        return Environment.model_validate(plain, strict=False)
    except ValueError as error:
        raise RecordError(f"{str(file)!r} is broken: {str(error).splitlines()[1]}; restore it, or delete it") from error


def _read_plain(file: Path) -> dict[str, Any]:
    try:
        content = read_json(file)
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def find_changes(before: Environment, after: Environment) -> Iterator[str]:
    """Yield a line for each part of the environment that has changed."""
    for name in ("python", "platform", "cpu", "blas"):
        was, now = getattr(before, name), getattr(after, name)
        if _sorted(was) != _sorted(now):
            yield f"{name} was {_plain(was)}, is {_plain(now)}"
    packages = [
        f"{name} was {before.packages.get(name, 'absent')}, is {after.packages.get(name, 'absent')}"
        for name in sorted({*before.packages, *after.packages}, key=str.lower)
        if before.packages.get(name) != after.packages.get(name)
    ]
    yield from packages[:PACKAGES_SHOWN]
    if len(packages) > PACKAGES_SHOWN:
        yield f"and {len(packages) - PACKAGES_SHOWN} more packages"


def _sorted(value: object) -> object:
    """Return a value of an environment with its libraries sorted, since early runs recorded them unsorted."""
    return sorted(value, key=str) if isinstance(value, tuple) else value


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
