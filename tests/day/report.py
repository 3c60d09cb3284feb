"""What was counted in the course of a day, and whether it is good enough."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from bikeml.records.run import RunRecord
from tests.azureml.history import DATA_PLANE
from tests.azureml.lifecycle import Job
from tests.day.accidents import find_fingerprint

if TYPE_CHECKING:
    from tests.day.day import Day

REQUESTS_PER_JOB = 1.2
REAL_SECONDS = 600


@dataclass(frozen=True)
class Report:
    """Counts of one day; hours are the service's own."""

    cells: int
    hours: float
    launches: int
    jobs: int
    bought_wrongly: int
    """Jobs of a generation that nobody may buy, or of a cell that had one."""
    fetched: int
    told_otherwise: int
    """Cells whose launch was told of a failure."""
    nodes_lost: int
    jobs_that_failed_with_their_node: int
    replies_lost: int
    throttled: int
    refused_by_quota: int
    tokens: int
    secrets: int
    refused_logins: int
    requests: int
    """To Resource Manager and to the data plane; listings and the blob store are left out."""
    listings: int
    seconds: float
    routes: Mapping[str, int]
    """The requests, by operation."""

    @property
    def requests_per_job(self) -> float:
        """How many requests a job took."""
        return self.requests / self.jobs

    def find_problems(self, requests_per_job: float = REQUESTS_PER_JOB) -> list[str]:
        """Return the bars that were missed, and the accidents that did not happen."""
        holds = {
            "every cell is bought once per generation": self.bought_wrongly == 0,
            "all results are fetched": self.fetched == self.cells,
            "no cell is told to have failed": self.told_otherwise == 0,
            f"at most {requests_per_job:g} requests a job": self.requests_per_job <= requests_per_job,
            f"at most {REAL_SECONDS} seconds": self.seconds <= REAL_SECONDS,
            "two restarts and a quota stop": self.launches == 4,
            "nodes are lost": self.nodes_lost > 0 and self.jobs_that_failed_with_their_node > 0,
            "requests are throttled": self.throttled > 0,
            "the quota refuses jobs": self.refused_by_quota > 0,
            "tokens and secrets are asked for in most hours": min(self.tokens, self.secrets) >= self.hours / 2,
        }
        return [name for name, is_held in holds.items() if not is_held]

    def show(self) -> str:
        """Return a table of the counts."""
        rows = {field.name.replace("_", " "): getattr(self, field.name) for field in fields(self)}
        del rows["routes"]
        rows |= {"requests per job": self.requests_per_job}
        rows |= {f"    {route}": number for route, number in sorted(self.routes.items())}
        return "\n".join(f"{name:<34}{_write(value):>10}" for name, value in rows.items())


def count(day: "Day", launches: int, refused: int, seconds: float, moved: float) -> Report:
    """Count what happened in a day."""
    entries, jobs = day.service.log.entries, list(day.service.jobs.by_name.values())
    planes = [entry for entry in entries if entry.host in ("management.azure.com", DATA_PLANE)]
    asked = Counter(entry.route for entry in planes if entry.route != "jobs.list")
    return Report(
        cells=day.plan.cells,
        hours=moved / 3600,
        launches=launches,
        jobs=len(jobs),
        bought_wrongly=count_wrong(jobs),
        fetched=_count_fetched(day),
        told_otherwise=sum(1 for told in day.folder.glob("cells/*/told.txt") if told.read_text() != "fetched"),
        nodes_lost=sum(job.behaviour.preemptions for job in jobs),
        jobs_that_failed_with_their_node=sum(_failed_with_its_node(job) for job in jobs),
        replies_lost=sum(1 for entry in planes if (entry.fault or "").startswith("reset")),
        throttled=sum(1 for entry in planes if entry.status == 429),
        refused_by_quota=refused,
        tokens=day.service.identity.issued,
        secrets=sum(1 for entry in planes if entry.route == "datastores.secrets"),
        refused_logins=sum(1 for entry in planes if entry.status == 401),
        requests=asked.total(),
        listings=len(planes) - asked.total(),
        seconds=seconds,
        routes=asked,
    )


def _write(value: float) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def count_wrong(jobs: list[Job]) -> int:
    """Return how many jobs follow no lost node: a cell's first job follows nothing."""
    by_cell: defaultdict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        by_cell[find_fingerprint(job)].append(job)
    return sum(
        int(job.name.rpartition("-")[2]) != place or (place > 0 and not _failed_with_its_node(bought[place - 1]))
        for bought in by_cell.values()
        for place, job in enumerate(bought)
    )


def _failed_with_its_node(job: Job) -> bool:
    return job.status == "Failed" and job.behaviour.preempted_fails


def _count_fetched(day: "Day") -> int:
    """Return how many cells hold the result of their own last job."""
    last = {find_fingerprint(job): job.name for job in day.service.jobs.by_name.values()}
    found = [RunRecord.read(folder) for folder in day.fetched()]
    return sum(record is not None and last.get(str(record.fingerprint)) == record.run_name for record in found)
