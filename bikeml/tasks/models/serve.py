"""Serve the model of a recorded run on this machine, with MLflow's own scoring application."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

import bikeml.destination.settings  # noqa: F401  for the server, which inherits this environment
from bikeml.config.fields import Name, Section
from bikeml.config.overrides import shell
from bikeml.config.schema import Config
from bikeml.records.tags import MODEL
from bikeml.system.processes import child
from bikeml.system.servers import HOST, check_port, explain_end, wait_until_it_answers
from bikeml.terminal.progress import progress

if TYPE_CHECKING:
    import pandas as pd


class Options(Section):
    """The keys of conf/task/serve.yaml."""

    run: Name
    port: Annotated[int, Field(ge=1, le=65535)]
    workers: Annotated[int, Field(ge=1)]


def serve(config: Config, options: Options) -> None:
    """
    Serve the model of a run at 127.0.0.1 and options.port until an interrupt, and leave no process behind.

    One worker is this process; more of them are processes of their own, which answer in turns. Raises ServeError if the
    port is taken or the workers end by themselves, and RunNotFoundError, ModelFileError, ConfigError and TrackingError
    as for every recorded model.
    """
    check_port(options.port)
    from bikeml.experiment.model_folder import read_example
    from bikeml.recorded.model import fetch_checked
    from bikeml.terminal import tables
    from bikeml.tracking import lookup
    from bikeml.tracking.application import answer

    with TemporaryDirectory(prefix="bikeml-") as folder:
        with progress() as announce:
            announce("looking for the run")
            run = lookup.find(config, options.run)
            announce("checking the model")
            with run.named_in_errors():
                model, pipeline = fetch_checked(run, Path(folder))
                example = read_example(model)

        def tell() -> None:
            tables.show_facts(_describe(run.title, options.port, example))
            sys.stdout.flush()  # a program that reads it through a pipe waits for the address

        if options.workers == 1:
            answer(model, pipeline, options.port, tell)
        else:
            _let_answer(model, run.tags[MODEL], options, Path(folder) / "server.log", tell)


def _describe(run: str, port: int, example: "pd.DataFrame") -> dict[str, str]:
    one = json.dumps({"dataframe_split": example.head(1).to_dict(orient="split", index=False)})
    address = f"http://{HOST}:{port}/invocations"
    return {
        "serving": f"run {run}",
        "address": address,
        "try": f"curl {address} -H 'Content-Type: application/json' -d {shell(one)}",
        "end": "Ctrl-C",
    }


def _let_answer(model: Path, sha256: str, options: Options, log: Path, tell: Callable[[], None]) -> None:
    """Let several processes answer requests, and end them with an interrupt."""
    from bikeml.tracking.application import SERVED, SERVED_SHA256

    with _workers({SERVED: str(model), SERVED_SHA256: sha256}, options, log) as server:
        with progress(lines=True) as announce:
            announce(f"starting {options.workers} workers")
            wait_until_it_answers(server, options.port, "/ping", log)
        tell()
        raise explain_end(server.wait(), log)


@contextmanager
def _workers(model: Mapping[str, str], options: Options, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    from bikeml.tracking.application import build_served

    factory = f"{build_served.__module__}:{build_served.__name__}"
    words = ["uvicorn", "--factory", factory, "--host", HOST, "--port", str(options.port), "--log-level", "warning"]
    words += ["--workers", str(options.workers)]
    with log.open("wb") as output, child(words, model, output) as server:
        yield server
