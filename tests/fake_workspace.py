"""A workspace in memory, at the seam of bikeml.azure: what the service keeps to, and the accidents on the way to it."""

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import RLock

from bikeml.azure.jobs.service import STATES, Job, QuotaError, Request, ServiceError, State
from bikeml.azure.jobs.verdict import Verdict
from tests.builders import run_record

QUICK = ((10, "Starting"), (20, "Queued"), (60, "Running"))
"""How a job goes on until its end: for how many seconds it is in which state."""
LOST_NODE = Verdict(("UserError",), ("PreemptionError: Nodes of this job got pre-empted.",))


class Killed(BaseException):
    """The launcher's process is gone."""


class FakeClock:
    """Time that passes only where somebody sleeps."""

    def __init__(self):
        self.now, self._lock = 0.0, RLock()

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        with self._lock:
            self.now += seconds


@dataclass
class Bought:
    """A job that was paid for."""

    request: Request
    code: str
    tags: dict
    born: float
    course: tuple
    """Pairs of seconds and state, and last the state it ends in."""
    is_preempted: bool = False
    result: str | None = None
    """The text of its result.json."""

    def status(self, now):
        age = now - self.born
        for seconds, status in self.course[:-1]:
            if age < seconds:
                return status
            age -= seconds
        return self.course[-1]

    def spec(self):
        return replace(self.request, folder=Path()), self.code

    def end(self, status, *, is_preempted=False, result=None):
        self.course, self.is_preempted = (status,), is_preempted
        self.result = result if status == "Completed" else None


def valid_result(request):
    """Return the record of a job's run, which is named after the job."""
    return run_record(run_name=request.name, fingerprint=request.fingerprint, identity=None).to_json()


@dataclass
class FakeWorkspace:
    """What the service knows. Names are never free again; jobs go their `course` with the clock."""

    clock: FakeClock = field(default_factory=FakeClock)
    courses: dict = field(default_factory=dict)
    """By job name or fingerprint: Completed, Failed, Preempted, Canceled, or a whole course; else Completed."""
    list_lag: float = 0
    """For so many seconds a list does not know of a job, nor of its newer states."""
    jobs: dict = field(default_factory=dict)
    build_log: str | None = None
    """Of the jobs that are being prepared."""
    queue_error: str | None = None
    """Why the cluster has no nodes, in its own words."""
    refused: dict = field(default_factory=dict)
    """By fingerprint, why the service takes no such job."""

    def __post_init__(self):
        self.lock = RLock()

    def put(self, request, tags, code):
        job = self.jobs.get(request.name)
        if job is None:
            if request.fingerprint in self.refused:
                raise ServiceError(self.refused[request.fingerprint], temporary=False)
            job = self.jobs[request.name] = self._buy(request, tags, code)
        elif job.spec() != (replace(request, folder=Path()), code):
            raise ServiceError("A job with this name already exists", temporary=False)
        job.tags |= tags
        return self.show(request.name)

    def _buy(self, request, tags, code):
        end = self.courses.get(request.name, self.courses.get(request.fingerprint, "Completed"))
        course = (*QUICK, end) if isinstance(end, str) else end
        is_preempted = course[-1] == "Preempted"
        course = (*course[:-1], "Failed") if is_preempted else course
        return Bought(request, code, dict(tags), self.clock.now, course, is_preempted, valid_result(request))

    def alive(self):
        return [name for name in self.jobs if not self.show(name).state.is_final]

    def show(self, name, ago=0.0):
        job = self.jobs[name]
        return Job(name, job.status(self.clock.now - ago), dict(job.tags), f"https://studio.invalid/{name}")

    def list(self, tag):
        now = self.clock.now - self.list_lag
        return [
            self.show(name, self.list_lag)
            for name, job in self.jobs.items()
            if tag in job.tags and (job.born <= now or not self.list_lag)
        ]

    def generations(self):
        """Return how many jobs of each cell were bought."""
        return dict(Counter(job.request.fingerprint for job in self.jobs.values()))

    def put_foreign(self, request, tags):
        """Put a job under a cell's name that is none of ours."""
        self.jobs[request.name] = Bought(request, "theirs", dict(tags), self.clock.now, ("Running",))


class FakeService:
    """One launcher's way to the workspace."""

    def __init__(self, workspace, code="code", pass_on=None):
        self.workspace, self.code, self.calls = workspace, code, Counter()
        self.faults = []
        """Pairs of the call's kind or key, and before, after, refused, quota, kill-before or kill-after: met once."""
        self.seconds_per_call = 0.0
        self._call = pass_on or self._meet_faults

    def _next_fault(self, kind, key):
        for number, (where, fault) in enumerate(self.faults):
            if where in (kind, key, f"{kind} {key}"):
                del self.faults[number]
                return fault
        return "works"

    def _meet_faults(self, kind, key, work):
        with self.workspace.lock:
            self.calls[kind] += 1
            return suffer(self._next_fault(kind, key), work)

    def put_job(self, request, tags):
        return self._call("put", request.name, lambda: self.workspace.put(request, tags, self.code))

    def get_job(self, name):
        return self._call("get", name, lambda: self.workspace.show(name) if name in self.workspace.jobs else None)

    def list_jobs(self, tag):
        jobs = self._call("list", tag, lambda: self.workspace.list(tag))
        if self.seconds_per_call:
            self.workspace.clock.sleep(self.seconds_per_call * (1 + len(jobs) // 10))  # pages
        return iter(jobs)

    def cancel_job(self, name):
        def cancel():
            job = self.workspace.jobs[name]
            if not STATES.get(job.status(self.workspace.clock.now), State.UNCLEAR).is_final:
                job.end("Canceled")

        self._call("cancel", name, cancel)

    def fetch_result(self, name, files, folder):
        def fetch():
            job = self.workspace.jobs[name]
            assert job.status(self.workspace.clock.now) == "Completed"
            assert ("cv_results.csv" in files) == job.request.checkpoints
            (folder / "config.yaml").write_text("seed: 0\n")
            if job.result is not None:
                (folder / "result.json").write_text(job.result)

        self._call("fetch", name, fetch)

    def find_verdict(self, name):
        return self._call("verdict", name, lambda: LOST_NODE if self.workspace.jobs[name].is_preempted else Verdict())

    def find_build_log(self, name):
        return self._call("build log", name, lambda: self.workspace.build_log)

    def explain_queue(self):
        return self._call("queue", "", lambda: self.workspace.queue_error)

    def read_last_words(self, name):
        return self._call("log", name, lambda: f"ValueError in {name}")


def suffer(fault, work):
    """Do a call's work, or not, and lose its answer, or not."""
    if fault == "before":
        raise ServiceError("connection reset", temporary=True)
    if fault == "refused":
        raise ServiceError("AuthorizationFailed", temporary=False)
    if fault == "quota":
        raise QuotaError("a quota of 20 cores is used up")
    if fault == "kill-before":
        raise Killed
    answer = work()
    if fault == "after":
        raise ServiceError("reply lost", temporary=True)
    if fault == "kill-after":
        raise Killed
    return answer
