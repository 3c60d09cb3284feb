"""The store that MLflow itself provides, in a local file or on a server, with its registry of models."""

import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.exceptions import MlflowException

from bikeml.config.fields import LOCAL_STORE, absolute
from bikeml.config.overrides import override, shell
from bikeml.config.project import find_default_store
from bikeml.config.schema import Config
from bikeml.recorded.run import RecordedRun
from bikeml.records.params import OF_MLFLOW
from bikeml.records.tags import FINGERPRINT, MODEL_VERSIONS
from bikeml.system.documents import parse_json
from bikeml.system.printable import program
from bikeml.system.redaction import redact
from bikeml.tracking import store
from bikeml.tracking.backends import Registration, Store, Version

PAGE = 100


class MlflowStore(Store):
    """The store at a tracking.uri that MLflow itself supports; its methods raise STORE_ERRORS."""

    can_order = True
    limits = OF_MLFLOW
    takes_datasets = True
    takes_models = True
    holds_jobs = False
    job_run_id = None

    def __init__(self, config: Config) -> None:
        self._given = str(config.tracking.uri)

    @property
    def uri(self) -> str:
        return absolute(self._given)

    @property
    def override(self) -> str:
        return (
            ""
            if self._given in (LOCAL_STORE, find_default_store())
            else f" {shell(override('tracking.uri', redact(self._given)))}"
        )

    def look(self, experiment_id: str, run_id: str) -> str:
        if self._given.startswith("http"):
            return f"{redact(self._given.rstrip('/'))}/#/experiments/{experiment_id}/runs/{run_id}"
        return f"{program()} ui run={run_id}{self.override}"

    def models(self) -> list[str]:
        return sorted(str(model.name) for model in self._models())

    def version(self, name: str, number: str) -> Version | None:
        try:
            return _describe(self._client.get_model_version(name, number))
        except MlflowException as error:
            if error.error_code in store.ABSENT:
                return None
            raise

    def aliased(self, alias: str, name: str | None = None) -> list[Version]:
        names = [name] if name else [str(model.name) for model in self._models() if alias in model.aliases]
        found = (self._read_alias(each, alias) for each in sorted(names))
        return [_describe(version) for version in found if version is not None]

    def aliases(self) -> list[tuple[Version, str]]:
        named = ((str(model.name), str(alias)) for model in self._models() for alias in sorted(model.aliases))
        found = ((self._read_alias(name, alias), alias) for name, alias in named)
        return [(_describe(version), alias) for version, alias in found if version is not None]

    def register(self, run: RecordedRun, folder: Path, name: str, alias: str | None) -> Registration:  # noqa: ARG002
        with store.store_errors(self.uri, f"register the model of run {run.run_id}", store.ADVICE):
            version, is_new = self._find_or_make(run, name)
            previous = self._set_alias(name, alias, version) if alias else None
        return Registration(name, version, alias, previous, is_new)

    @cached_property
    def _client(self) -> MlflowClient:
        return store.connect(self.uri)

    def _models(self) -> Iterator[RegisteredModel]:
        token = None
        while True:
            page = self._client.search_registered_models(max_results=PAGE, page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    def _find_or_make(self, run: RecordedRun, name: str) -> tuple[str, bool]:
        found = self._client.search_model_versions(f"name = '{name}' and run_id = '{run.run_id}'")
        if found:
            return min((str(each.version) for each in found), key=int), False
        try:
            self._client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        model, tags = run.files.model, {FINGERPRINT: run.fingerprint}
        source, model_id = run.files.model_address, None if model is None else str(model.model_id)
        made = self._client.create_model_version(name, source, run.run_id, tags=tags, model_id=model_id)
        if model is not None:  # as mlflow.register_model does
            known = [
                *_parse_versions(model.tags.get(MODEL_VERSIONS, "[]")),
                {"name": name, "version": str(made.version)},
            ]
            self._client.set_logged_model_tags(str(model.model_id), {MODEL_VERSIONS: json.dumps(known)})
        return str(made.version), True

    def _set_alias(self, name: str, alias: str, version: str) -> str | None:
        before = self._read_alias(name, alias)
        previous = None if before is None else str(before.version)
        if previous != version:
            self._client.set_registered_model_alias(name, alias, version)
        return previous

    def _read_alias(self, name: str, alias: str) -> ModelVersion | None:
        try:
            return self._client.get_model_version_by_alias(name, alias)
        except MlflowException as error:
            if error.error_code in store.ABSENT:
                return None
            raise


def _describe(version: ModelVersion) -> Version:
    return Version(str(version.name), str(version.version), str(version.run_id) if version.run_id else None)


def _parse_versions(tag: str) -> list[object]:
    """Return the versions that a tag of a logged model lists; nothing if it was changed to something else."""
    try:
        known = parse_json(tag)
    except ValueError:
        return []
    return known if isinstance(known, list) else []
