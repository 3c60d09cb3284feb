"""
Measure how long a sweep takes to be submitted to Azure ML, beside the tutorial's loop, and what asking again costs.

    python scripts/bench_azure.py [--jobs N] [--loop-jobs N] [--cells N]

Against the loopback service of tests/azureml, which answers a job's submission after 0.6 s and everything else of the
control plane after 0.15 s. The loop submits command() with local code one by one, as the tutorial does; it is measured
over --loop-jobs and given per job, since each costs the same. Times go from the first request to the last submission;
requests to the blob store and looks at running jobs are counted apart. The jobs are simulated and end at once.
"""

import argparse
import json
import os
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.azureml import Behaviour, LoopbackAzureML  # noqa: E402  the tests are no package that is installed
from tests.azureml.store import GROUP, SUBSCRIPTION, WORKSPACE  # noqa: E402

PUT_SECONDS, OTHER_SECONDS = 0.6, 0.15
POLLS = ("jobs.list", "jobs.get")
NAMES = {"subscription_id": SUBSCRIPTION, "resource_group": GROUP, "workspace_name": WORKSPACE}
RECORD = ["-m", "bikeml", "model=tree", "tracking=none", "hydra.run.dir=recorded"]
SWEEP = ["-m", "bikeml", "-m", "hydra/launcher=azureml", "model=tree", "tracking=none", "hydra.sweep.dir=sweep"]
LIMITS = ["hydra.launcher.max_jobs=100000", "hydra.launcher.max_node_hours=1000000"]
LOOP = """
import sys
from pathlib import Path
from azure.ai.ml import Input, MLClient, command
from azure.ai.ml.entities import Data
from azure.identity import DefaultAzureCredential

client = MLClient.from_config(DefaultAzureCredential())
Path("src").mkdir(exist_ok=True)
Path("src/train.py").write_text("print('trained')")
Path("src/daily.csv").write_text("temp,rentals")
client.data.create_or_update(Data(name="daily", version="1", path="src/daily.csv", type="uri_file"))
table = client.data._get_latest_version(name="daily")
environment = next(iter(client.environments.list(name="bikeml")))
for number in range(int(sys.argv[1])):
    job = command(
        code="src",
        command="python train.py --table ${{inputs.table}} --reg_rate ${{inputs.reg_rate}}",
        inputs={"table": Input(type="uri_file", path=table.id), "reg_rate": number / 10},
        environment=f"{environment.name}:{environment.version}",
        compute="cpu-cluster",
        experiment_name="rentals",
        display_name=f"rentals-{number}",
    )
    client.jobs.create_or_update(job)
"""


def run(service: LoopbackAzureML, folder: str, *arguments: str, expected: int = 0) -> float:
    """Run Python to its end and return the seconds; the largest process so far is in the resource usage."""
    began = time.perf_counter()
    env = os.environ | service.variables() | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    if done.returncode != expected:
        raise SystemExit(done.stderr)
    return time.perf_counter() - began


def submission(service: LoopbackAzureML) -> tuple[float, int, int, int]:
    """Return the seconds from the first request to the last submission, job PUTs, other requests and polls."""
    entries = [entry for entry in service.log.entries if entry.host == "management.azure.com"]
    puts = [entry for entry in entries if entry.route == "jobs.put"]
    polls = [entry for entry in entries if entry.route in POLLS]
    ends = [entry.time + entry.milliseconds / 1000 for entry in puts]
    seconds = max(ends) - min(entry.time for entry in entries) if puts else 0.0
    return seconds, len(puts), len(entries) - len(puts) - len(polls), len(polls)


def simulate(recorded: dict[str, object], service: LoopbackAzureML) -> None:
    """Let every job of ours end at once with the result that its command speaks of."""

    def behave(job: object) -> Behaviour:
        words = dict(word.partition("=")[::2] for word in shlex.split(job.spec["command"]))  # type: ignore[attr-defined]
        content = json.dumps(recorded | {"fingerprint": words.get("BIKEML_FINGERPRINT")}).encode()
        return Behaviour(seconds=0, files={"default": {"result.json": content}})

    service.lifecycle.behave = behave


def delay(service: LoopbackAzureML) -> None:
    """Answer as late as the service does."""
    service.faults.slow(PUT_SECONDS, "jobs.put", times=None)
    for route in ("jobs.*", "codes.*", "data.*", "environments.*", "datastores.*", "computes.*", "workspaces.*"):
        service.faults.slow(OTHER_SECONDS, route, times=None)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--loop-jobs", type=int, default=20)
    parser.add_argument(
        "--cells", type=int, default=0, help="also a sweep of so many cells without delays, for its memory"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, LoopbackAzureML() as service:
        (Path(folder) / "config.json").write_text(json.dumps(NAMES))
        run(service, folder, *RECORD)
        simulate(json.loads((Path(folder) / "recorded" / "result.json").read_text()), service)
        delay(service)
        cells = [*SWEEP, *LIMITS, f"seed=range(0,{arguments.jobs})"]
        service.log.clear()
        whole = run(service, folder, *cells)
        ours, puts, others, polls = submission(service)
        requests = f"{puts} job PUTs, {others} other requests and {polls} polls"
        print(f"sweep      {ours:.1f} s for {requests}; {whole:.1f} s in all")
        plan = run(service, folder, *cells, "hydra.launcher.plan=true", expected=3)
        for name, place in (("again", []), ("elsewhere", ["hydra.sweep.dir=elsewhere"])):
            service.log.clear()
            again = run(service, folder, *cells, *place)
            _, puts, *_ = submission(service)
            print(
                f"{name:<10} {again:.1f} s in all, {again - plan:.1f} s more than to compose and plan; {puts} job PUTs"
            )
        service.log.clear()
        run(service, folder, "-c", LOOP, str(arguments.loop_jobs))
        loop, puts, others, _ = submission(service)
        print(f"loop       {loop:.1f} s for {puts} job PUTs and {others} other requests")
        ratio = loop / arguments.loop_jobs * arguments.jobs / ours
        print(f"ratio      {ratio:.1f} at {arguments.jobs} jobs  wanted at least 10")
        if arguments.cells:
            service.reset()
            simulate(json.loads((Path(folder) / "recorded" / "result.json").read_text()), service)
            whole = run(service, folder, *SWEEP, *LIMITS, f"seed=range(0,{arguments.cells})")
            memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            print(f"{arguments.cells} cells  {whole:.0f} s, {memory:.0f} MiB  wanted under 600")
    return 0


if __name__ == "__main__":
    sys.exit(main())
