"""Build the request for a cell's job. Its command describes the cell independently of the job's machine."""

import shlex
from pathlib import Path

from bikeml.azure.jobs.limits import NAME
from bikeml.azure.jobs.service import Request
from bikeml.azure.launch.snapshot import CONFIG_FOLDER
from bikeml.config.composition import ALLOW_VARIABLE, is_all_allowed
from bikeml.multirun.composed import PlannedCell
from bikeml.records.params import shorten
from bikeml.records.run import FINGERPRINT
from bikeml.system.redaction import redact

RUN_FOLDER = "outputs"
"""The folder for a job's result, in its working folder. The service copies it to the run's artifacts."""
LEFT_OUT = (
    "tracking=",
    "tracking.uri=",
    "reuse=",
    "sweep.",
    "hydra",
    "data.path=",
    "data.test_path=",
    "search.checkpoint",
)
"""Overrides that a job replaces by its own, or does not need. A test checks that they change no figure."""


def build_request(planned: PlannedCell, folder: Path, config_name: str | None = None) -> Request:
    """
    Return the request for a cell's job, whose result belongs in the cell's folder below `folder`.

    `config_name` is the primary config if the job gets folders of the user's own, or else None.
    """
    cell, config = planned.cell, planned.config
    searches, identity = config.search.kind != "none", planned.identity or {}
    return Request(
        fingerprint=str(cell.fingerprint),
        generation=0,
        display_name=shorten(redact(config.tracking.run_name or cell.name), NAME),
        command=_command(planned, searches=searches, config_name=config_name),
        table=str(identity["data_sha256"]),
        test_table=identity.get("test_sha256"),
        checkpoints=searches,
        experiment_name=config.tracking.experiment_name,
        folder=folder / cell.folder,
    )


def _command(planned: PlannedCell, *, searches: bool, config_name: str | None) -> str:
    config = planned.config
    typed = [word for word in planned.overrides if word.partition("=")[0].lstrip("+") not in planned.resolved]
    own = [word for word in (*typed, *planned.resolved.values()) if not word.lstrip("+").startswith(LEFT_OUT)]
    own += [
        "tracking=none" if config.tracking.uri is None else "tracking=azureml",
        f"hydra.run.dir={RUN_FOLDER}",
    ]
    # The service replaces these names by paths, so they must stand outside the shell's single quotes.
    places = ["\"data.path='${{inputs.table}}'\""]
    if config.data.test_path is not None:
        places.append("\"++data.test_path='${{inputs.test_table}}'\"")
    if searches:
        own.append("search.checkpoint=true")
        places.append("\"search.checkpoint_dir='${{outputs.checkpoints}}'\"")
    sources = [] if config_name is None else [f"--config-path={CONFIG_FOLDER}", f"--config-name={config_name}"]
    begin = "" if config.azure.makes_environment else "python -m bikeml.azure.launch.packages && "
    begin += f"{FINGERPRINT}={planned.cell.fingerprint} "
    begin += f"{ALLOW_VARIABLE}=1 " if sources and is_all_allowed() else ""
    return " ".join([f"{begin}python -m bikeml", *sources, *map(shlex.quote, own), *places])
