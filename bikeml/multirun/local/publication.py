"""What an experiment leaves in its folder to be drawn and recorded, in this process or in another one."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bikeml.destination.caller import describe_destination
from bikeml.errors import BikemlError
from bikeml.recorded.parent import read_parent
from bikeml.records.run import Failed
from bikeml.records.run_folder import LOG, RunFolder
from bikeml.terminal.progress import Announce, silent
from bikeml.terminal.status import log_error, settle_logging

if TYPE_CHECKING:
    from bikeml.config.schema import Config
    from bikeml.destination.system_metrics import Sample

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
"""As in conf/hydra/job_logging/quiet.yaml."""

_left: ContextVar[list["Publication"]] = ContextVar("left")


@dataclass(frozen=True)
class Publication:
    """A run folder that is to be drawn and recorded, or a failure that is to be recorded."""

    folder: RunFolder
    config: "Config"
    samples: "Sequence[Sample]" = ()
    failed: Failed | None = None
    sweep: Path | None = None
    """The folder of the sweep of which it is a cell, as the launcher knows."""


def publish_here(
    folder: RunFolder, config: "Config", announce: Announce = silent, samples: "Sequence[Sample]" = ()
) -> str:
    """Draw and record a run in this process, and return which earlier run is the same; raises TrackingError."""
    from bikeml.multirun.display.same import tell_same  # they import what takes seconds
    from bikeml.multirun.publish import publish

    publish(folder, config, announce, samples)
    return tell_same(config, folder.require(), folder.path)


def publish_cell(publication: Publication) -> BikemlError | None:
    """
    Draw and record the result of a cell, and return why it could not be; the cell's log has all of it.

    Of a failure only the log says that it could not be recorded.
    """
    from bikeml.multirun.publish import publish, publish_failure

    folder, config, failed = publication.folder, publication.config, publication.failed
    with logging_to(folder):
        try:
            uri = describe_destination(config.tracking).uri
            parent = read_parent(publication.sweep, uri) if publication.sweep is not None else None
            if failed is not None:
                publish_failure(config, replace(failed, invocation=replace(failed.invocation, parent_run_id=parent)))
            else:
                publish(folder, config, silent, publication.samples, parent_run_id=parent)
        except BikemlError as error:
            log_error(error)
            return error
    return None


def publish_later(
    folder: RunFolder, config: "Config", announce: Announce = silent, samples: "Sequence[Sample]" = ()
) -> None:
    """Leave a result to whoever collects what is left; if nobody does, draw and record it."""
    left = _left.get(None)
    if left is not None:
        left.append(Publication(folder, config, samples))
        return
    from bikeml.multirun.publish import publish

    publish(folder, config, announce, samples)


def publish_failure_later(config: "Config", failed: Failed) -> None:
    """Leave a failure to whoever collects what is left; if nobody does, record it."""
    left = _left.get(None)
    if left is not None:
        left.append(Publication(RunFolder(failed.invocation.folder), config, failed=failed))
        return
    from bikeml.multirun.publish import publish_failure

    publish_failure(config, failed)


@contextmanager
def publications_left() -> Iterator[list[Publication]]:
    """Yield the list of what the block leaves to be drawn and recorded."""
    token = _left.set([])
    try:
        yield _left.get()
    finally:
        _left.reset(token)


@contextmanager
def logging_to(folder: RunFolder) -> Iterator[None]:
    """Let warnings go to the log of the run, as in the process that ran it."""
    handler: Any = logging.FileHandler(folder.path / LOG, delay=True)
    handler.setFormatter(logging.Formatter(LOG_FORMAT))
    root = logging.getLogger()
    root.addHandler(handler)
    settle_logging()
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()
