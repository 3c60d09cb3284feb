"""Ask an endpoint for predictions of the rows of a request or of a table."""

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import pandas as pd
from azure.ai.ml.entities import ManagedOnlineEndpoint
from pydantic import Field

from bikeml.azure.endpoint.deployments import Deployments, no_deployment
from bikeml.azure.endpoint.endpoints import Endpoints, to_rows
from bikeml.azure.jobs.service import ServiceError
from bikeml.azure.workspace.connection import connect
from bikeml.azure.workspace.models import Models
from bikeml.config.azure import AzureName
from bikeml.config.data import DataConfig
from bikeml.config.fields import Name, Section
from bikeml.config.schema import Config
from bikeml.errors import DataError
from bikeml.experiment.model_file import ModelDescription, read_as_trained, read_description
from bikeml.system.documents import read_json
from bikeml.table.rows import UnknownValues, check_types, read_rows
from bikeml.terminal import tables
from bikeml.terminal.progress import Announce, progress

ROWS_PER_REQUEST = 1_000
"""A request to a managed endpoint may have 10 MB, and the time of azure.endpoint.request_settings."""
FORM = '{"input_data": {"columns": ["temp", ...], "data": [[0.3, ...], ...]}}'


class Options(Section):
    """The keys of conf/task/invoke.yaml."""

    request: Name | None
    endpoint: AzureName | None
    deployment: AzureName | None
    given: Annotated[list[str], Field(default_factory=list)]
    """The keys of data that the command line names."""


def invoke(config: Config, options: Options) -> None:
    """Print the answer of an endpoint, a JSON list with a prediction for each row; see :func:`ask`."""
    with progress() as announce:
        predictions, notes = ask(config, options, announce)
    for note in notes:
        tables.show_notice(note)
    print(json.dumps(predictions))


def ask(config: Config, options: Options, announce: Announce) -> tuple[list[Any], list[str]]:
    """
    Return the predictions of an endpoint for the rows of a JSON request, or else of the table at data.path.

    The columns and types are checked against the signature of the model before the rows are sent. Also return a line
    for each column with values that data.allowed does not list. Raises DataError and ClusterError; then no prediction
    is returned.
    """
    announce("looking at the endpoint")
    workspace = connect(config.azure)
    endpoints = Endpoints(workspace, announce)
    endpoint = endpoints.get(options.endpoint or endpoints.default_name())
    model = _describe_model(Deployments(workspace, announce), endpoint, options.deployment, Models(workspace))
    inputs, data = model.inputs, read_as_trained(config.data, model, options.given)
    request = [_read_request(Path(options.request), inputs, data)] if options.request else None
    rows = request or (chunk.X for chunk in read_rows(data, inputs))
    predictions: list[Any] = []
    unknown = UnknownValues(config.data.allowed)
    for chunk in rows:
        unknown.look_at(chunk)
        for first in range(0, len(chunk), ROWS_PER_REQUEST):
            announce("asking", len(predictions))
            part = chunk[list(inputs)].iloc[first : first + ROWS_PER_REQUEST]
            try:
                predictions += endpoints.ask(endpoint, to_rows(part), options.deployment)
            except ServiceError as error:
                asked = f"rows {len(predictions) + 1:,} to {len(predictions) + len(part):,}"
                raise ServiceError(
                    f"{error}; it was asked for {asked}, and no prediction is shown", temporary=False
                ) from error
    return predictions, list(unknown.describe())


def _describe_model(
    deployments: Deployments, endpoint: ManagedOnlineEndpoint, name: str | None, models: Models
) -> ModelDescription:
    """Return what the model behind a deployment takes, by default the one with most of the traffic."""
    traffic = endpoint.traffic
    name = name or max(filter(traffic.get, traffic), key=lambda each: traffic[each], default="")
    found = deployments.find(str(endpoint.name), name) if name in traffic else None
    if found is None:
        raise no_deployment(endpoint, name)
    model, _, version = found[0].model.rpartition(":")
    with TemporaryDirectory(prefix="bikeml-") as folder:
        return read_description(models.fetch(model, version, Path(folder)))


def _read_request(file: Path, inputs: Mapping[str, str], data: DataConfig) -> pd.DataFrame:
    """Return the rows of a request; values without names are in the order of the signature."""
    try:
        body = read_json(file)
        content = body["input_data"] if "input_data" in body else body["dataframe_split"]
        columns, cells = (content["columns"], content["data"]) if isinstance(content, dict) else ([*inputs], content)
        table = pd.DataFrame(cells, columns=columns, dtype=object)
    except OSError as error:
        raise DataError(f"request={str(file)!r} cannot be read: {error.strerror}; name a JSON file") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"request={str(file)!r} is not one that a model takes ({error}); write {FORM}") from error
    missing = [name for name in inputs if name not in table.columns]
    if missing or table.empty:
        lack = f"the columns {', '.join(missing)}" if missing else "rows"
        raise DataError(f"request={str(file)!r} lacks {lack}; the model takes {', '.join(inputs)}")
    return check_types(table, inputs, data, f"rows 1 to {len(table):,} of {str(file)!r}")
