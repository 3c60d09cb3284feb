"""Connect to the workspace that the config or a config.json names."""

import json
import logging
from pathlib import Path
from typing import Any, cast

from azure.ai.ml import MLClient
from azure.ai.ml._artifacts import _blob_storage_helper, _gen2_storage_helper
from azure.ai.ml.exceptions import MlException

from bikeml.azure.jobs.service import ServiceError
from bikeml.azure.workspace.client import Workspace
from bikeml.azure.workspace.login import CachedCredential, shared_credential
from bikeml.azure.workspace.refusals import service_errors
from bikeml.config.azure import AzureConfig
from bikeml.errors import ConfigError
from bikeml.system.documents import read_json
from bikeml.system.files import write_text

CONFIG_FILE = "config.json"
RETRIES: dict[str, Any] = {
    **dict.fromkeys(("retry_total", "retry_status", "retry_connect", "retry_read"), 6),
    "retry_backoff_max": 30,  # seconds
}
"""For each request; Retry-After is obeyed. By default azure-core gives up after three refusals."""


def connect(config: AzureConfig) -> Workspace:
    """
    Return the workspace that the config, or else a config.json here or above, names.

    Raises ServiceError if none is named, or nobody is logged in.
    """
    client, credential = _log_in(config)
    return Workspace(client, credential, config)


def configure(config: AzureConfig) -> str:
    """
    Write the names of the workspace to config.json for the next command, if it answers; return a line that says so.

    Raises ConfigError if the config names no workspace, or config.json another one, and ServiceError as
    :func:`connect`.
    """
    names = {key: getattr(config, key) for key in ("subscription_id", "resource_group", "workspace_name")}
    if not all(names.values()):  # all three are set, or none
        settings = " ".join(f"azure.{key}=NAME" for key in names)
        raise ConfigError(f"there are no names to write to {CONFIG_FILE}; set them: {settings}")
    file = Path(CONFIG_FILE)
    if file.exists() and _read_json(file) != names:
        raise ConfigError(f"{CONFIG_FILE} names something else; move it away, or work in another folder")
    client, _ = _log_in(config)
    with service_errors("find the workspace"):
        client.workspaces.get(config.workspace_name)
    try:
        write_text(file, json.dumps(names, indent=2) + "\n")
    except OSError as error:
        raise ConfigError(f"cannot write {CONFIG_FILE}: {error}; work in a folder that can be written") from error
    return f"{CONFIG_FILE} names {config.workspace_name} of {config.resource_group}"


def _log_in(config: AzureConfig) -> tuple[MLClient, CachedCredential]:
    _silence()
    credential = shared_credential()
    client = _find_workspace(config, credential)  # makes no request: if no workspace is named, a login does not help
    credential.log_in()
    return client, credential


def _silence() -> None:
    """Keep the messages of azure's libraries off the terminal; show_progress=False does not stop them."""
    for name in ("azure", "azure.ai.ml"):  # they log each request with its headers, and logins that were not used
        logging.getLogger(name).setLevel(logging.CRITICAL)
    logging.getLogger("azure").propagate = False  # those below that have a level of their own
    for helper in (_blob_storage_helper, _gen2_storage_helper):  # a colour's end and blank lines (azure-ai-ml 1.35)
        vars(helper)["print"] = lambda *_, **__: None


def _find_workspace(config: AzureConfig, credential: CachedCredential) -> MLClient:
    names = (config.subscription_id, config.resource_group, config.workspace_name)
    with service_errors("find the workspace"):
        if all(names):
            return MLClient(credential, *names, show_progress=False, **RETRIES)
        try:
            return MLClient.from_config(credential, show_progress=False, **RETRIES)
        except MlException as error:
            raise ServiceError(
                "no config.json names a workspace, here or in a folder above; download it in the Studio, or set "
                "azure.subscription_id, azure.resource_group and azure.workspace_name",
                temporary=False,
            ) from error


def _read_json(file: Path) -> object:
    try:
        return cast(object, read_json(file))
    except (OSError, ValueError):
        return None
