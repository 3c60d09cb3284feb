"""
Run one command for as long as the parent lives.

Started as a plain script: a folder to remove when the parent has gone, or "-", then the command. The parent holds the other end of standard input;
when it goes away, in whatever way, SIGKILL included, the read returns and the whole process group is ended.
The standard library only, and few modules of it: every job of a sweep starts one of these.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

GRACE_SECONDS = 3.0
OURS = "loopback-azureml-"  # nothing else is ever removed


def end_group(process: "subprocess.Popen[bytes]") -> None:
    """Ask the command's group to stop, then make it stop."""
    for sign, patience in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, 0.0)):
        try:
            os.killpg(process.pid, sign)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + patience
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)


def watch_parent(process: "subprocess.Popen[bytes]") -> None:
    """Wait until the parent closes standard input or dies, then end the command."""
    while os.read(0, 1):
        pass
    end_group(process)


def remove(folder: str) -> None:
    """Remove the parent's folder; other commands may be writing their last words into it."""
    deadline = time.monotonic() + 2 * GRACE_SECONDS
    path = Path(folder)
    while path.name.startswith(OURS) and path.exists() and time.monotonic() < deadline:
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.1)


def main() -> int:
    """Run the command and return its exit code, 128 + n for signal n."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, and the parent ends us in order
    folder, *command = sys.argv[1:]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    signal.signal(signal.SIGTERM, lambda *_: end_group(process))
    watcher = threading.Thread(target=watch_parent, args=(process,), daemon=True)
    watcher.start()
    code = process.wait()
    end_group(process)  # what the command left behind in the background
    if folder != "-":
        watcher.join()
        remove(folder)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
