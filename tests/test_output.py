"""The standard streams of a command that are closed, full, or without a reader end no work."""

import getpass
import os
import subprocess
import sys

import pytest

from bikeml.errors import FitError
from bikeml.system.processes import user
from bikeml.terminal.status import report

resource = pytest.importorskip("resource", reason="limits of a process are a thing of Unix")

CODE = """
import sys
from bikeml.terminal.streams import guard
guard()
from bikeml.terminal.status import settle_output
print("gr\\xf6\\xdfe \\xb1 1")
open("work", "w").write("done")
sys.exit(settle_output(0))
"""


def run(redirection="", code=CODE, flags=(), **variables):
    """Run Python with streams as a shell's redirection has them; return status, output and messages."""
    command = ["bash", "-c", f'exec "$@" {redirection}', "bash", sys.executable, *flags, "-c", code]
    done = subprocess.run(command, capture_output=True, check=False, env={**os.environ, **variables})
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.mark.parametrize("flags", [(), ("-u",)])
def test_a_full_disk_for_the_words_is_one_line_and_status_1(workdir, flags):
    status, _, said = run("> /dev/full", flags=flags)
    assert status == 1
    assert said.startswith(
        "bikeml: the standard output cannot be written: No space left on device; all files are whole"
    )
    assert said.count("\n") == 1
    assert (workdir / "work").read_text() == "done"


@pytest.mark.parametrize("redirection", [">&-", "<&- >&- 2>&-", "2> /dev/full", "2>&-", "> >(true)"])
def test_an_output_that_nobody_reads_is_no_failure(workdir, redirection):
    status, _, said = run(redirection)
    assert (status, said) == (0, "")
    assert (workdir / "work").read_text() == "done"


def test_a_reader_that_has_gone_is_no_failure(workdir):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone:
        done = subprocess.run([sys.executable, "-c", CODE], stdout=gone, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (workdir / "work").read_text() == "done"


def test_no_file_of_ours_gets_the_number_of_a_closed_stream():
    code = "from bikeml.terminal.streams import guard; guard(); import os, sys; os._exit(os.open('work', 65))"
    assert run("<&- >&- 2>&-", code)[0] > 2


def test_what_an_encoding_lacks_is_shown_as_an_escape():
    assert run(PYTHONIOENCODING="ascii")[1] == "gr\\xf6\\xdfe \\xb1 1\n"
    assert run(LC_ALL="POSIX", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")[1] == "gr\\xf6\\xdfe \\xb1 1\n"
    assert run(PYTHONIOENCODING="utf-8")[1] == "größe ± 1\n"
    assert run(PYTHONIOENCODING="ascii:replace")[1] == "gr??e ? 1\n"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(28, "No space left on device", "a.csv"), "there is no space left on the disk: a.csv; delete files"),
        (OSError(24, "Too many open files"), "too many files are open; raise the limit: ulimit -n 1024"),
        (OSError(27, "File too large"), "a file would be larger than it may be; raise the limit: ulimit -f"),
        (MemoryError("Unable to allocate 3 GiB"), "there is too little memory: Unable to allocate 3 GiB; take fewer"),
        (ImportError("x.so: failed to map segment from shared object"), "there is too little memory; take fewer rows"),
        (RuntimeError("can't start new thread"), "no further thread or process can be started; raise the limit"),
        (OSError(2, "No usable temporary directory found in ['/tmp']"), "there is no folder for temporary files; set"),
        (RuntimeError("Could not determine home directory."), "this user has no home folder; set HOME"),
    ],
)
def test_what_the_machine_refuses_is_one_line_and_no_traceback(error, message, capsys):
    later = ValueError("what a library made of it")
    later.__context__ = error
    assert [report(error), report(later)] == [1, 1]
    first, second = capsys.readouterr().err.splitlines()
    assert first == second
    assert first.startswith(f"bikeml: {message}")


def test_a_fit_for_which_there_is_too_little_memory_is_the_machines(capsys):
    error = FitError("the pipeline could not be fitted: MemoryError: Unable to allocate 3 GiB")
    error.__cause__ = MemoryError("Unable to allocate 3 GiB")
    assert report(error) == 1
    assert capsys.readouterr().err.startswith("bikeml: there is too little memory: Unable to allocate 3 GiB; take")
    error.__cause__ = OSError(28, "No space left on device")
    assert report(error) == 1
    assert capsys.readouterr().err.startswith("bikeml: the pipeline could not be fitted")


def test_a_bug_stays_a_bug(capsys):
    assert report(OSError("a bug")) == 1
    assert capsys.readouterr().err == "OSError: a bug\n"


def test_too_little_memory_is_told_before_anything_is_imported(monkeypatch, capsys, call_task):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (600_000_000, -1))
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    status, _, said = call_task("runs")
    assert status == 1
    assert said.startswith("bikeml: this process may have 0.60 GB of memory, and the libraries alone take 1.20; raise")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    assert "take 2.46; raise the limit (ulimit -v unlimited), or set OPENBLAS_NUM_THREADS=1" in call_task("runs")[2]
    assert call_task("--help")[0] == 0


def test_a_working_folder_that_is_gone_is_told(workdir, call_task):
    workdir.rmdir()
    status, _, said = call_task("runs")
    assert status == 1
    assert said.startswith("bikeml: the working folder is gone (No such file or directory); change to one that exists")


def test_a_user_without_a_name_is_unknown(monkeypatch):
    def refuse():
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr(getpass, "getuser", refuse)
    assert user() == "unknown"
