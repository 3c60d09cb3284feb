"""What a launch of jobs is asked to do, the same for the workspace in memory and for the loopback's day."""

import hashlib
from pathlib import Path

from bikeml.azure.jobs.ledger import Policy
from bikeml.azure.jobs.service import Request

POLICY = Policy(
    reuse="all",
    wait=True,
    max_parallel_jobs=None,
    timeout_minutes=60,
    max_node_hours=1e6,
    preemptions=2,
    poll_seconds=20,
    patience_minutes=30,
    on_quota="stop",
)


def request_of(number: int, fingerprint: str, folder: Path, table: str = "sha256 of the table") -> Request:
    """Return the request for a cell's job, whose result is to come to its folder below `folder`."""
    return Request(
        fingerprint=fingerprint,
        generation=0,
        display_name=f"cell {number}",
        command=f"BIKEML_FINGERPRINT={fingerprint} python -m bikeml seed={number}",
        table=table,
        checkpoints=False,
        experiment_name="sweep",
        folder=folder / str(number),
    )


def cells(count: int, folder: Path = Path("sweep")) -> list[Request]:
    """Return requests for so many cells, the same ones at every call."""
    fingerprints = [hashlib.sha256(f"cell {number}".encode()).hexdigest() for number in range(count)]
    return [request_of(number, fingerprint, folder) for number, fingerprint in enumerate(fingerprints)]
