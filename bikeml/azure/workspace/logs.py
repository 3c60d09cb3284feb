"""Read the log of a job while it grows."""

from collections.abc import Iterator

from bikeml.azure.workspace.client import Workspace
from bikeml.system.redaction import redact

LOG = "user_logs/std_log.txt"
"""What a job's command writes."""


class Log:
    """What a job has written so far; before it writes, the log of the build of its image."""

    def __init__(self, workspace: Workspace, job: str) -> None:
        self._workspace, self._job = workspace, job
        self._told: dict[str, int] = {}

    def read(self, *, is_whole: bool) -> Iterator[str]:
        """
        Yield the lines that are new, without secrets; the last one of a whole log needs no end.

        Raises ServiceError.
        """
        content = self._workspace.read_file(self._job, LOG)
        file = LOG
        if content is None and not is_whole:
            file = self._workspace.find_build_log(self._job) or LOG
            content = self._workspace.read_file(self._job, file)
        new = (content or b"")[self._told.get(file, 0) :]
        whole = len(new) if is_whole else new.rfind(b"\n") + 1
        self._told[file] = self._told.get(file, 0) + whole
        yield from redact(new[:whole].decode(errors="replace")).splitlines()
