"""Read the files that jobs left in a workspace's own store, with a secret that is valid for an hour."""

import time
from collections.abc import Callable
from http import HTTPStatus
from threading import Lock

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob import ContainerClient, StorageErrorCode

from bikeml.azure.jobs.pace import Clock
from bikeml.azure.jobs.service import ServiceError
from bikeml.azure.workspace.refusals import reason

SECRET_SECONDS = 45 * 60
"""How long a secret is used: azure-ai-ml 1.35 asks for one of an hour, and the service may answer with a SAS."""
REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


class Artifacts:
    """
    A store of blobs; it may be used from several threads.

    Parameters
    ----------
    open_store : callable
        Asks the workspace for a secret and returns the store, opened with it.
    """

    def __init__(self, open_store: Callable[[], ContainerClient], clock: Clock = time) -> None:
        self._open_store, self._clock = open_store, clock
        self._lock = Lock()
        self._store: ContainerClient | None = None
        self._opened = 0.0

    def read(self, path: str) -> bytes | None:
        """
        Return the content of a file, or None if there is no such file.

        If the secret is refused, ask once for a new one: it may have expired or been revoked. Raises ServiceError if
        the new one is refused too, and the errors of azure's libraries.
        """
        store = self._get(None)
        try:
            return _download(store, path)
        except HttpResponseError as error:
            if error.status_code not in REFUSED:
                raise
        store = self._get(refused=store)
        try:
            return _download(store, path)
        except HttpResponseError as error:
            if error.status_code not in REFUSED:
                raise
            raise ServiceError(
                f"the storage account {store.account_name} refuses the secret that the workspace has just handed out: "
                f"{reason(error)}; it may lack the role Storage Blob Data Reader, or a way through the firewall",
                temporary=False,
            ) from error

    def _get(self, refused: ContainerClient | None) -> ContainerClient:
        """Return the store; open it again if its secret is old, or if it is the `refused` one."""
        with self._lock:
            now = self._clock.monotonic()
            if self._store is None or self._store is refused or now - self._opened >= SECRET_SECONDS:
                self._store, self._opened = self._open_store(), now
            return self._store


def _download(store: ContainerClient, path: str) -> bytes | None:
    try:
        return bytes(store.download_blob(path).readall())
    except ResourceNotFoundError as error:
        if getattr(error, "error_code", None) != StorageErrorCode.BLOB_NOT_FOUND:
            raise  # if the container is missing, nothing is known of the job's files
        return None
