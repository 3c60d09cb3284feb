"""The tasks of a workspace: register_data, create_compute, jobs, deploy, invoke and undeploy."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bikeml.azure.launch.launcher import check_installed
from bikeml.errors import ConfigError
from bikeml.tasks import shell
from bikeml.terminal.status import DONE, report

LOOK_SECONDS = 5.0
ENDPOINT_TASKS = {
    "deploy": "deploy the model of a run as an online endpoint",
    "invoke": "ask an endpoint for predictions",
    "undeploy": "delete an endpoint, or one of its deployments",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one task and return the exit status: 0 done, 1 failed, 2 bad config, data or run, 130 interrupted."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and words[0] in ENDPOINT_TASKS:
        try:
            check_installed(f"bikeml.azure {words[0]}")
        except ConfigError as error:
            return report(error)
        return _do_at_endpoint(words[0], words[1:])
    parser = argparse.ArgumentParser(prog="python -m bikeml.azure", description=__doc__)
    commands = parser.add_subparsers(dest="task", required=True)
    for name, text in (
        ("register_data", "register the table of the config as a data asset"),
        ("create_compute", "make the cluster of the config where there is none of its name"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("overrides", nargs="*", help="of the config, such as azure.compute.max_instances=4")
    jobs = commands.add_parser("jobs", help="list, follow or cancel the jobs of a sweep, or follow the log of one")
    jobs.add_argument("sweep", type=Path, help="the folder that hydra.sweep.dir named")
    jobs.add_argument("overrides", nargs="*", help="of the config, such as azure.workspace_name=w")
    for name, text in ENDPOINT_TASKS.items():
        commands.add_parser(name, help=text)
    what = jobs.add_mutually_exclusive_group()
    what.add_argument("--follow", action="store_true", help="tell of every change until all have ended")
    what.add_argument("--logs", metavar="CELL", help="follow the log of a cell, by its number or the name of its job")
    what.add_argument("--cancel", action="store_true", help="ask for the end of those that have not ended")
    try:
        _do(parser.parse_args(words))
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  an error of no known kind is printed whole
        return report(error)
    return DONE


def _do_at_endpoint(name: str, words: Sequence[str]) -> int:
    from bikeml.azure.endpoint import deploy, invoke  # with mlflow and scikit-learn, which the other tasks do without

    program = f"python -m bikeml.azure {name}"
    if name == "deploy":
        return shell.main(name, deploy.DeployOptions, deploy.deploy, words, program)
    if name == "invoke":
        return shell.main(name, invoke.InvokeOptions, invoke.invoke, words, program)
    return shell.main(name, deploy.UndeployOptions, deploy.undeploy, words, program)


def _do(chosen: argparse.Namespace) -> None:
    check_installed(f"bikeml.azure {chosen.task}")
    from bikeml.azure import tasks  # azure's import takes seconds

    if chosen.task == "register_data":
        print(tasks.register_data(chosen.overrides))
    elif chosen.task == "create_compute":
        print(tasks.create_compute(chosen.overrides))
    elif chosen.logs is not None:
        for line in tasks.follow_log(chosen.sweep, chosen.logs, LOOK_SECONDS, chosen.overrides):
            print(line, flush=True)
    else:
        if chosen.follow:
            jobs = tasks.follow_jobs(chosen.sweep, LOOK_SECONDS, chosen.overrides)
        elif chosen.cancel:
            jobs = tasks.cancel_jobs(chosen.sweep, chosen.overrides)
        else:
            jobs = iter(tasks.read_jobs(chosen.sweep, chosen.overrides))
        for job in jobs:
            print(f"{job.name}  {job.status:<12}  {job.studio}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
