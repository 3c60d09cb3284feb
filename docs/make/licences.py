"""
List the licences of all that the lock installs, as each package states its own.

An environment has one version of a package, and the lock may have another for each Python. So a package of which this
environment has another version than the page names keeps the line of the page, as long as the lock has that version.
"""

import re
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLAIN, ALL = ROOT / "requirements.lock", ROOT / "requirements-all.lock"
PINNED = re.compile(r"^([\w.-]+)(?:\[.*\])?==([\w.+!-]+)", re.MULTILINE)
LINE = re.compile(r"^\| ([\w.-]+) \| ([\w.+!-]+) \| (.*?) \|", re.MULTILINE)
TOLD_ELSEWHERE = {
    "appnope": "BSD-2-Clause",  # this and the next of macOS; then two of Windows
    "xgboost": "Apache-2.0",
    "pywin32": "PSF-2.0",
    "waitress": "ZPL-2.1",
    "huey": "MIT",  # this and the next only in their file LICENSE
    "skops": "MIT",
}
"""The licences of packages that are not installed on Linux, or do not state one in their metadata."""
WITH_CONDITIONS = re.compile("MPL|GPL|Mozilla")


def describe_licences(page: str) -> str:
    """Return the generated part of the page: a line for each package of the lock; `page` has the earlier lines."""
    plain, earlier = read_lock(PLAIN), {name: (version, licence) for name, version, licence in LINE.findall(page)}
    rows = [(name, *_find(name, versions, earlier)) for name, versions in read_lock(ALL).items()]
    strict = [f"{name} ({licence})" for name, _, licence in rows if WITH_CONDITIONS.search(licence)]
    return "\n".join(
        [
            f"{len(rows)} packages; those with conditions on changed files, or with a choice: {', '.join(strict)}.",
            "",
            "| package | version | licence | installed |",
            "| --- | --- | --- | --- |",
            *(
                f"| {' | '.join(row)} | {'always' if row[0] in plain else 'with extras, or for tests'} |"
                for row in rows
            ),
            "",
        ]
    )


def read_lock(file: Path) -> dict[str, list[str]]:
    """Return the packages of a lock file, each with its versions: there can be one for each Python."""
    found: dict[str, list[str]] = {}
    for name, version in PINNED.findall(file.read_text(encoding="utf-8")):
        found.setdefault(name, []).append(version)
    return found


def _find(name: str, versions: list[str], earlier: Mapping[str, tuple[str, str]]) -> tuple[str, str]:
    """Return a version of a package that the lock has, and the licence of that version."""
    try:
        installed = distribution(name)
    except PackageNotFoundError:
        installed = None
    before = earlier.get(name)
    is_kept = before is not None and before[0] in versions and (installed is None or installed.version != before[0])
    if before is not None and is_kept:
        return before
    if installed is None or installed.version not in versions:
        return versions[-1], TOLD_ELSEWHERE.get(name, "not known")
    return installed.version, TOLD_ELSEWHERE.get(name) or _state(installed)


def _state(installed: Distribution) -> str:
    """Return what a package says of its licence: the expression, or its classifiers, or the first line of its text."""
    return next(filter(None, _list_statements(installed)), "not known").replace("|", "or")


def _list_statements(installed: Distribution) -> Iterator[str]:
    data = installed.metadata
    yield data.get("License-Expression", "")
    classifiers = [each.split(" :: ")[-1] for each in data.get_all("Classifier", []) if each.startswith("License ::")]
    yield " or ".join(name for name in classifiers if name not in ("OSI Approved", "DFSG approved"))
    yield (data.get("License", "").strip().splitlines() or [""])[0][:60]
