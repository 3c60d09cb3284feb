"""
Measure what the loopback Azure ML costs: its start, and one simulated job from its submission to its end.

    python scripts/bench_azureml.py [--jobs N] [--repeat N]
"""

import json
import sys
from statistics import median
from typing import Any

import requests
from harness import ROOT, call, parse, show, spread

sys.path.insert(0, str(ROOT))  # the tests are no package that is installed
from tests.azureml import REALISTIC, Behaviour, LoopbackAzureML
from tests.azureml.store import SCOPE

BASE = f"https://management.azure.com{SCOPE}"
MONTH = 30 * 24 * 3600


def connect(service: LoopbackAzureML) -> requests.Session:
    """Return a session that is logged in."""
    session = requests.Session()
    session.trust_env = False  # whatever CA and proxy the user has
    session.headers["Authorization"] = f"Bearer {service.identity.issue('https://management.azure.com')}"
    session.proxies = {"https": service.network_variables()["HTTPS_PROXY"]}
    session.verify = str(service.certificates.authority)
    return session


def prepare(session: requests.Session) -> dict[str, Any]:
    """Make a cluster and an environment, and return a job's body."""
    conda = json.dumps({"dependencies": ["python=3.11"]})
    environment = f"{BASE}/environments/e/versions/1?api-version=2023-04-01-preview"
    session.put(environment, json={"properties": {"condaFile": conda}}).raise_for_status()
    scale = {"minNodeCount": 0, "maxNodeCount": 10}
    compute = {"computeType": "AmlCompute", "properties": {"vmSize": "STANDARD_DS11_V2", "scaleSettings": scale}}
    url = f"{BASE}/computes/cpu?api-version=2023-08-01-preview"
    session.put(url, json={"location": "eastus", "properties": compute}).raise_for_status()
    job = {"jobType": "Command", "command": "true", "environmentId": f"{SCOPE}/environments/e/versions/1"}
    return {"properties": job | {"computeId": f"{SCOPE}/computes/cpu", "experimentName": "bench", "tags": {"s": "1"}}}


def measure_jobs(service: LoopbackAzureML, n_jobs: int) -> None:
    """Submit simulated jobs, and move the clock until all have ended."""
    service.clock.freeze()
    service.lifecycle.timings = REALISTIC
    service.lifecycle.behave = lambda _job: Behaviour(seconds=60)
    with connect(service) as session:
        body = prepare(session)

        def submit() -> None:
            for number in range(n_jobs):
                session.put(f"{BASE}/jobs/job-{number}?api-version=2025-01-01-preview", json=body).raise_for_status()

        submitted = call(submit)
    lived = call(lambda: service.clock.advance(MONTH))
    done = sum(job.status == "Completed" for job in service.jobs.by_name.values())
    answered = median(entry.milliseconds for entry in service.log.find("jobs.put"))
    shares = [lived.clock, submitted.clock, submitted.processor]
    life, whole, processor = (1000 * seconds / n_jobs for seconds in shares)
    figures = [f"{answered:.2f} ms to answer", f"{life:.2f} ms for its life"]
    figures.append(f"{whole:.2f} ms with client and proxy, {processor:.2f} ms of them of the processor")
    show(f"{done} of {n_jobs} jobs", *figures)


def main() -> None:
    arguments = parse(__doc__, ["start", "jobs"], repeat=3, jobs={"type": int, "default": 2000, "help": "how many"})

    def start() -> None:
        with LoopbackAzureML() as service:
            service.blobs.wait()

    if "start" in arguments.only:
        show("start and stop", f"{spread(call(start).clock for _ in range(arguments.repeat))} s")
    if "jobs" in arguments.only:
        with LoopbackAzureML() as service:
            measure_jobs(service, arguments.jobs)


if __name__ == "__main__":
    sys.exit(main())
