"""The loopback service as a process: what it prints, where it listens, and that it leaves nothing behind."""

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.azureml import LoopbackAzureML
from tests.azureml.blobs import missing
from tests.azureml.processes import Kept, processes_with

ROOT = Path(__file__).parents[3]

pytestmark = [
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
    pytest.mark.skipif(not Path("/proc").exists(), reason="the processes are looked for in /proc"),
]


@pytest.fixture
def started(tmp_path: Path) -> Iterator[tuple["subprocess.Popen[str]", Path]]:
    """`python -m tests.azureml` with a temporary folder of its own, when it has printed everything."""
    command = [sys.executable, "-m", "tests.azureml", "--variables", str(tmp_path / "variables.sh")]
    env = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while "Ctrl-C" not in (line := process.stdout.readline()):
            assert line, "it ended without a word"
        yield process, tmp_path
        process.kill()


def wait_until_clean(folder: Path, seconds: float = 15) -> tuple[list[int], list[Path]]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        left = processes_with(f"TMPDIR={folder}"), list(folder.glob("loopback-azureml-*"))
        if left == ([], []):
            break
        time.sleep(0.1)
    return left


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_behind(started: tuple["subprocess.Popen[str]", Path], sign: signal.Signals) -> None:
    process, folder = started
    while len(processes_with(f"TMPDIR={folder}")) < 3:  # itself, the keeper and the blob store
        time.sleep(0.02)
    process.send_signal(sign)
    assert process.wait(20) == (-9 if sign == signal.SIGKILL else 0)
    assert wait_until_clean(folder) == ([], [])


def test_what_it_prints_is_enough_for_another_process(started: tuple["subprocess.Popen[str]", Path]) -> None:
    _, folder = started
    code = (
        "import requests; from azure.identity import DefaultAzureCredential as C; "
        "c = C(); t = c.get_token('https://management.azure.com/.default').token; "
        "r = requests.get('https://management.azure.com/subscriptions', headers={'Authorization': 'Bearer ' + t}); "
        "print(r.json()['error']['code'])"
    )
    script = f". {folder}/variables.sh && {shlex.quote(sys.executable)} -W ignore -c {shlex.quote(code)}"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout == "ResourceNotFound\n", done.stderr
    assert (folder / "variables.sh").stat().st_mode & 0o077 == 0


def test_everything_listens_on_127_0_0_1_alone(azureml: LoopbackAzureML) -> None:
    azureml.blobs.wait()
    ports = {azureml.server.port, azureml.proxy.port, azureml.blobs.port}
    listening = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        local, state = line.split()[1], line.split()[3]
        address, port = local.split(":")
        if state == "0A" and int(port, 16) in ports:
            listening.add((address, int(port, 16)))
    assert listening == {("0100007F", port) for port in ports}


def test_a_kept_command_is_stopped_with_all_that_it_started(tmp_path: Path) -> None:
    mark = f"kept-{os.getpid()}-{time.monotonic_ns()}"
    script = f"trap '' TERM; : {mark}; sh -c 'sleep 60; : {mark}' & wait; wait"
    kept = Kept(["sh", "-c", script], tmp_path / "log")
    while len(processes_with(mark)) < 3:
        time.sleep(0.02)
    kept.stop()
    assert processes_with(mark) == []


def test_the_exit_code_of_a_kept_command_is_passed_on(tmp_path: Path) -> None:
    assert [Kept(["sh", "-c", f"exit {n}"], tmp_path / "log").wait(10) for n in (0, 3)] == [0, 3]


def test_a_closed_service_leaves_no_files() -> None:
    with LoopbackAzureML() as service:
        assert service.folder.exists()
    assert not service.folder.exists()
    service.close()
