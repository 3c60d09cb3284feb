"""
The life of a command job, from Starting to its end: what the service does with it, as far as clients can see.

The order of the states and their names are the service's. Their lengths are `Timings`, the job's own part is its
`Behaviour`: a real command, or a simulated one that costs nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tests.azureml.clock import Clock
from tests.azureml.cluster import Cluster, Node
from tests.azureml.duration import to_seconds
from tests.azureml.environments import REGISTRIES
from tests.azureml.wire import Json

NO_IDENTITY = (  # azure-dev #7927
    "ManagedIdentityCredential authentication unavailable. The requested identity has not been assigned to this "
    "resource."
)
FINAL = frozenset({"Completed", "Failed", "Canceled"})


@dataclass
class Timings:
    """How long the service takes, in its own seconds; quick by default."""

    starting: float = 0.05
    image_build: float = 0.1
    scale_up: float = 0.1
    finalizing: float = 0.05
    cancelling: float = 0.05


PREEMPTION: Json = {
    "code": "UserError",
    "message": "AzureMLCompute job failed. PreemptionError: Nodes of this job got pre-empted. Check if the run has failed "
    "or restarted. Reason: Received pre-emption warning signal",
}
"""As users have reported it: MachineLearningNotebooks 1242, azure-docs 66288, MLOpsPython 346."""
REALISTIC = Timings(starting=5, image_build=600, scale_up=180, finalizing=15, cancelling=20)


@dataclass(frozen=True)
class Behaviour:
    """
    What a job does.

    Attributes
    ----------
    seconds : float or None
        How long a simulated command runs; None runs the real one in a subprocess.
    outcome : str
        How a simulated command ends, "Completed" or "Failed".
    preemptions : int
        How often a simulated job loses its node, each time when half of its time is over.
    preempted_fails : bool
        Whether a job that loses its node fails with it, or is run again under its name.
    silent_after : float or None
        Seconds after which it stops responding.
    recovers_after : float or None
        Seconds after which it responds again; None means never.
    shows : str or None
        A state that this program has never heard of, shown instead of Running.
    files : mapping
        What a simulated command leaves behind: output name ("default" for outputs/) to file name to contents.

    """

    seconds: float | None = None
    outcome: str = "Completed"
    preemptions: int = 0
    preempted_fails: bool = False
    silent_after: float | None = None
    recovers_after: float | None = None
    shows: str | None = None
    files: Mapping[str, Mapping[str, bytes]] = field(default_factory=dict)


@dataclass
class Job:
    """One job: what was asked for and what became of it."""

    name: str
    spec: Json
    created: float
    status: str = "Starting"
    attempt: int = 0
    error: Json | None = None
    started: float | None = None
    ended: float | None = None
    history: list[tuple[float, str]] = field(default_factory=list)
    behaviour: Behaviour = field(default_factory=Behaviour)
    nodes: list[Node] = field(default_factory=list)
    extra: Json = field(default_factory=dict)
    epoch: int = 0  # what was planned before the last change of plan does not happen

    @property
    def is_final(self) -> bool:
        """Whether nothing will happen to it any more."""
        return self.status in FINAL


class Runner(Protocol):
    """What runs the commands of jobs that are not simulated."""

    def start(self, job: Job, done: Callable[[str | None], None]) -> None:
        """Run the job's command; call `done` with None, or with what went wrong."""

    def stop(self, job: Job) -> None:
        """End the command, if it runs."""

    def deposit(self, job: Job) -> None:
        """Store the files of a simulated job."""


