"""Run the loopback Azure ML for people: `python -m tests.azureml`, Ctrl-C to end."""

import argparse
import json
import shlex
import signal
import sys
import time
from pathlib import Path

from tests.azureml import LoopbackAzureML
from tests.azureml.store import GROUP, SUBSCRIPTION, WORKSPACE
from tests.azureml.workspace import TRACKING_URI

FIRST = """from azure.ai.ml import MLClient; from azure.identity import DefaultAzureCredential
print(MLClient.from_config(DefaultAzureCredential()).workspaces.get().name)"""


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.azureml", description=__doc__)
    parser.add_argument("--variables", type=Path, help="also write the variables to this file, to be sourced")
    parser.add_argument("--throttle", action="store_true", help="answer 429 as Resource Manager does")
    return parser.parse_args()


def write(*lines: str) -> None:
    """Write lines at once, for whoever reads them from a pipe."""
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def write_instructions(service: LoopbackAzureML, variables: Path | None) -> None:
    """Write what to export and a first command to try."""
    exports = [f"export {name}={shlex.quote(value)}" for name, value in service.variables().items()]
    config = {"subscription_id": SUBSCRIPTION, "resource_group": GROUP, "workspace_name": WORKSPACE}
    if variables:  # before anything is printed, which whoever starts this waits for
        variables.touch(mode=0o600)  # there is a secret in it, though one that is worth nothing elsewhere
        variables.write_text("\n".join(exports) + "\n")
    write(
        "# In another shell:",
        *exports,
        f"mkdir -p .azureml && echo {shlex.quote(json.dumps(config))} > .azureml/config.json",
        "",
        "# A first command:",
        f"python -c {shlex.quote(FIRST)}",
        "",
        f"# Its MLflow address: {TRACKING_URI}",
        "# Ctrl-C ends it and removes everything.",
    )


def main() -> int:
    """Serve until interrupted or told to stop."""
    arguments = parse_arguments()
    # SIGTERM as an exception, so that the with statement below cleans up after it as after Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with LoopbackAzureML() as service:
        if arguments.throttle:
            service.faults.throttle()
        write_instructions(service, arguments.variables)
        seen = 0
        try:
            while True:
                time.sleep(0.2)
                for entry in service.log.entries[seen:]:
                    write(str(entry))
                    seen += 1
        except KeyboardInterrupt:
            return 0


if __name__ == "__main__":
    sys.exit(main())
