"""A process that can be killed: what it returns and raises, and that nothing of it stays."""

import os
import subprocess
import sys
import time
from concurrent.futures import wait

import psutil
import pytest

from bikeml.system.workers.worker import DEAD, Worker


@pytest.fixture(scope="module")
def worker():
    with Worker(os.umask, 0o027, variables={"BIKEML_TOLD": "so"}) as worker:
        yield worker


@pytest.mark.slow
def test_a_call_returns_and_raises_what_its_function_does(worker):
    assert worker.submit(divmod, 7, 2).result() == (3, 1)
    with pytest.raises(ZeroDivisionError):
        worker.submit(divmod, 7, 0).result()
    assert worker.submit(os.getpid).result() not in (os.getpid(), None)


@pytest.mark.slow
def test_a_process_begins_with_the_given_call_and_variables(worker):
    assert worker.submit(os.umask, 0o027).result() == 0o027
    assert worker.submit(os.getenv, "BIKEML_TOLD").result() == "so"


@pytest.mark.slow
def test_a_killed_call_is_told_as_dead_and_the_next_one_has_a_new_process(worker):
    first = worker.submit(os.getpid).result()
    asleep = worker.submit(time.sleep, 600)
    assert wait([asleep], timeout=0.1).not_done
    worker.kill()
    assert isinstance(asleep.exception(), DEAD)
    assert not psutil.pid_exists(first)
    second = worker.submit(os.getpid).result()
    assert isinstance(worker.submit(os._exit, 3).exception(), DEAD)  # as a crash would
    assert worker.submit(os.getpid).result() not in (first, second)


ORPHAN = """
import os, time
from bikeml.system.workers.worker import Worker
worker = Worker()
print(worker.submit(os.getpid).result(), flush=True)
worker.submit(time.sleep, 600)
time.sleep(600)
"""


@pytest.mark.slow
def test_a_script_without_a_guard_has_workers_and_they_end_with_it_when_it_is_killed(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(ORPHAN)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as process:
        pid = int(process.stdout.readline())
        process.kill()
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=30)
    assert not psutil.pid_exists(pid)
