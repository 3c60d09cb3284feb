"""What listSecrets answers: the account's key, or a SAS that ends in the service's own time."""

from itertools import count
from typing import Literal

from tests.azureml.blobs import Blobs
from tests.azureml.clock import Clock
from tests.azureml.wire import Json

POLICIES = 5
"""The blob store keeps so many policies a container: of more secrets alive, the oldest end early."""


class Secrets:
    """
    The secrets of the datastores.

    Attributes
    ----------
    kind : str
        "AccountKey", as recorded, or "Sas": the client asks for an expirable secret, and the service chooses.
    lifetime_seconds : float
        Of each SAS given out from now on, in the service's time; at 0 it has ended before it is used.

    """

    def __init__(self, clock: Clock, blobs: Blobs) -> None:
        self.clock, self.blobs = clock, blobs
        self.kind: Literal["AccountKey", "Sas"] = "AccountKey"
        self.lifetime_seconds = 3600.0
        self._numbers = count()
        self._live: dict[str, list[str]] = {}

    def issue(self, container: str) -> Json:
        """Return a secret for a container."""
        if self.kind == "AccountKey":
            return {"secretsType": "AccountKey", "key": self.blobs.key}
        name = f"secret-{next(self._numbers)}"
        if self.lifetime_seconds > 0:
            self._keep(container, [*self._live.get(container, []), name][-POLICIES:])
            self.clock.call_in(self.lifetime_seconds, lambda: self._end(container, name))
        return {"secretsType": "Sas", "sasToken": self.blobs.sign(container, name)}

    def _end(self, container: str, name: str) -> None:
        self._keep(container, [other for other in self._live[container] if other != name])

    def _keep(self, container: str, names: list[str]) -> None:
        self._live[container] = names
        self.blobs.set_policies(container, names)
