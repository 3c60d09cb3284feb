"""Register models in a workspace. Each content is uploaded once and found again by its hash; aliases are tags."""

import contextlib
import io
from pathlib import Path

from azure.ai.ml.entities import Model
from azure.core.exceptions import ResourceNotFoundError

from bikeml.azure.workspace.client import Workspace
from bikeml.azure.workspace.refusals import service_errors
from bikeml.experiment.model_folder import hash_folder
from bikeml.recorded.run import RecordedRun
from bikeml.records.tags import ALIAS_PREFIX, FINGERPRINT, MODEL, RUN
from bikeml.tracking.backends import Version


def run_tags(run: RecordedRun) -> dict[str, str]:
    """Return the tags that name the run of a model or a deployment."""
    return {RUN: run.run_id, FINGERPRINT: run.fingerprint}


class Models:
    """The registered models of a workspace; every method raises ServiceError."""

    def __init__(self, workspace: Workspace) -> None:
        self._client = workspace.ml_client

    def register(self, name: str, folder: Path, run: RecordedRun) -> tuple[str, bool]:
        """Return the version of `name` that holds the run's model in `folder`, and whether it was made just now."""
        content = hash_folder(folder)
        for known in self.versions(name):
            if _tags(known).get(MODEL) == content:
                return str(known.version), False
        # the client writes its colours even if it shows no progress
        with service_errors(f"register the model {name!r}"), contextlib.redirect_stderr(io.StringIO()):
            model = Model(name=name, path=folder, type="mlflow_model", tags={**run_tags(run), MODEL: content})
            return str(self._client.models.create_or_update(model).version), True

    def versions(self, name: str) -> list[Model]:
        """Return the versions of a model that are not archived; empty if there is no such model."""
        with service_errors(f"list the versions of model {name!r}"):
            try:
                return list(self._client.models.list(name=name))
            except ResourceNotFoundError:
                return []

    def names(self) -> list[str]:
        """Return the names of all registered models."""
        with service_errors("list the models"):
            return [str(model.name) for model in self._client.models.list()]

    def find(self, name: str, number: str) -> Version | None:
        """Return a version that is not archived, or None."""
        return next((_describe(model) for model in self.versions(name) if str(model.version) == number), None)

    def find_aliased(self, name: str, alias: str) -> Version | None:
        """Return the version of a model that has the alias, or None."""
        tag = ALIAS_PREFIX + alias
        return next((_describe(model) for model in self.versions(name) if tag in _tags(model)), None)

    def list_aliases(self, name: str) -> list[tuple[Version, str]]:
        """Return the aliases of a model, each with its version."""
        tagged = ((_describe(model), tag) for model in self.versions(name) for tag in sorted(_tags(model)))
        return [(version, tag.removeprefix(ALIAS_PREFIX)) for version, tag in tagged if tag.startswith(ALIAS_PREFIX)]

    def set_alias(self, name: str, alias: str, version: str) -> str | None:
        """Give the alias to a version alone, and return the one that had it before."""
        tag = ALIAS_PREFIX + alias
        models = {str(model.version): model for model in self.versions(name)}
        before = sorted(number for number, model in models.items() if tag in _tags(model))
        if before == [version]:
            return version
        with service_errors(f"move the alias {alias!r} of model {name!r}"):
            _tags(models[version])[tag] = "true"
            self._client.models.create_or_update(models[version])
            for number in before:  # afterwards, so that some version always has the alias
                if number != version:
                    del _tags(models[number])[tag]
                    self._client.models.create_or_update(models[number])
        return next((number for number in before if number != version), None)

    def fetch(self, name: str, version: str, folder: Path) -> Path:
        """Bring a version's files below `folder` and return the folder of its MLmodel."""
        with service_errors(f"fetch the model {name}:{version}"), contextlib.redirect_stdout(io.StringIO()):
            self._client.models.download(name, version, folder)
        return next(folder.rglob("MLmodel")).parent


def _describe(model: Model) -> Version:
    return Version(str(model.name), str(model.version), _tags(model).get(RUN))


def _tags(model: Model) -> dict[str, str]:
    model.tags = model.tags or {}
    return model.tags
