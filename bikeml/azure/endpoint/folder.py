"""Prepare what serves a model at an endpoint: a folder with the scoring script, and an environment for it."""

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import skops.io
import yaml

from bikeml.azure.endpoint import score
from bikeml.azure.workspace.requirements import environment_version
from bikeml.experiment.model_file import hash_model, read_description
from bikeml.experiment.model_folder import REQUIREMENTS, hash_folder
from bikeml.experiment.trusted.mlmodel import FILE_NAME, PYTHON_ENV
from bikeml.system.documents import read_yaml

SCRIPT = Path(score.__file__).name
SERVER = "azureml-inference-server-http==1.5.1"
"""The server that Azure ML starts in the container; pip chooses the versions of its requirements."""
NOT_SERVED = "mlflow"
"""A requirement of the model's folder that the scoring script does not need; it would add a hundred packages."""


@dataclass(frozen=True)
class Served:
    """The code and the environment around a model."""

    code: Path
    """The folder of the scoring script."""
    conda: str
    image: str

    @property
    def version(self) -> str:
        """The version of the environment, a hash of its content."""
        return environment_version(self.conda, self.image)

    @property
    def sha256(self) -> str:
        """The sha256 of the code and the environment, in hex."""
        return hashlib.sha256(f"{self.version} {hash_folder(self.code)}".encode()).hexdigest()


def prepare(model: Path, folder: Path, image: str) -> Served:
    """Write the files that serve a checked `model` folder in a container of `image` to `folder`, and return them."""
    folder.mkdir()
    shutil.copyfile(score.__file__, folder / SCRIPT)
    contract = {
        "file": FILE_NAME,
        "sha256": hash_model(model),
        "inputs": dict(read_description(model).inputs),
        "trusted_types": sorted(skops.io.get_untrusted_types(file=model / FILE_NAME)),
    }
    (folder / score.CONTRACT).write_text(json.dumps(contract), encoding="utf-8")
    return Served(folder, _build_conda(model), image)


def _build_conda(model: Path) -> str:
    """Return the conda file of an environment with the package versions that fitted the model."""
    python = str(read_yaml(model / PYTHON_ENV)["python"])
    lines = (model / REQUIREMENTS).read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith(f"{NOT_SERVED}==")]
    dependencies = [f"python={'.'.join(python.split('.')[:2])}", "pip", {"pip": [*pins, SERVER]}]
    return yaml.safe_dump(
        {"name": "bikeml-serving", "channels": ["conda-forge"], "dependencies": dependencies}, sort_keys=False
    )
