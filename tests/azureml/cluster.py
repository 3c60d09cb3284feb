"""A compute cluster: nodes that start when work waits, run one job at a time, and go when they are idle."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from tests.azureml.clock import Clock

CORES = {  # of the sizes that the examples use; another size is refused
    "STANDARD_DS11_V2": 2,
    "STANDARD_DS2_V2": 2,
    "STANDARD_DS3_V2": 4,
    "STANDARD_DS12_V2": 4,
    "STANDARD_D2_V2": 2,
    "STANDARD_D2S_V3": 2,
    "STANDARD_F4S_V2": 4,
    "STANDARD_E4S_V3": 4,
}


@dataclass
class Node:
    """One machine."""

    number: int
    ready: bool = False
    job: str | None = None
    idle_since: float | None = None


@dataclass(frozen=True)
class Waiting:
    """A job in the queue: how many nodes it needs, and what to call with them."""

    job: str
    count: int
    start: Callable[[list[Node]], None]


@dataclass
class Cluster:
    """
    Nodes between a minimum and a maximum.

    Attributes
    ----------
    idle_seconds : float
        After which a node goes, above the minimum.
    scale_up_seconds : float
        What a new node takes to be ready.
    has_identity : bool
        Whether a managed identity was assigned to it; serverless nodes have none.
    errors : tuple of (code, message)
        What the service says of nodes that it cannot allocate; while there are any, none is.

    """

    clock: Clock
    minimum: int
    maximum: int
    idle_seconds: float
    scale_up_seconds: float
    has_identity: bool = False
    errors: tuple[tuple[str, str], ...] = ()
    nodes: list[Node] = field(default_factory=list)
    waiting: deque[Waiting] = field(default_factory=deque)
    started: int = 0

    def ask(self, job: str, count: int, start: Callable[[list[Node]], None]) -> None:
        """Queue a job; `start` is called with its nodes when they are there."""
        self.waiting.append(Waiting(job, count, start))
        self.pump()

    def withdraw(self, job: str) -> None:
        """Take a job out of the queue."""
        self.waiting = deque(w for w in self.waiting if w.job != job)
        self.pump()

    def release(self, nodes: list[Node], *, lost: bool = False) -> None:
        """Take nodes back from a job; lost ones were preempted and are gone."""
        for node in nodes:
            node.job = None
            if lost:
                self.nodes.remove(node)
            else:
                self._rest(node)
        self.pump()

    def pump(self) -> None:
        """Hand out idle nodes in the order of the queue, and start what is missing."""
        while self.waiting and len(idle := self._idle()) >= self.waiting[0].count:
            first = self.waiting.popleft()
            taken = idle[: first.count]
            for node in taken:
                node.job, node.idle_since = first.job, None
            first.start(taken)
        self._grow()

    def count(self, *, busy: bool | None = None) -> int:
        """Return how many nodes there are, or how many of them are at work, or are not."""
        return sum(1 for node in self.nodes if busy is None or (node.job is not None) == busy)

    def _idle(self) -> list[Node]:
        return [node for node in self.nodes if node.ready and node.job is None]

    def _grow(self) -> None:
        if self.errors:
            return
        wanted = max(self.minimum, self.count(busy=True) + sum(w.count for w in self.waiting))
        for _ in range(min(wanted, self.maximum) - len(self.nodes)):
            self.started += 1
            node = Node(self.started)
            self.nodes.append(node)
            self.clock.call_in(self.scale_up_seconds, partial(self._arrive, node))

    def _arrive(self, node: Node) -> None:
        node.ready = True
        self._rest(node)
        self.pump()

    def _rest(self, node: Node) -> None:
        since = node.idle_since = self.clock.now()
        self.clock.call_in(self.idle_seconds, lambda: self._shrink(node, since))

    def _shrink(self, node: Node, since: float) -> None:
        if node in self.nodes and node.idle_since == since and len(self.nodes) > self.minimum:
            self.nodes.remove(node)
