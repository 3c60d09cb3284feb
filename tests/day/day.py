"""The day: a service, the launcher's processes one after the other, and the accidents in between."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from tests.azureml import REALISTIC, LoopbackAzureML
from tests.azureml.cluster import CORES
from tests.day.accidents import Accidents, choose_behaviour
from tests.day.moved import ClockServer
from tests.day.plan import Plan
from tests.day.report import Report, count

ROOT = Path(__file__).parents[2]
HOUR = 3600.0
STATUS_STOPPED = 1
LOOK_SECONDS = 0.05


class Launcher:
    """The launcher's process, which can be killed and begun again."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self._folder, self._variables = folder, variables
        self.starts = 0
        self.log = folder / "launcher.log"
        self.start()

    def start(self) -> None:
        """Give the command, which is always the same."""
        self.starts += 1
        command = [sys.executable, "-W", "ignore", "-m", "tests.day.launcher", str(self._folder)]
        with self.log.open("a") as log:
            self._process = subprocess.Popen(command, env=self._variables, stdout=log, stderr=log)

    def kill(self) -> None:
        """End the process as a lost machine does."""
        self._process.kill()
        self._process.wait()

    def status(self) -> int | None:
        """Return how it ended, or None while it runs."""
        return self._process.poll()

    def wait_until(self, reached: Callable[[], bool]) -> None:
        """Wait for a moment of the launch; raises RuntimeError where the process ends before it."""
        while not reached():
            if self.status() is not None:
                raise RuntimeError(f"the launcher ended with status {self.status()}:\n{self.log.read_text()[-3000:]}")
            time.sleep(LOOK_SECONDS)


class Day:
    """
    One day of a plan, in a folder that is empty.

    Parameters
    ----------
    service : LoopbackAzureML
        Freshly started, with an empty workspace.
    """

    def __init__(self, plan: Plan, service: LoopbackAzureML, folder: Path) -> None:
        self.plan, self.service, self.folder = plan, service, folder
        service.clock.freeze()
        service.identity.now = service.clock.now
        service.lifecycle.timings = REALISTIC
        service.lifecycle.behave = choose_behaviour(plan)
        service.workspace.secrets.kind = "Sas"
        service.workspace.quota_cores = plan.nodes * CORES["STANDARD_DS11_V2"]
        (folder / "day.json").write_text(json.dumps(asdict(plan)))

    def run(self) -> Report:
        """Live through the day, and return what was counted; raises RuntimeError where a launch ends unexpectedly."""
        began, morning = time.perf_counter(), self.service.clock.now()
        clock = ClockServer(self.service.clock, self.folder)
        launcher = Launcher(self.folder, os.environ | self.service.variables() | {"PYTHONPATH": str(ROOT)})
        try:
            refused = self._suffer(launcher)
        finally:
            launcher.kill()
            clock.close()
        seconds, moved = time.perf_counter() - began, self.service.clock.now() - morning
        return count(self, launcher.starts, refused, seconds, moved)

    def _suffer(self, launcher: Launcher) -> int:
        """Have the accidents happen in their order; return how many jobs the quota kept out."""
        accidents = Accidents(self.service, self.plan)
        launcher.wait_until(self._submitted(0.1))
        accidents.draw_from_the_bucket()
        launcher.wait_until(self._submitted(0.2))
        accidents.leave_the_bucket()
        for moment in (self._submitted(0.3), self._fetched(0.5)):
            launcher.wait_until(moment)
            launcher.kill()
            self._begin_again(launcher)
        launcher.wait_until(self._submitted(0.75))
        accidents.fill_the_quota()
        self._wait_for_the_end(launcher, STATUS_STOPPED)
        refused = accidents.raise_the_quota()
        self._begin_again(launcher)
        self._wait_for_the_end(launcher, 0)
        return refused

    def _begin_again(self, launcher: Launcher) -> None:
        """Give the command again, when somebody has seen after an hour that it has ended."""
        self.service.clock.advance(HOUR)
        launcher.start()

    @staticmethod
    def _wait_for_the_end(launcher: Launcher, status: int) -> None:
        while launcher.status() is None:
            time.sleep(LOOK_SECONDS)
        if launcher.status() != status:
            launcher.wait_until(lambda: False)

    def _submitted(self, share: float) -> Callable[[], bool]:
        return lambda: len(self.service.jobs.by_name) >= share * self.plan.cells

    def _fetched(self, share: float) -> Callable[[], bool]:
        return lambda: len(self.fetched()) >= share * self.plan.cells

    def fetched(self) -> list[Path]:
        """Return the folders of the cells whose results are here."""
        return [result.parent for result in self.folder.glob("cells/*/result.json")]
