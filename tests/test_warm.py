"""Workers that are forked from a process which has the libraries: what they answer, and that nothing of them stays."""

import gc
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from bikeml.system.workers.warm import CAN_FORK, DeadWorkerError, WarmServer

METHODS = ["forkserver", pytest.param("spawn", marks=pytest.mark.slow)] if CAN_FORK else ["spawn"]


def call(worker, *function_and_args):
    worker.call(*function_and_args)
    return worker.read()


@pytest.fixture(scope="module", params=METHODS)
def server(request):
    return WarmServer(["decimal", "no_such_module"], request.param)


@pytest.fixture
def worker(server):
    worker = server.start()
    yield worker
    worker.kill()


def test_a_worker_answers_with_what_a_call_returns_raises_and_says(worker):
    assert call(worker, divmod, 7, 2) == ((3, 1), None, "")
    assert call(worker, divmod, 7, 0) == (None, "ZeroDivisionError: integer division or modulo by zero", "")
    assert call(worker, sys.excepthook, ValueError, ValueError("lost"), None) == (None, None, "ValueError: lost\n")


def test_a_worker_that_is_killed_or_crashes_is_told_with_its_exit_code(server):
    worker = server.start()
    worker.call(os._exit, 3)
    with pytest.raises(DeadWorkerError, match="ended with status 3"):
        worker.read()
    worker = server.start()
    worker.call(time.sleep, 600)
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(DeadWorkerError, match="was killed by signal 9"):
        worker.read()


def test_terminate_interrupts_a_call(worker):
    worker.call(time.sleep, 600)
    worker.terminate()
    worker.join(20)
    assert not psutil.pid_exists(worker.pid)


@pytest.mark.slow
def test_kill_ends_the_processes_that_a_call_has_started_too(server):
    worker = server.start()
    worker.call(subprocess.run, ["sleep", "600"])
    until, children = time.time() + 20, []
    while not children and time.time() < until:
        children = psutil.Process(worker.pid).children()
    worker.kill()
    assert len(children) == 1
    psutil.wait_procs(children, timeout=20)
    assert not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in children)


SCRIPT = """
import os, time
from bikeml.system.workers.warm import WarmServer
worker = WarmServer([]).start()
print(worker.pid, flush=True)
worker.call(time.sleep, 600)
time.sleep(600)
"""


@pytest.mark.long
@pytest.mark.slow
def test_a_script_without_a_guard_has_workers_and_they_end_with_it_when_it_is_killed(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    with subprocess.Popen([sys.executable, "script.py"], stdout=subprocess.PIPE, text=True) as process:
        worker = psutil.Process(int(process.stdout.readline()))
        process.kill()
    psutil.wait_procs([worker], timeout=20)
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE


ENDED = """
from bikeml.system.workers.warm import WarmServer, _find_forkserver
server = WarmServer(["json", "sleep_for_ever"])
print(_find_forkserver(), flush=True)
server.end()
other = WarmServer(["json"])
print(other.start().pid)
other.end()
"""


@pytest.mark.skipif(not CAN_FORK, reason="only Linux has such a server")
def test_a_server_that_still_imports_ends_at_once_and_another_one_can_begin(tmp_path):
    (tmp_path / "sleep_for_ever.py").write_text("import time; time.sleep(600)")
    done = subprocess.run(
        [sys.executable, "-c", ENDED], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    server, worker = map(int, done.stdout.split())
    assert done.stderr == ""
    assert not psutil.pid_exists(server)
    assert not psutil.pid_exists(worker)


FULL = """
import os, resource
from bikeml.system.workers.warm import WarmServer
server = WarmServer(["json"])
server.start().kill()
resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 6,) * 2)
try:
    server.start()
except OSError as error:
    print(error.strerror)
"""


@pytest.mark.skipif(not CAN_FORK, reason="only Linux has such a server")
def test_with_too_many_open_files_no_worker_is_asked_for():
    done = subprocess.run([sys.executable, "-c", FULL], capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("Too many open files\n", "")


def test_a_worker_looks_for_garbage_of_its_own(worker):
    assert call(worker, gc.isenabled).value
    assert call(worker, gc.get_freeze_count).value > 1000


FORKED = """
import os
from bikeml.system.workers.warm import WarmServer
ours = WarmServer(["json"]).start()
if not os.fork():
    worker = WarmServer(["json"]).start()
    worker.call(os.getppid)
    print(worker.read().value is not None, flush=True)
    worker.kill()
    os._exit(0)
os.wait()
ours.call(os.getpid)
print(ours.read().value == ours.pid)
ours.kill()
"""


@pytest.mark.skipif(not CAN_FORK, reason="only Linux has such a server")
def test_a_process_that_is_forked_from_one_with_a_server_has_its_own():
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("True\nTrue\n", "")
