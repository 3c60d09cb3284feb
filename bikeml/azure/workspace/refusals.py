"""Turn the errors of azure's libraries into ServiceErrors that say whether to ask again, and what a user can do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from azure.ai.ml.exceptions import MlException
from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError
from azure.identity import CredentialUnavailableError

from bikeml.azure.jobs.service import QuotaError, ServiceError
from bikeml.system.redaction import redact

REFUSED_LOGIN = re.compile(r"(?:Authentication failed: |(?=AADSTS\d))(\S.*?)\.?\s*(?:Trace ID:|[\r\n]|$)")
"""The words of azure-identity and Entra for a refused login, before the ids of the request."""
TEMPORARY = frozenset({408, 429, 500, 502, 503, 504})


@contextmanager
def service_errors(what: str) -> Iterator[None]:
    """Raise the errors of azure's libraries in the block as a ServiceError that begins with `what` cannot be done."""
    try:
        yield
    except ServiceError:
        raise
    except (ClientAuthenticationError, CredentialUnavailableError) as error:
        raise ServiceError(
            f"cannot {what}: the login is not accepted: {login_reason(error) or first_line(error)}; run az login",
            temporary=False,
        ) from error
    except HttpResponseError as error:
        if is_quota(error) and error.status_code not in TEMPORARY:
            raise QuotaError(
                f"cannot {what}: {reason(error)}; ask for more in the Studio under Quota, or lower "
                "azure.compute.max_instances"
            ) from error
        raise ServiceError(f"cannot {what}: {reason(error)}", temporary=error.status_code in TEMPORARY) from error
    except AzureError as error:  # no answer, or half of one
        raise ServiceError(
            f"cannot {what}: {first_line(error)}", temporary=not isinstance(error, MlException)
        ) from error


def is_quota(error: HttpResponseError) -> bool:
    """Whether a quota is full: services have codes of their own for it, such as ClusterCoreQuotaReached."""
    code = error.error.code if error.error else ""
    return "quota" in f"{code} {error.message}".lower()


def reason(error: HttpResponseError) -> str:
    """Return what the service says, in one line and without secrets."""
    message = error.error.message if error.error else error.message
    return redact(str(message or error.reason).strip().splitlines()[0])


def login_reason(error: Exception) -> str | None:
    """Return why an existing login is refused, without secrets; None if there is no login."""
    found = REFUSED_LOGIN.search(str(error))
    return redact(found[1]) if found else None


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, without secrets, or its type if it has no message."""
    return redact(str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__)
