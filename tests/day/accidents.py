"""What goes wrong in the course of the day, and when."""

import random
import shlex
from collections.abc import Callable

from tests.azureml import Behaviour, LoopbackAzureML
from tests.azureml.faults import Fault
from tests.azureml.lifecycle import Job
from tests.builders import run_record
from tests.day.plan import Plan

LOST = 0.03
"""The share of cells whose job loses its node: half of the jobs fail with it, half are run again under their names."""
LOST_REPLIES = 0.002
"""The share of submissions that the service takes and whose reply is lost."""


def choose_behaviour(plan: Plan) -> Callable[[Job], Behaviour]:
    """Return what each job does: some minutes of work, and for some the loss of their node; the same for a seed."""
    cells = plan.fingerprints()
    lost = random.Random(plan.seed).sample(cells, max(3, round(LOST * len(cells))))
    failing = {f"{cell[:8]}-0" for cell in lost[::2]} | {f"{lost[0][:8]}-1"}  # the first one loses two in a row
    moved = {f"{cell[:8]}-0" for cell in lost[1::2]}

    def behave(job: Job) -> Behaviour:
        cell, generation = find_fingerprint(job), job.name.rpartition("-")[2]
        key = f"{cell[:8]}-{generation}"
        record = run_record(run_name=job.name, fingerprint=cell, identity=None)
        files = {"result.json": record.to_json().encode(), "config.yaml": b"seed: 0\n"}
        return Behaviour(
            seconds=random.Random(f"{plan.seed} {job.name}").uniform(300, 900),
            preemptions=int(key in failing or key in moved),
            preempted_fails=key in failing,
            files={"default": files},
        )

    return behave


def find_fingerprint(job: Job) -> str:
    """Return the cell that a job is for, as its command says."""
    words = dict(word.partition("=")[::2] for word in shlex.split(job.spec["command"]))
    return words["BIKEML_FINGERPRINT"]


class Accidents:
    """What a test of the day does to a service."""

    def __init__(self, service: LoopbackAzureML, plan: Plan) -> None:
        self._faults, self._now = service.faults, service.clock.now
        self._writes = max(2, plan.cells // 150)
        self._faults.reset("jobs.put", when="after", times=None, probability=LOST_REPLIES)
        self._quota: Fault | None = None
        self.leave_the_bucket()

    def leave_the_bucket(self) -> None:
        """Let the launcher alone draw from Resource Manager's bucket."""
        self._faults.throttle(now=self._now)

    def draw_from_the_bucket(self) -> None:
        """Let another program draw from it too, so that little is left."""
        self._faults.throttle(writes=self._writes, writes_per_second=self._writes / 4, now=self._now)

    def fill_the_quota(self) -> None:
        """Refuse every further job."""
        self._quota = self._faults.answer(403, "jobs.put", code="QuotaExceeded", times=None)

    def raise_the_quota(self) -> int:
        """Take jobs again; return how many were refused."""
        assert self._quota is not None
        self._quota.left = 0
        return self._quota.happened
