"""
Install what a job needs in an environment that was not made for bikeml.

The command of a job begins with ``python -m bikeml.azure.launch.packages``. Such an environment has Python and pip, and
perhaps nothing else, so this module imports only the standard library.
"""

import importlib
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

FILE = "requirements.txt"
"""Beside bikeml in the code of a job: the Python that it needs, and a line for each package."""
PIP = ("-m", "pip", "install", "--no-deps", "--no-input", "--quiet", "--disable-pip-version-check")

MANY = 5  # packages are named


def write(folder: Path, lines: Iterable[str]) -> None:
    """Write the packages of a job, name==version each, and the Python version of this process."""
    (folder / FILE).write_text("\n".join([_python(), *lines, ""]), encoding="utf-8")


def install(file: Path) -> int:
    """Install the packages that are missing or have another version; return 0, or print what failed and return 1."""
    python, *lines = file.read_text(encoding="utf-8").splitlines()
    if python != _python():
        return _fail(
            f"the environment has {_python()[2:]}, and the sweep was submitted with {python[2:]}; choose another "
            "azure.environment, or submit with its Python"
        )
    differing = list(_differ(lines))
    if not differing:
        return 0
    print(f"installing {len(differing)} packages: {' '.join(differing)}", flush=True)  # noqa: T201  into the job's log
    done = subprocess.run([sys.executable, *PIP, *differing], stderr=subprocess.PIPE, text=True, check=False)
    importlib.invalidate_caches()
    missing = [f"{line} (there is {_version(line) or 'none'})" for line in _differ(lines)]
    if missing:
        more = f" and {len(missing) - MANY} more" if len(missing) > MANY else ""
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        return _fail(f"pip did not install {', '.join(missing[:MANY])}{more}; it said last: {said}")
    return 0


def _differ(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines whose package is missing, or has another version."""
    for line in lines:
        wanted, found = line.partition("==")[2], _version(line)
        if found is None or wanted not in ("", found):
            yield line


def _version(line: str) -> "str | None":
    """Return the installed version of a line's package, or None."""
    try:
        return metadata.version(re.split("[=<>!~]", line)[0])
    except metadata.PackageNotFoundError:
        return None


def _python() -> str:
    return f"# Python {sys.version_info[0]}.{sys.version_info[1]}"


def _fail(reason: str) -> int:
    print(f"bikeml: {reason}", file=sys.stderr)  # noqa: T201
    return 1


if __name__ == "__main__":
    sys.exit(install(Path(FILE)))
