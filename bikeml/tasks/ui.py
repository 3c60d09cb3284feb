"""Show MLflow's pages of a store, and where a run or a sweep stands on them."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

import bikeml.destination.settings  # noqa: F401  for the server, which inherits this environment
from bikeml.config.fields import Name, Section
from bikeml.config.schema import Config
from bikeml.system.processes import child
from bikeml.system.servers import HOST, check_port, explain_end, find_port, wait_until_it_answers
from bikeml.terminal.browser import open_page
from bikeml.terminal.progress import progress
from bikeml.terminal.tables import show_facts

if TYPE_CHECKING:
    from bikeml.tracking.lookup import Place

APP = "mlflow.server.fastapi_app:app"
VARIABLES = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
"""MLflow 3.15 would start job runners, which take seconds, and which outlive it."""


class Options(Section):
    """The keys of conf/task/ui.yaml."""

    run: Name
    port: Annotated[int, Field(ge=1, le=65535)] | None


def show_pages(config: Config, options: Options) -> None:
    """
    Print the address of a run's page, or of a sweep's; for a local store, serve the pages until an interrupt.

    No process is left behind. Raises ServeError if the port is taken or the server ends by itself, RunNotFoundError,
    ConfigError, TrackingError and ClusterError.
    """
    if options.port is not None:
        check_port(options.port)
    with progress() as announce:
        announce("looking for the run")
        from bikeml.tracking import lookup  # seconds of imports
        from bikeml.tracking.backends import open_store
        from bikeml.tracking.local.tables import address

        place, backend = lookup.find_place(config, options.run), open_store(config)
        look = backend.look(place.experiment_id, place.run_id)
    if look.startswith("http"):
        show_facts({"run": f"{place.run_id} ({place.name})", "page": look})
        if config.open:
            open_page(look)
        return
    port = options.port or find_port()
    with TemporaryDirectory(prefix="bikeml-") as folder:
        log = Path(folder) / "server.log"
        with _server(address(backend.uri), port, log) as server:
            with progress(lines=True) as announce:
                announce("starting MLflow's pages, which takes some seconds")
                wait_until_it_answers(server, port, "/health", log)
            facts = _describe(place, port)
            show_facts(facts)
            sys.stdout.flush()  # a program that reads it through a pipe waits for the address
            if config.open:
                open_page(facts["page"])
            raise explain_end(server.wait(), log)


def _describe(place: "Place", port: int) -> dict[str, str]:
    runs = f"http://{HOST}:{port}/#/experiments/{place.experiment_id}/runs"
    parent = {} if place.parent_run_id is None else {"nests in": f"{runs}/{place.parent_run_id}"}
    return {
        "run": f"{place.run_id} ({place.name})",
        "page": f"{runs}/{place.run_id}",
        **parent,
        "all runs": runs,
        "end": "Ctrl-C",
    }


@contextmanager
def _server(uri: str, port: int, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """
    Run MLflow's pages in one process, in the folder of the log, while the block runs.

    `mlflow server` would be two processes more, and import all of MLflow twice; it starts the same app with these.
    """
    words = ["uvicorn", APP, "--host", HOST, "--port", str(port), "--log-level", "warning"]
    variables = {**VARIABLES, "_MLFLOW_SERVER_FILE_STORE": uri, "_MLFLOW_SERVER_ARTIFACT_ROOT": log.parent.as_uri()}
    with log.open("wb") as output, child(words, variables, output, log.parent) as server:
        yield server
