"""What the jobs of a launch are made with: the code, the environment and the tables."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bikeml.azure.jobs.service import Request
from bikeml.azure.launch.snapshot import stage
from bikeml.azure.workspace.requirements import build_conda, is_installed, pin
from bikeml.config.schema import LauncherConfig
from bikeml.errors import DataError
from bikeml.multirun.composed import PlannedCell
from bikeml.multirun.sources import ConfigFolder
from bikeml.records.fingerprint import optional_packages, user_packages
from bikeml.system.redaction import redact
from bikeml.system.spelling import some
from bikeml.table.data import split_name
from bikeml.table.reading.source import open_source, read_bytes
from bikeml.terminal.tables import show_notice

EXCEL = "openpyxl"
"""An optional package. Jobs with other tables do not need it."""


@dataclass(frozen=True)
class JobSetup:
    """What the jobs of a launch are made with."""

    workspace: Any
    planned: Sequence[PlannedCell]
    launcher: LauncherConfig
    folder: Path

    def take(self, folders: Sequence[ConfigFolder]) -> None:
        """Copy the code now: when a job is replaced hours later, the files may have changed."""
        azure, packages = self.planned[0].config.azure, self._packages(installed=False)
        pins = [] if azure.makes_environment else pin(self._packages(installed=True))
        left_out = stage(self.folder / "code", packages, folders, pins)
        if left_out:
            show_notice(f"jobs do not get files that may hold secrets: {some(left_out)}")

    def prepare(self, requests: Sequence[Request]) -> None:
        """Give the workspace the code, the environment and the tables of the requests."""
        azure = self.planned[0].config.azure
        conda = build_conda(self._packages(installed=True)) if azure.makes_environment else None
        wanted = {sha256 for each in requests for sha256 in (each.table, each.test_table) if sha256 is not None}
        tables = {sha256: self._write_table(sha256) for sha256 in sorted(wanted)}
        self.workspace.prepare(self.folder / "code", conda, tables, self.launcher.timeout_minutes)

    def _packages(self, *, installed: bool) -> list[str]:
        named = {
            name for each in self.planned for name in (*user_packages(each.config), *optional_packages(each.config))
        }
        named |= {EXCEL} if self._has_excel else set()
        return sorted(name for name in named if is_installed(name) == installed)

    @cached_property  # a launch asks several times, and a URL is downloaded for each
    def _has_excel(self) -> bool:
        return any(map(_is_excel, self._paths.values()))

    @cached_property
    def _paths(self) -> dict[str, str]:
        """The path of each table and test file, by its sha256."""
        paths: dict[str, str] = {}
        for each in self.planned:
            identity, data = each.identity or {}, each.config.data
            paths[identity["data_sha256"]] = data.path
            if data.test_path is not None:
                paths[identity["test_sha256"]] = data.test_path
        return paths

    def _write_table(self, sha256: str) -> Path:
        path = self._paths[sha256]
        file = self.folder / sha256 / f"table{split_name(path)[1]}"
        if not file.is_file():
            content = read_bytes(path)
            if hashlib.sha256(content).hexdigest() != sha256:
                raise DataError(
                    f"the table at {redact(path)!r} has changed since the sweep was planned; run the same command again"
                )
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(content)
        return file


def _is_excel(path: str) -> bool:
    """Return whether a table is an Excel file. Its content decides, as in reading: a URL may have any ending."""
    with open_source(path) as source:
        return source.format == "excel"
