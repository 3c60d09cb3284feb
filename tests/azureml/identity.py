"""The token endpoint of Microsoft Entra ID: real JWTs that this service signs, and checks on every call."""

import secrets
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import jwt
from jwt.types import Options

from tests.azureml.wire import Call, Json, Refusal, Reply, Router

HOST = "login.microsoftonline.com"
CLIENT_ID = "11111111-1111-4111-8111-111111111111"
MANAGEMENT = ("https://management.azure.com", "https://management.core.windows.net")
UNTIMED: Options = {"verify_aud": False, "verify_exp": False, "verify_iat": False, "verify_nbf": False}
WORKSPACE = (*MANAGEMENT, "https://ml.azure.com")  # the data plane takes Resource Manager's tokens as well


class Identity:
    """
    One tenant with one application.

    Attributes
    ----------
    lifetime_seconds : int
        Of the tokens given out from now on.
    skew_seconds : float
        How far the service's clock is ahead of the client's when it looks at a token's times.
    now : callable
        The service's clock, the machine's by default; for tests that move the time of both sides.

    """

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.secret = secrets.token_urlsafe(24)
        self.lifetime_seconds = 3600
        self.skew_seconds = 0.0
        self.now: Callable[[], float] = time.time
        self.issued = 0
        self._key = secrets.token_bytes(32)
        self._revoked: set[str] = set()
        self._live: set[str] = set()
        self._lock = threading.Lock()

    def reset(self) -> None:
        """Go back to the defaults; tokens stay as they are."""
        self.lifetime_seconds, self.skew_seconds, self.issued, self.now = 3600, 0.0, 0, time.time

    def issue(self, audience: str, lifetime_seconds: float | None = None) -> str:
        """Return a signed token for an audience ("https://management.azure.com")."""
        now, token_id = int(self.now()), uuid.uuid4().hex
        lifetime = self.lifetime_seconds if lifetime_seconds is None else lifetime_seconds
        claims = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{self.tenant}/",
            "tid": self.tenant,
            "appid": CLIENT_ID,
            "oid": CLIENT_ID,
            "ver": "1.0",
            "uti": token_id,
            "iat": now,
            "nbf": now - 300,
            "exp": now + int(lifetime),
        }
        with self._lock:
            self.issued += 1
            self._live.add(token_id)
        return jwt.encode(claims, self._key, algorithm="HS256")

    def expire_all(self) -> None:
        """Let every token given out so far count as expired, whatever its own claim says."""
        with self._lock:
            self._revoked |= self._live
            self._live.clear()

    def check(self, headers: Mapping[str, str], audiences: tuple[str, ...]) -> Json:
        """Return the claims of the request's bearer token, or refuse with 401."""
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise self._refuse("AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
        try:
            claims: Json = jwt.decode(token, self._key, ["HS256"], options=UNTIMED)
        except jwt.InvalidTokenError as error:
            raise self._refuse("InvalidAuthenticationToken", f"The access token is invalid: {error}") from error
        if claims["exp"] <= self.now() + self.skew_seconds or claims["uti"] in self._revoked:
            raise self._refuse("ExpiredAuthenticationToken", "The access token expiry UTC time is earlier than now.")
        if claims["nbf"] > self.now():
            raise self._refuse("InvalidAuthenticationToken", "The access token is not yet valid.")
        if claims["aud"].rstrip("/") not in audiences:
            message = f"The access token is for the wrong audience '{claims['aud']}'"
            raise self._refuse("InvalidAuthenticationTokenAudience", message)
        return claims

    def _refuse(self, code: str, message: str) -> Refusal:
        challenge = (
            f'Bearer authorization_uri="https://{HOST}/{self.tenant}", error="invalid_token", '
            f'error_description="{message}"'
        )
        return Refusal(401, code, message, {"WWW-Authenticate": challenge})

    def router(self) -> Router:
        """Return the operations of the login host."""
        router = Router()
        router.add("login.discovery", "GET", "/common/discovery/instance", self._discovery)
        router.add("login.tenant", "GET", "/{tenant}/v2.0/.well-known/openid-configuration", self._configuration)
        router.add("login.token", "POST", "/{tenant}/oauth2/v2.0/token", self._token)
        return router

    def _discovery(self, _call: Call) -> Reply:
        aliases = [HOST, "login.windows.net", "login.microsoft.com", "sts.windows.net"]
        metadata = [{"preferred_network": HOST, "preferred_cache": "login.windows.net", "aliases": aliases}]
        endpoint = f"https://{HOST}/{self.tenant}/v2.0/.well-known/openid-configuration"
        return Reply(body={"tenant_discovery_endpoint": endpoint, "api-version": "1.1", "metadata": metadata})

    def _reject(self, status: int, error: str, reason: str) -> Reply:
        """Return a refusal in Entra's words: its number, and ids by which its support finds the request."""
        ids = f"Trace ID: {uuid.uuid4()} Correlation ID: {uuid.uuid4()} Timestamp: 2026-11-26 12:00:00Z"
        return Reply(status, {"error": error, "error_description": f"{reason} {ids}"})

    def _configuration(self, call: Call) -> Reply:
        if call.names["tenant"] != self.tenant:
            reason = f"AADSTS90002: Tenant '{call.names['tenant']}' not found. Check to make sure you have the correct tenant ID."
            return self._reject(400, "invalid_tenant", reason)
        base = f"https://{HOST}/{call.names['tenant']}"
        return Reply(
            body={
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "tenant_region_scope": "WW",
                "cloud_instance_name": "microsoftonline.com",
            }
        )

    def _token(self, call: Call) -> Reply:
        form: dict[str, Any] = call.body
        known = (call.names["tenant"], form.get("client_id"), form.get("client_secret"))
        if known != (self.tenant, CLIENT_ID, self.secret) or form.get("grant_type") != "client_credentials":
            return self._reject(
                401,
                "invalid_client",
                "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the "
                f"client secret value, not the client secret ID, for a secret added to app '{CLIENT_ID}'.",
            )
        audience = form["scope"].split()[0].removesuffix("/.default").rstrip("/")
        granted: Json = {
            "token_type": "Bearer",
            "expires_in": self.lifetime_seconds,
            "access_token": self.issue(audience),
        }
        return Reply(body=granted | {"ext_expires_in": self.lifetime_seconds})
