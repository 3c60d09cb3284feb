"""Write what becomes of the jobs of a launch into the cells' folders."""

from collections.abc import Mapping
from pathlib import Path

from bikeml.azure.jobs.service import Job, Request
from bikeml.errors import DetachedError, SweepStoppedError
from bikeml.multirun.composed import PlannedCell
from bikeml.records.provenance import command_line
from bikeml.records.sweep import write_job
from bikeml.records.sweep_folder import write_failure
from bikeml.system.redaction import redact
from bikeml.terminal.tables import show_notice


class Recorder:
    """Writes the states and failures of jobs into their cells' folders."""

    def __init__(self, planned: Mapping[str | None, PlannedCell], max_failures: int | None) -> None:
        self._planned, self._max_failures, self._failures, self._delays = planned, max_failures, 0, 0
        self._told: dict[Path, Job] = {}

    def stands(self, request: Request, job: Job) -> None:
        """Write the state of the job if it has changed."""
        told = self._told.get(request.folder)
        if told is None or (told.name, told.status, told.note) != (job.name, job.status, job.note):
            self._told[request.folder] = job
            write_job(request.folder, job.name, job.status, job.studio, job.note)

    def delayed(self, request: Request, reason: str) -> None:
        """Write why the result is not here; if that cannot be written either, print it."""
        self._delays += 1
        job = self._told[request.folder]
        try:
            write_job(request.folder, job.name, job.status, job.studio, reason)
        except OSError:
            show_notice(reason)

    def check_delays(self) -> None:
        """Raise DetachedError if nothing has failed and results are still missing."""
        if self._delays and not self._failures:
            raise DetachedError(
                f"{self._delays} results are not here, and nothing is lost; fetch them with: {redact(command_line())}"
            )

    def ended(self, request: Request, failure: str | None) -> None:
        """Write why there is no result; raises SweepStoppedError if more cells have failed than may fail."""
        if failure is None:
            return
        self._failures += 1
        write_failure(request.folder, failure, self._planned[request.fingerprint].cell.overrides)
        if self._max_failures is not None and self._failures > self._max_failures:
            raise SweepStoppedError(
                f"{self._failures} cells have failed, and sweep.max_failures={self._max_failures} allows no more; jobs "
                "that are submitted go on"
            )

    def waits(self, reason: str) -> None:
        """Print why the sweep waits."""
        show_notice(reason)
