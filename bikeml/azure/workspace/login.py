"""Log in to Azure: with an existing login, or else in a browser."""

import sys
import time
from functools import cache
from threading import Lock
from typing import Any

from azure.core.credentials import AccessToken, TokenCredential
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CredentialUnavailableError, DefaultAzureCredential, InteractiveBrowserCredential

from bikeml.azure.jobs.service import ServiceError
from bikeml.azure.workspace.refusals import first_line, login_reason

MANAGEMENT_SCOPE = "https://management.azure.com/.default"
RENEW_SECONDS = 300
"""How long before its end a token is renewed."""


class CachedCredential:
    """A credential that is asked once per scope and token: azure-ai-ml asks it for each job that it returns."""

    def __init__(self) -> None:
        """Look for a login; raises ServiceError if a variable of one is empty or invalid."""
        try:
            self._credential: TokenCredential = DefaultAzureCredential()
        except ValueError as error:
            raise _refused(first_line(error)) from error
        self._tokens, self._lock = dict[tuple[str, ...], AccessToken](), Lock()

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:  # noqa: ANN401  azure's own signature
        """Return a token that is good for some minutes."""
        with self._lock:
            token = self._tokens.get(scopes)
            if token is None or token.expires_on - time.time() < RENEW_SECONDS or options.get("claims"):
                token = self._tokens[scopes] = self._credential.get_token(*scopes, **options)
            return token

    def log_in(self) -> None:
        """
        Find a login that works; try the browser last, and only on a terminal.

        Raises ServiceError if there is no login, or the existing one is refused.
        """
        try:
            self.get_token(MANAGEMENT_SCOPE)
        except (ClientAuthenticationError, CredentialUnavailableError) as error:
            if reason := login_reason(error):
                raise _refused(reason) from error
            if not sys.stdin.isatty():
                raise ServiceError(
                    "nobody is logged in to Azure here; run az login, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and "
                    f"AZURE_CLIENT_SECRET of an application ({first_line(error)})",
                    temporary=False,
                ) from error
            self._credential = InteractiveBrowserCredential()


def _refused(reason: str) -> ServiceError:
    return ServiceError(
        f"the login to Azure is refused: {reason}; check AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET "
        "if they are set, or else run az login",
        temporary=False,
    )


@cache
def shared_credential() -> CachedCredential:
    """Return the credential of this process, so that nobody is sent to a browser twice."""
    return CachedCredential()