class Lifecycle:
    """Moves jobs along; everything here happens under the clock's lock."""

    def __init__(self, clock: Clock, runner: Runner) -> None:
        self.clock, self.runner = clock, runner
        self.timings = Timings()
        self.behave: Callable[[Job], Behaviour] = lambda _job: Behaviour()
        self.preemption = PREEMPTION
        """What is said of a job that fails with its node."""
        self.timeout: Json | None = None
        """What is said of a job that outran its time: nothing, as far as is known."""
        self.images: dict[str, bool] = {}  # environment id: False while it is being built
        self._building: dict[str, list[Job]] = {}

    def submit(self, job: Job, cluster: Cluster) -> None:
        """Begin."""
        job.behaviour = self.behave(job)
        job.extra["cluster"] = cluster
        self._show(job, "Starting")
        self._later(job, self.timings.starting, self._prepare)

    def cancel(self, job: Job) -> None:
        """Ask for the end; it comes a little later."""
        self._change_plan(job)
        self._cluster(job).withdraw(job.name)
        self.runner.stop(job)
        self._show(job, "CancelRequested")
        self._later(job, self.timings.cancelling, lambda job: self._end(job, "Canceled"))

    def preempt(self, job: Job) -> None:
        """Take the job's node away."""
        if not job.nodes:
            raise ValueError(f"job {job.name!r} has no node: it is {job.status}")
        self._change_plan(job)
        self.runner.stop(job)
        nodes, job.nodes = job.nodes, []
        if job.behaviour.preempted_fails:
            self._end(job, "Failed", self.preemption)
        else:
            job.attempt += 1
            self._queue(job)
        self._cluster(job).release(nodes, lost=True)

    def fail(self, job: Job, message: str) -> None:
        """Let the job fail now."""
        self._change_plan(job)
        self._cluster(job).withdraw(job.name)
        self.runner.stop(job)
        self._end(job, "Failed", message)

    def _prepare(self, job: Job) -> None:
        environment = job.spec["environmentId"].lower()
        if self.images.get(environment) or environment.startswith(REGISTRIES):  # which come with their images
            self._queue(job)
            return
        self._show(job, "Preparing")
        self._building.setdefault(environment, []).append(job)
        job.extra["image_build"] = True
        if environment not in self.images:
            self.images[environment] = False
            self.clock.call_in(self.timings.image_build, lambda: self._built(environment))

    def _built(self, environment: str) -> None:
        self.images[environment] = True
        for job in self._building.pop(environment, []):
            if job.status == "Preparing":
                self._queue(job)

    def _queue(self, job: Job) -> None:
        self._show(job, "Queued")
        count = int((job.spec.get("resources") or {}).get("instanceCount") or 1)
        self._cluster(job).ask(job.name, count, lambda nodes: self._run(job, nodes))

    def _run(self, job: Job, nodes: list[Node]) -> None:
        job.nodes, job.started = nodes, self.clock.now()
        self._show(job, job.behaviour.shows or "Running")
        identity = (job.spec.get("identity") or {}).get("identityType")
        if identity == "Managed" and not self._cluster(job).has_identity:
            self._finalize(job, NO_IDENTITY)
            return
        if limit := (job.spec.get("limits") or {}).get("timeout"):
            self._later(job, to_seconds(limit), self._time_out)
        if job.behaviour.silent_after is not None:
            self._later(job, job.behaviour.silent_after, self._fall_silent)
        if job.behaviour.seconds is None:
            epoch = job.epoch
            self.runner.start(job, lambda error: self._done(job, epoch, error))
        elif job.attempt < job.behaviour.preemptions:
            self._later(job, job.behaviour.seconds / 2, self.preempt)
        else:
            self._later(job, job.behaviour.seconds, self._stop_simulating)

    def _time_out(self, job: Job) -> None:
        self._change_plan(job)
        self.runner.stop(job)
        self._show(job, "CancelRequested")
        self._later(job, self.timings.cancelling, lambda job: self._end(job, "Canceled", self.timeout))

    def _fall_silent(self, job: Job) -> None:
        self._show(job, "NotResponding")
        if job.behaviour.recovers_after is None:
            self._change_plan(job)  # nobody hears of its end either
        else:
            self._later(job, job.behaviour.recovers_after, lambda job: self._show(job, "Running"))

    def _stop_simulating(self, job: Job) -> None:
        error = None if job.behaviour.outcome == "Completed" else "The command ended with exit code 1."
        try:
            if job.behaviour.files:
                self.runner.deposit(job)
        except Exception as reason:  # noqa: BLE001 - the job's failure, and no reason for the time to stop
            error = f"The outputs could not be stored: {reason}"
        self._finalize(job, error)

    def _done(self, job: Job, epoch: int, error: str | None) -> None:
        with self.clock.lock:
            if job.epoch == epoch and not job.is_final:
                self._finalize(job, error)

    def _finalize(self, job: Job, error: str | None) -> None:
        self._change_plan(job)
        self._show(job, "Finalizing")
        self._later(
            job,
            self.timings.finalizing,
            lambda job: self._end(job, "Failed" if error else "Completed", error),
        )

    def _end(self, job: Job, status: str, error: str | Json | None = None) -> None:
        job.error = {"code": "UserError", "message": error} if isinstance(error, str) else error
        job.ended = self.clock.now()
        self._show(job, status)
        nodes, job.nodes = job.nodes, []
        self._cluster(job).release(nodes)

    def _show(self, job: Job, status: str) -> None:
        job.status = status
        job.history.append((self.clock.now(), status))

    def _change_plan(self, job: Job) -> None:
        job.epoch += 1

    def _later(self, job: Job, seconds: float, action: Callable[[Job], None]) -> None:
        epoch = job.epoch
        self.clock.call_in(seconds, lambda: action(job) if job.epoch == epoch and not job.is_final else None)

    @staticmethod
    def _cluster(job: Job) -> Cluster:
        cluster: Cluster = job.extra["cluster"]
        return cluster
