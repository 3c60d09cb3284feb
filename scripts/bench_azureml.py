"""Print what the loopback Azure ML costs: its start, and one simulated job from submission to its end."""

import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import requests

from tests.azureml import REALISTIC, Behaviour, LoopbackAzureML
from tests.azureml.store import SCOPE

JOBS = 2000


def prepare(session: requests.Session, base: str) -> dict[str, object]:
    """Make a cluster and an environment, and return a job's body."""
    conda = json.dumps({"dependencies": ["python=3.11"]})
    environment = f"{base}/environments/e/versions/1?api-version=2023-04-01-preview"
    session.put(environment, json={"properties": {"condaFile": conda}}).raise_for_status()
    scale = {"minNodeCount": 0, "maxNodeCount": 10}
    compute = {
        "computeType": "AmlCompute",
        "properties": {"vmSize": "STANDARD_DS11_V2", "scaleSettings": scale},
    }
    url = f"{base}/computes/c?api-version=2023-08-01-preview"
    session.put(url, json={"location": "eastus", "properties": compute}).raise_for_status()
    job = {"jobType": "Command", "command": "true", "environmentId": f"{SCOPE}/environments/e/versions/1"}
    return {"properties": job | {"computeId": f"{SCOPE}/computes/c", "experimentName": "bench", "tags": {"s": "1"}}}


def main() -> int:
    """Measure and print."""
    began = time.perf_counter()
    with LoopbackAzureML() as service:
        started = time.perf_counter() - began
        service.blobs.wait()
        print(f"start: {started:.2f} s; blob store ready: {time.perf_counter() - began:.2f} s")
        service.clock.freeze()
        service.lifecycle.timings = REALISTIC
        service.lifecycle.behave = lambda _job: Behaviour(seconds=60)
        base = f"https://management.azure.com{SCOPE}"
        with requests.Session() as session:
            session.trust_env = False  # whatever CA and proxy the user has
            session.headers["Authorization"] = f"Bearer {service.identity.issue('https://management.azure.com')}"
            session.proxies = {"https": service.network_variables()["HTTPS_PROXY"]}
            session.verify = str(service.certificates.authority)
            body = prepare(session, base)
            began, cpu = time.perf_counter(), time.process_time()
            for number in range(JOBS):
                session.put(f"{base}/jobs/job-{number}?api-version=2025-01-01-preview", json=body).raise_for_status()
            per_job, cpu = (
                (time.perf_counter() - began) / JOBS * 1000,
                (time.process_time() - cpu) / JOBS * 1000,
            )
        began = time.perf_counter()
        service.clock.advance(30 * 24 * 3600)
        moved = (time.perf_counter() - began) / JOBS * 1000
        done = sum(job.status == "Completed" for job in service.jobs.by_name.values())
        spent = statistics.median(entry.milliseconds for entry in service.log.find("jobs.put"))
        print(f"{done} of {JOBS} simulated jobs Completed; per job: server {spent + moved:.2f} ms")
        print(f"  ({spent:.2f} to answer, {moved:.2f} for its life)")
        print(f"  with client and proxy {per_job:.2f} ms, of which CPU {cpu:.2f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
