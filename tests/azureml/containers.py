"""
What runs in the container of a deployment: azureml-inference-server-http with a scoring script, for real.

install.py puts the server into a folder of its own, which goes before this interpreter's packages. A container finds
links to the packages that its environment names, with what these need, and nothing else.
"""

import http.client
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import yaml

from tests.azureml.environments import check_definition, find_distribution, with_dependencies
from tests.azureml.processes import ChildError, Kept

FOLDER = Path(__file__).parent
SERVER = FOLDER / ".server"
NO_CODE = "nocode.py"
"""The stand-in for the scoring script that Azure ML has for MLflow models."""


def missing() -> str | None:
    """Return why no container can run here and what to do, or None."""
    if not (SERVER / ".installed").exists():
        return "Azure ML's inference server is not installed; run python -m tests.azureml.install"
    return None


@dataclass(frozen=True)
class Container:
    """A folder with the model below models/, and the code that is to run beside it."""

    folder: Path
    model: Path
    code: Path
    script: str
    conda: str

    def start(self, port: int, variables: Mapping[str, str]) -> Kept:
        """Start the server; raises EnvironmentMismatch where the environment is another than the one here."""
        places = self._install(check_definition(self.conda, str(SERVER)))
        path = os.pathsep.join(filter(None, [variables.get("PYTHONPATH"), *map(str, places)]))
        env = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "AML_APP_ROOT": str(self.code),
            "AZUREML_MODEL_DIR": str(self.model.parent),
            "MLFLOW_MODEL_FOLDER": self.model.name,
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        # -S: the packages around this interpreter are not the container's
        command = [sys.executable, "-S", "-m", "azureml_inference_server_http"]
        command += ["--entry_script", str(self.code / self.script), "--port", str(port)]
        return Kept(command, self.folder / "server.log", env | variables | {"PYTHONPATH": path}, self.folder)

    def _install(self, named: frozenset[str]) -> list[Path]:
        """Link what is named, and what that needs, from the server's folder and from this interpreter's packages."""
        places = [self.folder / "server", self.folder / "packages"]
        for place in places:
            place.mkdir()
        for name in with_dependencies(named, str(SERVER)):
            if distribution := find_distribution(name, str(SERVER)):
                source = Path(str(distribution.locate_file("")))
                place = places[source.resolve() != SERVER.resolve()]
                for top in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
                    if not (place / top).exists():
                        (place / top).symlink_to(source / top)
        return places


def wait_until_live(process: Kept, port: int, timeout: float) -> None:
    """Probe a server until it is live; raises ChildError with its last words if it ends or takes too long."""
    deadline = time.monotonic() + timeout
    while process.poll() is None and time.monotonic() < deadline:
        if _is_live(port):
            return
        time.sleep(0.05)
    raise ChildError(f"the container is not live; it said:\n{process.tail()}")


def _is_live(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def no_code(folder: Path, model: Path) -> Container:
    """
    Return the container that the service makes for an MLflow model without code and environment.

    It installs what the model's conda.yaml asks for and its server, and nothing else (azureml-assets #4579).
    """
    conda = yaml.safe_load((model / "conda.yaml").read_text())
    (pip,) = (part["pip"] for part in conda["dependencies"] if isinstance(part, dict))
    server = "azureml-inference-server-http"
    (found,) = metadata.distributions(name=server, path=[str(SERVER)])
    pip.append(f"{server}=={found.version}")
    return Container(folder, model, FOLDER, NO_CODE, yaml.safe_dump(conda))
