"""Serve the model of a recorded run on this machine, with MLflow's own scoring server."""

import json
import os
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
from bikeml.config.overrides import shell
from bikeml.config.schema import Config
from bikeml.system.processes import child
from bikeml.system.servers import HOST, check_port, explain_end, wait_until_it_answers
from bikeml.terminal.progress import progress

if TYPE_CHECKING:
    import pandas as pd


class Options(Section):
    """The keys of conf/task/serve.yaml."""

    run: Name
    port: Annotated[int, Field(ge=1, le=65535)]


def serve(config: Config, options: Options) -> None:
    """
    Serve the model of a run at 127.0.0.1 and options.port until an interrupt, and leave no process behind.

    Raises ServeError if the port is taken or the server ends by itself, and RunNotFoundError, ModelFileError,
    ConfigError and TrackingError as for every recorded model.
    """
    check_port(options.port)
    from bikeml.experiment.model_folder import read_example
    from bikeml.terminal import tables
    from bikeml.tracking import lookup
    from bikeml.tracking.models import fetch_checked

    with TemporaryDirectory(prefix="bikeml-") as folder:
        with progress() as announce:
            announce("looking for the run")
            run = lookup.find(config, options.run)
            announce("checking the model")
            with run.named_in_errors():
                model, _ = fetch_checked(run, Path(folder))
                example = read_example(model)
        log = Path(folder) / "server.log"
        with _server(model, options.port, log) as server:
            with progress(lines=True) as announce:
                announce("starting the server")
                wait_until_it_answers(server, options.port, "/ping", log)
            tables.show_facts(_describe(run.title, options.port, example))
            sys.stdout.flush()  # a program that reads it through a pipe waits for the address
            raise explain_end(server.wait(), log)


def _describe(run: str, port: int, example: "pd.DataFrame") -> dict[str, str]:
    one = json.dumps({"dataframe_split": example.head(1).to_dict(orient="split", index=False)})
    address = f"http://{HOST}:{port}/invocations"
    return {
        "serving": f"run {run}",
        "address": address,
        "try": f"curl {address} -H 'Content-Type: application/json' -d {shell(one)}",
        "end": "Ctrl-C",
    }


@contextmanager
def _server(model: Path, port: int, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the scoring server while the block runs."""
    words = ["mlflow", "models", "serve", "-m", str(model), "--env-manager", "local"]
    words += ["--host", HOST, "--port", str(port)]
    # MLflow looks for its server's program on the PATH
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    with log.open("wb") as output, child(words, {"PATH": path}, output) as server:
        yield server
