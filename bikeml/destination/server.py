"""
Ask an MLflow server before a fit whether it is going to take the run.

It is one request. MLflow's own client takes seconds to import, and asks a server that is not there again and again.
"""

import configparser
import os
from http import HTTPStatus
from importlib.metadata import entry_points
from pathlib import Path
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

from bikeml.config.overrides import shell
from bikeml.config.schema import TrackingConfig
from bikeml.errors import TrackingError
from bikeml.system.documents import parse_json
from bikeml.system.printable import program
from bikeml.system.redaction import redact

if TYPE_CHECKING:
    from requests import Response

CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 20.0
TIMEOUT = "MLFLOW_HTTP_REQUEST_TIMEOUT"
USERNAME, PASSWORD, TOKEN = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"
LOGIN = f"set {USERNAME} and {PASSWORD}, or {TOKEN}, which MLflow reads"
OTHER_LOGINS = ("MLFLOW_TRACKING_AUTH", "MLFLOW_TRACKING_AWS_SIGV4", "MLFLOW_WORKSPACE")
"""The variables that change what MLflow's client sends in ways that only it knows."""
CREDENTIALS = Path("~/.mlflow/credentials")
"""The file in which MLflow looks for a name and a password too."""
BUSY = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)


def ask_server(tracking: TrackingConfig) -> str | None:
    """
    Return why the server of `tracking` cannot be reached; None if it can, or if the store is no server.

    Raises TrackingError if it refuses this user, if it is not MLflow's, or if the experiment is deleted there.
    """
    uri = str(tracking.uri)
    if not uri.startswith(("http:", "https:")) or _has_other_login():
        return None
    import requests  # noqa: PLC0415  only a server needs it

    try:
        answer = _ask(tracking)
    except requests.RequestException as error:
        return _say(uri, "cannot be reached", f": {type(error).__name__}")
    except OSError as error:  # a certificate that is not there
        raise TrackingError(f"cannot ask {redact(uri)!r}: {error}; correct MLFLOW_TRACKING_*_CERT_PATH") from error
    if answer.status_code in BUSY or answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _say(uri, f"answers {answer.status_code} {answer.reason}")
    _check(answer, tracking)
    return None


def explain_deleted(uri: str, name: str, experiment_id: str) -> str:
    """Return that an experiment is deleted, and the command that restores it."""
    command = f"MLFLOW_TRACKING_URI={shell(redact(uri))} mlflow experiments restore --experiment-id {experiment_id}"
    return (
        f"the experiment {name!r} of {redact(uri)!r} is deleted; restore it with: {command}\n"
        "or set tracking.experiment_name to another"
    )


def _has_other_login() -> bool:
    """Return whether MLflow's client would send what only it knows: then nothing is asked."""
    plugins = entry_points(group="mlflow.request_header_provider")
    has_header = any(not plugin.value.startswith("azureml.") for plugin in plugins)  # Azure's adds none elsewhere
    return has_header or any(map(os.environ.get, OTHER_LOGINS))


def _say(uri: str, what: str, reason: str = "") -> str:
    return (
        f"the server at {redact(uri)!r} {what}{reason}; the run goes on, and its folder can be recorded later with "
        f"{program()} record FOLDER"
    )


def _ask(tracking: TrackingConfig) -> "Response":
    import requests  # noqa: PLC0415

    by_id = tracking.experiment_id is not None
    parameters = {"experiment_id": tracking.experiment_id} if by_id else {"experiment_name": tracking.experiment_name}
    token = os.environ.get(TOKEN)
    login = _read_login()
    return requests.get(
        f"{str(tracking.uri).rstrip('/')}/api/2.0/mlflow/experiments/{'get' if by_id else 'get-by-name'}",
        params=parameters,
        headers={"Authorization": f"Bearer {token}"} if token and not login else {},
        auth=login,
        timeout=(CONNECT_SECONDS, float(os.environ.get(TIMEOUT) or ANSWER_SECONDS)),
        verify=os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH") or not _is_set("MLFLOW_TRACKING_INSECURE_TLS"),
        cert=os.environ.get("MLFLOW_TRACKING_CLIENT_CERT_PATH"),
    )


def _read_login() -> tuple[str, str] | None:
    """Return the name and the password that MLflow's client would send; None if one of them is missing."""
    file = configparser.ConfigParser(interpolation=None)
    try:
        file.read(CREDENTIALS.expanduser())
    except (configparser.Error, RuntimeError):  # MLflow says it; there may be no home
        return None
    kept = dict(file["mlflow"]) if "mlflow" in file else {}
    found = [os.environ.get(name) or kept.get(name.lower()) for name in (USERNAME, PASSWORD)]
    return (found[0], found[1]) if found[0] and found[1] else None


def _is_set(name: str) -> bool:
    return os.environ.get(name, "").lower() in ("true", "1")


def _check(answer: "Response", tracking: TrackingConfig) -> None:
    """Raise TrackingError if the answer is not that of an MLflow server that takes the run."""
    uri = redact(str(tracking.uri))
    if answer.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise TrackingError(
            f"the server at {uri!r} refuses this user ({answer.status_code} {answer.reason}); {LOGIN}, or choose "
            "tracking=none"
        )
    said = _parse(answer)
    found = said.get("experiment", {})
    if not isinstance(found, dict) or not {"experiment", "error_code"} & said.keys():
        kind = answer.headers.get("Content-Type", "no type").partition(";")[0]
        raise TrackingError(
            f"the server at {uri!r} is not MLflow's: it answers {answer.status_code} {answer.reason} with {kind}; "
            "check tracking.uri, of which the path counts too"
        )
    if tracking.experiment_id is not None and not found and answer.status_code == HTTPStatus.NOT_FOUND:
        raise TrackingError(f"{uri!r} has no experiment {tracking.experiment_id}; set tracking.experiment_name")
    if found.get("lifecycle_stage") == "deleted":
        raise TrackingError(explain_deleted(uri, str(found.get("name")), str(found.get("experiment_id"))))


def _parse(answer: "Response") -> dict[str, Any]:
    try:
        said = parse_json(answer.content)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def is_raised_by_mlflow(error: Exception) -> bool:
    """Tell whether MLflow raised an error: any, from AttributeError to RecursionError, at an answer of another form."""
    modules = [str(frame.f_globals.get("__name__")).split(".")[0] for frame, _ in walk_tb(error.__traceback__)]
    return [name for name in modules if name in ("bikeml", "mlflow")][-1:] == ["mlflow"]
