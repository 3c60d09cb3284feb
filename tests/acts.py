"""What a worker does in place of a cell, or when it is asked, in tests/test_local_launcher.py; it imports little, since each worker does."""

import os
import signal
import time
from pathlib import Path

from bikeml.errors import DataError, LateError, TrackingError
from bikeml.multirun.local.publication import Publication
from bikeml.records.run import Failed, Invocation
from bikeml.records.run_folder import RunFolder
from bikeml.records.sweep import LeftOutRecord
from bikeml.records.sweep_folder import write_failure
from tests.builders import run_record, write_run


def act(_, job, until):
    """What a worker does in place of a cell: sleep, leave a result, or die."""
    folder, done = Path(job.environment["folder"]) / job.planned.folder, Path(job.environment["done"])
    folder.mkdir(exist_ok=True)
    with done.open("a") as file:
        file.write(f"{job.planned.number}\n")
    for word in job.planned.overrides:
        key, _, value = word.partition("=")
        if key == "sleep":
            time.sleep(float(value))
        while key == "until_begun" and int(value) > len(done.read_text().split()):
            time.sleep(0.01)
        if key == "die" and int(value) >= len(done.read_text().split()):
            os.kill(os.getpid(), signal.SIGKILL)
        if key == "late" and until < time.time() + float(value):
            LeftOutRecord(reason="it would be late").write(folder)
            raise LateError("it would be late")
    write_run(folder, run_record(name=str(job.planned.number)))
    (folder / "report.html").touch()


def die_judged(packed, job, until):
    act(packed, job, until)
    (Path(job.environment["folder"]) / job.planned.folder / "report.html").unlink()
    os.kill(os.getpid(), signal.SIGKILL)


def leave(packed, job, until):
    """Leave the result to be recorded, as a cell does whose launcher has a recorder."""
    folder = RunFolder(Path(job.environment["folder"]) / job.planned.folder)
    if "fail=1" in job.planned.overrides:
        write_failure(folder.path, "the model's code", job.planned.overrides)
        invocation = Invocation(folder.path, "", {})
        return [Publication(folder, job.planned.config, failed=Failed(invocation, "", "the model's code", 0.0))]
    act(packed, job, until)
    return [Publication(folder, job.planned.config)]


def fail_to_publish(_, publication):
    return TrackingError(f"no store for {publication.folder.path.name}")


def publish(_, publication):
    assert publication.config.tracking.uri is None
    (publication.folder.path / "published").touch()


def die_publishing(_, publication):
    os.kill(os.getpid(), signal.SIGKILL)


def refuse(words):
    raise DataError(words)


def die_elsewhere(pid):
    if os.getpid() != pid:
        os.kill(os.getpid(), signal.SIGKILL)
    return "here"
